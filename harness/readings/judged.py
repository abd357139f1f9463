"""What came of a reading, judged: by the rules of cells, against the tree that is meant, and against the one that the documents say. Pure.

A reading is judged as a cell whose steps were nothing: its view, or the tree of its image, has an oracle, which is what the layers mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from harness.drivers.base import Importer, Packer
from harness.evidence.recording import SCHEMA, Answer, Recording, ToolRecord
from harness.evidence.tools import tool_record
from harness.judge.defects.explain import Explainer
from harness.judge.defects.model import Defect
from harness.judge.facts.layer import Misread
from harness.judge.findings import Finding
from harness.judge.judge import found, together
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.taken import TakenEvidence, taken_findings
from harness.places import IMPORTED, ORACLE, READ, STEPS, PlaceName
from harness.profile import Profile
from harness.protocol import Phase
from harness.readings.batch import DIED, REFUSED, Saw
from harness.readings.documented import documented
from harness.readings.given import PACKED, Given
from harness.readings.packed import judge_packed, place_packed
from harness.readings.results import Came, Field, TakerRecord
from harness.readings.taker import Role, Taker
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Snapshot


class Judge:
    """Judges the readings of one taker. *defects*: what is known."""

    def __init__(self, taker: Taker, kernel: str, defects: Sequence[Defect] = ()) -> None:
        self._taker = taker
        self._defects = defects
        tool = tool_record(taker.tool, kernel)
        self._tool = _as_it_reads(tool, taker.profile)
        self.record = TakerRecord(taker.key, tool, taker.profile, taker.role)
        self._place = _place(taker)

    def judged(self, given: Given, saw: Saw) -> Field:
        """The field of one reading."""
        if saw.broken:
            return Field(given.key, self.record.key, Came.BROKEN, saw.broken)
        if self._taker.role is Role.FOLDER:
            return self._of_packer(given, saw)
        if self._taker.role is Role.IMAGE:
            return self._of_importer(given, saw)
        return self._of_reader(given, saw)

    def _of_reader(self, given: Given, saw: Saw) -> Field:
        against = documented(self._taker, given.trees)
        recording = self._recording(given, saw)
        findings = self._found(recording, saw, meant(self._taker, given))
        surprises = self._found(recording, saw, against) if against is not None else []
        came = Came.REFUSED if saw.code else Came.DIFFERS if findings else Came.SAME
        return self._field(given, saw, recording, came, findings, surprises)

    def _of_importer(self, given: Given, saw: Saw) -> Field:
        """Of several trees that are right the one that it is nearest to counts; and where it may refuse, it is right to."""
        recording = self._recording(given, saw)
        if saw.code:
            findings = self._found(recording, saw, given.meant) if given.refusal == "wrong" else []
            reached = self._taken(EMPTY, EMPTY, given, saw) if saw.touched else []
            return self._field(given, saw, recording, Came.REFUSED, [*findings, *reached], [*findings, *reached])
        tree = saw.tree or EMPTY
        findings = min((self._taken(tree, one, given, saw) for one in given.allowed or (EMPTY,)), key=len)
        surprises = findings
        if given.made == PACKED:  # what a packer lost, no importer can know: another tree is the packer's doing
            surprises = [one for one in findings if not isinstance(one.facts, Misread)]
        return self._field(given, saw, recording, Came.DIFFERS if findings else Came.SAME, findings, surprises)

    def _taken(self, tree: Snapshot, wanted: Snapshot, given: Given, saw: Saw) -> list[Finding]:
        assert isinstance(self._taker.setup, Importer)
        shown = without_added(tree, self._taker.setup.adds, wanted)
        owners = self._tool.owners != "mapped"
        invalid = given.refusal == "demanded" and not saw.code
        return taken_findings(TakenEvidence(shown, wanted, self._place, owners, given.unsaid, invalid, saw.touched))

    def _of_packer(self, given: Given, saw: Saw) -> Field:
        recording = self._recording(given, saw)
        if saw.packed is None:
            findings = self._found(recording, saw, given.meant)
            return self._field(given, saw, recording, Came.REFUSED, findings, findings)
        assert isinstance(self._taker.setup, Packer)
        findings = judge_packed(given, saw.packed, self._taker.setup.form, by=self._taker.setup.program)
        return self._field(given, saw, recording, Came.DIFFERS if findings else Came.MADE, findings, findings)

    def _field(  # noqa: PLR0917
        self,
        given: Given,
        saw: Saw,
        recording: Recording,
        came: Came,
        findings: Sequence[Finding],
        surprises: Sequence[Finding],
    ) -> Field:
        explainer = Explainer(recording, self._defects)
        reason = _last_line(saw.words) if came is Came.REFUSED else ""
        explained = tuple(map(explainer.explained, surprises))
        return Field(given.key, self.record.key, came, reason, tuple(findings), explained)

    def _recording(self, given: Given, saw: Saw) -> Recording:
        """The reading as a recording: of a cell without steps."""
        answers: tuple[Answer, ...] = ()
        mounts = self._taker.role in {Role.LOWER, Role.UPPER}
        if not mounts and saw.code:
            answers = (Answer(self._tool.called, saw.code, saw.words, self._place),)
        return Recording(
            schema=SCHEMA, id=given.key, scenario=Scenario(1, given.name, "", (), name=given.name), tool=self._tool,
            profile=self._taker.profile, started="", seconds=0.0, exit_code=saw.code or 0, timed_out=False,
            phase=Phase.MOUNT if saw.code in {REFUSED, DIED} else Phase.END, broken="",
            daemon_exits=saw.exits, steps=(), oracle_steps=(), mounts=(), unseen=(), environment={},
            answers=answers, refused=saw.words if saw.code == REFUSED and mounts else "",
        )  # fmt: skip

    def _found(self, recording: Recording, saw: Saw, wanted: Snapshot) -> list[Finding]:
        trees: Mapping[PlaceName, Snapshot] = {ORACLE: wanted}
        if saw.tree is not None:
            trees = {self._place: saw.tree, **trees}
        return [one for one in found(Evidence(recording, trees)) if one.place in {self._place, STEPS}]


def settled(several: Sequence[Field]) -> Field:
    """A reading that was done several times: what came most often, and each surprise with how often it was there. Pure.

    What broke says nothing where another one came to its end.
    """
    done = [one for one in several if one.came is not Came.BROKEN] or several[:1]
    often = Counter(_said(one) for one in done)
    told = max(done, key=lambda one: often[_said(one)])
    return msgspec.structs.replace(told, surprises=tuple(together([one.surprises for one in done])))


def _said(one: Field) -> tuple[Came, frozenset[str]]:
    return one.came, frozenset(finding.key for finding in (*one.findings, *one.surprises))


def without_added(shown: Snapshot, adds: Collection[bytes], wanted: Snapshot) -> Snapshot:
    """A tree without what its importer puts into every one, see ``Importer.adds``, but for what the image itself should have there."""
    whole = tuple(path for path in adds if path.endswith(b"/"))

    def is_added(path: bytes) -> bool:
        return path not in wanted and (path in adds or path + b"/" in whole or path.startswith(whole))

    listed = None if shown.listed is None else frozenset(path for path in shown.listed if not is_added(path))
    return Snapshot.of((one for one in shown if not is_added(one.path)), listed=listed, unseen=shown.unseen)


def _place(taker: Taker) -> PlaceName:
    """Where one looks: at the view of who mounts, the tree of who imports, the layer of who packs."""
    if taker.role is Role.IMAGE:
        return PlaceName(f"{IMPORTED}@{taker.setup.program}")
    if isinstance(taker.setup, Packer):
        return place_packed(taker.setup.form, taker.setup.program)
    return READ


def meant(taker: Taker, given: Given) -> Snapshot:
    """What a taker must show: to who mounts the layers below an upper of its own, that is the root."""
    if taker.role is not Role.LOWER:
        return given.meant
    return Snapshot.of([*given.meant, *EMPTY], unseen=given.meant.unseen)


def _as_it_reads(tool: ToolRecord, profile: Profile) -> ToolRecord:
    """The tool's record, as whose the reading is judged: to a user all owners are its own."""
    return msgspec.structs.replace(tool, owners="mapped") if profile is Profile.USER else tool


def _last_line(words: str) -> str:
    lines = [line for line in words.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else ""
