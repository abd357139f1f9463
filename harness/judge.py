"""From evidence to findings and an outcome. Pure: an old recording is judged again by better rules."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from harness.drivers import DRIVERS
from harness.findings import Finding, Known, Outcome, Station, flat
from harness.recording import Recording, ToolRecord
from harness.scenario.steps import OBSERVING, Fails
from harness.snapshot.model import Entry, Snapshot
from harness.whiteouts.causes import under_causes
from harness.whiteouts.rules import layer, upper, view
from harness.whiteouts.rules.evidence import Evidence
from harness.worlds.ranges import matches_version
from harness.worlds.versions import kernel_number

RULES = (*upper.RULES, *view.RULES, *layer.RULES)


@dataclass(frozen=True)
class Verdict:
    """What comes of a cell. ``missing``: known findings that should be there and are not."""

    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...]
    missing: tuple[Known, ...] = ()

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings that nobody has named."""
        return tuple(finding for finding in self.findings if finding.known is None)


def judge(
    recording: Recording,
    trees: Mapping[Station, Snapshot],
    raw: Mapping[Station, Sequence[Entry]] = MappingProxyType({}),
) -> Verdict:
    """Judge one cell. *raw*: every entry of the layers that were made, doubles too, in the order of their archives."""
    if recording.broken:
        return Verdict(Outcome.BROKEN, recording.broken, ())
    evidence = Evidence(recording, trees, raw)
    bare = under_causes(carried([finding for rule in RULES for finding in rule(evidence)]), evidence)
    expected = tuple(_expected(recording))
    findings = tuple(_named(finding, expected) for finding in sorted(bare, key=_order))
    wrong = _wrong_scenario(recording)
    if wrong:
        return Verdict(Outcome.BROKEN, wrong, findings)
    ended = recording.phase == "end"
    if not ended and not any(f.code == "WL208" for f in findings):
        return Verdict(
            Outcome.BROKEN,
            f"the script stopped in the phase {recording.phase or 'start'!r} with exit code {recording.exit_code}",
            findings,
        )
    missing = tuple(known for known in expected if not known.optional and _is_missing(known, findings, evidence))
    new = [finding for finding in findings if finding.known is None]
    if new:
        codes = ", ".join(sorted({finding.code for finding in new}))
        return Verdict(Outcome.FINDING, f"{len(new)} unnamed: {codes}", findings, missing)
    if missing:
        codes = ", ".join(known.code for known in missing)
        return Verdict(
            Outcome.FINDING, f"known {codes} did not appear: it seems fixed, say so in the scenario", findings, missing
        )
    return Verdict(Outcome.PASSED, "", findings)


def _is_missing(known: Known, findings: Sequence[Finding], evidence: Evidence) -> bool:
    """Whether a known finding would be there if it were not fixed, and is not.

    A cell whose steps did not do what the oracle's did, or where nobody looked, says nothing of it; what stands under another
    finding is there.
    """
    looked = {Station.VIEW, *_LOOKED.get(known.code[:3], ()), *_LOOKED.get(known.code, ())} <= evidence.trees.keys()
    if not looked or not _did_the_same(evidence.recording):
        return False
    return not any(one.known == known or _names(known, one) for one in flat(findings))


# Where one must have looked, besides the view, to say that a finding is not there.
_LOOKED = {"WL1": (Station.UPPER,), "WL206": (Station.REMOUNT,)}


def _did_the_same(recording: Recording) -> bool:
    """Whether every step that changes something succeeded or failed as on the plain directory."""
    did, wanted = (
        {
            result.index: bool(result.code)
            for result in results
            if not isinstance(recording.scenario.steps[result.index], OBSERVING)
        }
        for results in (recording.steps, recording.oracle_steps)
    )
    return did == wanted


_LATER = (Station.READONLY, Station.SEALED_VIEW)


def carried(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for what several views on an image's way show: where it first appears, with those to which it is carried."""
    first: dict[tuple[str, str, str], int] = {}
    out: list[Finding] = []
    for finding in sorted(findings, key=lambda one: list(Station).index(one.station)):
        key = (finding.code, finding.path, finding.message)
        if finding.station in _LATER and key in first:
            there = out[first[key]]
            out[first[key]] = msgspec.structs.replace(there, carried=(*there.carried, finding.station))
        else:
            first.setdefault(key, len(out))
            out.append(finding)
    return out


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.code, finding.path, finding.station, finding.message)


def _expected(recording: Recording) -> Iterable[Known]:
    """What is known of this tool: first as its own, then as that of the engine below its containers."""
    known = recording.scenario.known
    yield from (one for one in known if _speaks_of(one, recording))
    for name, version in _engines(recording.tool):
        for one in known:
            if any(matches_version(pattern, name, version) for pattern in one.tools):
                yield msgspec.structs.replace(one, optional=True)


def _engines(tool: ToolRecord) -> Iterable[tuple[str, str]]:
    """The overlays below a program that runs containers: which of them it took for a run is its own choice."""
    driver = DRIVERS.get(tool.driver)
    if driver is not None and driver.way is not None:
        yield from ((part.name, part.plain) for part in tool.parts if part.name == "fuse-overlayfs")
        yield from ((name, kernel_number(tool.kernel)) for name in ("kernel", "kernel-nouserxattr"))


def _speaks_of(known: Known, recording: Recording) -> bool:
    tool = recording.tool
    return (not known.profiles or recording.profile in known.profiles) and (
        not known.tools or any(matches_version(pattern, tool.name, tool.plain) for pattern in known.tools)
    )


def _named(finding: Finding, expected: Iterable[Known]) -> Finding:
    """The finding with what is known of it; what follows from it is as known, or as new, as it is."""
    known = next((one for one in expected if _names(one, finding)), None)
    below = tuple(msgspec.structs.replace(one, known=known) for one in finding.consequences)
    return msgspec.structs.replace(finding, known=known, consequences=below)


def _names(known: Known, finding: Finding) -> bool:
    return (
        known.code == finding.code
        and (not known.stations or finding.station in known.stations)
        and _fits(known.path, finding.path)
        and _fits(known.words, finding.message)
    )


def _fits(pattern: str, text: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(text, pattern)


def _wrong_scenario(recording: Recording) -> str:
    """A step that the scenario says must fail, and that does not fail on a plain directory (or the reverse)."""
    for result in recording.oracle_steps:
        must = recording.scenario.steps[result.index].must(recording.profile)
        if must is not Fails.AS_ORACLE and bool(result.code) is not (must is Fails.MUST):
            did = f"fails there ({result.words})" if result.code else "succeeds there"
            said = "must fail" if must is Fails.MUST else "must succeed"
            return f"the scenario says that step {result.index + 1} {said}, and on a plain directory it {did}"
    return ""
