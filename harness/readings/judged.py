"""What came of a reading, judged: by the rules of cells, against the tree that is meant, and against the one that the documents say. Pure.

A reading is judged as a cell whose steps were nothing: its view, or the tree of its image, has an oracle, which is what the layers mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from harness.evidence.recording import SCHEMA, Answer, Recording, ToolRecord
from harness.evidence.tools import tool_record
from harness.judge.defects.explain import Explainer
from harness.judge.defects.model import Defect
from harness.judge.findings import Finding
from harness.judge.judge import found
from harness.judge.rules.evidence import Evidence
from harness.places import IMPORTED, ORACLE, READ, STEPS, PlaceName
from harness.profile import Profile
from harness.protocol import Phase
from harness.readings.batch import DIED, REFUSED, Saw
from harness.readings.documented import documented
from harness.readings.given import Given
from harness.readings.results import Came, Field, TakerRecord
from harness.readings.taker import Role, Taker
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Snapshot


class Judge:
    """Judges the readings of one taker. *defects*: what is known."""

    def __init__(self, taker: Taker, kernel: str, defects: Sequence[Defect] = ()) -> None:
        self._taker = taker
        self._tool = _as_it_reads(taker, kernel)
        self._defects = defects
        self._importer = taker.role is Role.IMAGE
        self.record = TakerRecord(taker.key, tool_record(taker.tool, kernel), taker.profile, taker.role)
        self._place = PlaceName(f"{IMPORTED}@{taker.setup.program}") if self._importer else READ

    def judged(self, given: Given, saw: Saw) -> Field:
        """The field of one reading of who mounts, or imports."""
        if saw.broken:
            return Field(given.key, self.record.key, Came.BROKEN, saw.broken)
        against = given.meant if self._importer else documented(self._taker, given.trees)
        recording = self._recording(given, saw)
        findings = self._found(recording, saw, meant(self._taker, given))
        surprises = findings if self._importer else self._found(recording, saw, against) if against is not None else []
        explainer = Explainer(recording, self._defects)
        came = Came.REFUSED if saw.code else Came.DIFFERS if findings else Came.SAME
        return Field(
            given.key,
            self.record.key,
            came,
            _last_line(saw.words) if came is Came.REFUSED else "",
            tuple(findings),
            tuple(map(explainer.explained, surprises)),
        )

    def _recording(self, given: Given, saw: Saw) -> Recording:
        """The reading as a recording: of a cell without steps."""
        answers: tuple[Answer, ...] = ()
        if self._importer and saw.code:
            answers = (Answer(self._tool.called, saw.code, saw.words, self._place),)
        return Recording(
            schema=SCHEMA, id=given.key, scenario=Scenario(1, given.name, "", (), name=given.name), tool=self._tool,
            profile=self._taker.profile, started="", seconds=0.0, exit_code=saw.code or 0, timed_out=False,
            phase=Phase.MOUNT if saw.code in {REFUSED, DIED} else Phase.END, broken="",
            daemon_exits=saw.exits, steps=(), oracle_steps=(), mounts=(), unseen=(), environment={},
            answers=answers, refused=saw.words if saw.code == REFUSED and not self._importer else "",
        )  # fmt: skip

    def _found(self, recording: Recording, saw: Saw, wanted: Snapshot) -> list[Finding]:
        trees: Mapping[PlaceName, Snapshot] = {ORACLE: wanted}
        if saw.tree is not None:
            trees = {self._place: saw.tree, **trees}
        return [one for one in found(Evidence(recording, trees)) if one.place in {self._place, STEPS}]


def meant(taker: Taker, given: Given) -> Snapshot:
    """What a taker must show: to who mounts the layers below an upper of its own, that is the root."""
    if taker.role is not Role.LOWER:
        return given.meant
    return Snapshot.of([*given.meant, *EMPTY], unseen=given.meant.unseen)


def _as_it_reads(taker: Taker, kernel: str) -> ToolRecord:
    """The tool's record, as whose the reading is judged: to a user all owners are its own."""
    record = tool_record(taker.tool, kernel)
    return msgspec.structs.replace(record, owners="mapped") if taker.profile is Profile.USER else record


def _last_line(words: str) -> str:
    lines = [line for line in words.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else ""
