"""From evidence to findings and an outcome. Pure: an old recording is judged again by better rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from harness.evidence.recording import Recording
from harness.judge.causes import under_causes
from harness.judge.defects.explain import Explainer
from harness.judge.defects.model import Defect, Named
from harness.judge.facts import mark_line
from harness.judge.findings import Finding, Outcome
from harness.judge.rules.every import RULES, needs
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.mount import refused_by_the_machine
from harness.judge.rules.rule import Need
from harness.places import VIEW, PlaceKind, PlaceName, place_of
from harness.protocol import Phase
from harness.scenario.steps import OBSERVING, Fails
from harness.snapshot.model import Entry, Snapshot


@dataclass(frozen=True)
class Verdict:
    """What comes of a cell. ``missing``: defects that should show and do not. ``tells``: whether those show that it is a witness of."""

    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...]
    missing: tuple[Named, ...] = ()
    tells: Mapping[str, bool] = field(default_factory=dict)
    marks: tuple[str, ...] = ()  # what marks the upper, whoever honours it: a line for each

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings that nobody has named."""
        return tuple(finding for finding in self.findings if finding.known is None)


def judge(
    recording: Recording,
    trees: Mapping[PlaceName, Snapshot],
    raw: Mapping[PlaceName, Sequence[Entry]] = MappingProxyType({}),
    others: Sequence[Sequence[Finding]] = (),
    defects: Sequence[Defect] = (),
) -> Verdict:
    """Judge one cell. *raw*: every entry of the layers that were made, doubles too, in the order of their archives.

    *others*: of a cell that was run several times, what the other runs show. *defects*: what is known.
    """
    broken = recording.broken or refused_by_the_machine(recording)
    if broken:
        return Verdict(Outcome.BROKEN, broken, ())
    evidence = Evidence(recording, trees, raw)
    explainer = Explainer(recording, defects)
    bare = together((found(evidence), *others))
    findings = tuple(explainer.explained(finding) for finding in sorted(bare, key=_order))
    wrong = _wrong_scenario(recording)
    if wrong:
        return Verdict(Outcome.BROKEN, wrong, findings)
    answered = recording.phase == Phase.END or recording.refused or any(f.code == "WL208" for f in findings)
    if not answered:
        return Verdict(
            Outcome.BROKEN,
            f"the script stopped in the phase {recording.phase or 'start'!r} with exit code {recording.exit_code}",
            findings,
        )
    to_its_end = _did_the_same(recording)
    marks = tuple(sorted(mark_line(marker) for marker in evidence.markers))
    missing = explainer.gone(findings, lambda code: _looked(code, evidence)) if to_its_end else ()
    tells = explainer.tells(findings, lambda code: to_its_end and _looked(code, evidence))
    new = [finding for finding in findings if finding.known is None]
    if new:
        return Verdict(Outcome.FINDING, _unexplained(new), findings, missing, tells, marks)
    if missing:
        names = ", ".join(defect.defect for defect in missing)
        why = f"{names} did not show: it seems fixed, say so in its file"
        return Verdict(Outcome.FINDING, why, findings, missing, tells, marks)
    return Verdict(Outcome.PASSED, "", findings, tells=tells, marks=marks)


def _unexplained(new: Sequence[Finding]) -> str:
    """``2 unnamed: WL101, WL106; back: fuse-overlayfs-306``."""
    back = sorted({finding.back.defect for finding in new if finding.back is not None})
    bare = [finding for finding in new if finding.back is None]
    codes = ", ".join(sorted({finding.code for finding in bare}))
    parts = [f"{len(bare)} unnamed: {codes}"] if bare else []
    return "; ".join([*parts, *([f"back: {', '.join(back)}"] if back else [])])


def found(evidence: Evidence) -> list[Finding]:
    """What the rules find in one run, before anybody says what of it is known."""
    return under_causes(carried([finding for rule in RULES for finding in rule(evidence)]), evidence)


def together(runs: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The findings of several runs of one cell, each once, with how often it was found."""
    every: dict[tuple[str, str, PlaceName, str], list[Finding]] = {}
    for run in runs:
        for key, finding in {(one.code, one.path, one.place, one.message): one for one in run}.items():
            every.setdefault(key, []).append(finding)
    return [msgspec.structs.replace(same[0], times=len(same), of=len(runs)) for same in every.values()]


def _looked(code: str, evidence: Evidence) -> bool:
    """Whether somebody looked where findings of a code are."""
    trees = {VIEW, *(need for need in needs(code) if not isinstance(need, Need))}
    return trees <= evidence.trees.keys()


def _did_the_same(recording: Recording) -> bool:
    """Whether the script came to its end, and every step that changes something succeeded or failed as on the plain directory."""
    did, wanted = (
        {
            result.index: bool(result.code)
            for result in results
            if not isinstance(recording.scenario.steps[result.index], OBSERVING)
        }
        for results in (recording.steps, recording.oracle_steps)
    )
    return did == wanted and recording.phase == Phase.END


def carried(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for what several views on an image's journey show: where it first appears, with those to which it is carried."""
    first: dict[tuple[str, str, str], int] = {}
    out: list[Finding] = []
    for finding in sorted(findings, key=lambda one: place_of(one.place).order):
        key = (finding.code, finding.path, finding.message)
        place = place_of(finding.place)
        if place.kind is PlaceKind.VIEW and place.later and key in first:
            there = out[first[key]]
            out[first[key]] = msgspec.structs.replace(there, carried=(*there.carried, finding.place))
        else:
            first.setdefault(key, len(out))
            out.append(finding)
    return out


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.code, finding.path, finding.place, finding.message)


def _wrong_scenario(recording: Recording) -> str:
    """A step that the scenario says must fail, and that does not fail on a plain directory (or the reverse)."""
    for result in recording.oracle_steps:
        must = recording.scenario.steps[result.index].must(recording.profile)
        if must is not Fails.AS_ORACLE and bool(result.code) is not (must is Fails.MUST):
            did = f"fails there ({result.words})" if result.code else "succeeds there"
            expected = "must fail" if must is Fails.MUST else "must succeed"
            return f"the scenario says that step {result.index + 1} {expected}, and on a plain directory it {did}"
    return ""
