"""What changed between two accounts: two nights, two builds, a run and its baseline. One comparison, whoever asks. Pure.

A version that only one side has is compared with the nearest of the other: a new kernel, or a tool's new release, is the usual case.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.judge.findings import Outcome, flat
from harness.runs.accounts import Account, Accounts, Subject, account
from harness.runs.results import CellResult
from harness.worlds.model import version_order


class What(StrEnum):
    """What happened to a cell, the most urgent first."""

    CHANGED = "changed"  # it gives other lines than before
    BROKEN = "broken"  # the machinery did not do its part; before it did
    FLAKY = "flaky"  # it gave now the one and now the other
    MISSING = "missing"  # it does not run any more
    MENDED = "mended"  # it did not run, or was broken, and runs now
    ADDED = "added"  # nothing of its kind was there before


@dataclass(frozen=True)
class Change:
    """One cell. ``before``: the version that it is compared with, its own or the nearest; empty where there is none."""

    what: What
    subject: Subject
    version: str
    before: str = ""
    come: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    reason: str = ""
    like_before: int = 0  # of a flaky cell: how many of its runs were as before …
    runs: int = 0  # … of how many

    @property
    def cell(self) -> str:
        """The cell's id; in it a build's name stands behind a ``+``."""
        version = self.version.replace(" ", "+")
        return f"{self.subject.scenario}[{self.subject.tool}-{version}-{self.subject.profile}]"


@dataclass(frozen=True)
class Pairing:
    """A version of a tool that is compared with another one, or with none."""

    tool: str
    version: str
    before: str = ""


@dataclass(frozen=True)
class Changes:
    """``new_versions``: compared with the nearest; ``lost_versions``: that were there and are not; ``same``: cells that gave the same."""

    changes: tuple[Change, ...] = ()
    new_versions: tuple[Pairing, ...] = ()
    lost_versions: tuple[Pairing, ...] = ()
    same: int = 0
    titles: Mapping[str, str] = field(default_factory=dict)  # of tools, as people say them
    defects: Mapping[str, str] = field(default_factory=dict)  # by line: the defect that explains it, now or before

    def of(self, *what: What) -> list[Change]:
        """The changes of some kinds."""
        return [one for one in self.changes if one.what in what]


def changes(before: Accounts, now: Accounts) -> Changes:
    """What is otherwise *now*. A tool, or a scenario, that *now* has none of at all is missing cell by cell."""
    pairings = {tool: _paired(before.versions(tool), now.versions(tool)) for tool in _tools(before, now)}
    found: list[Change] = []
    same = 0
    for subject in sorted({*before.of, *now.of}):
        had, has = before.of.get(subject, {}), now.of.get(subject, {})
        pairs = pairings[subject.tool]
        for version, gave in has.items():
            change = _change(subject, version, pairs.get(version, ""), had, gave)
            found += [change] if change is not None else []
            same += change is None
        found += _missing(subject, had, has, frozenset(now.versions(subject.tool)))
    new = tuple(
        Pairing(tool, version, old)
        for tool, pairs in pairings.items()
        for version, old in pairs.items()
        if version != old and before.versions(tool)
    )
    lost = tuple(
        Pairing(tool, version)
        for tool in pairings
        for version in before.versions(tool)
        if version not in now.versions(tool) and now.versions(tool)
    )
    found.sort(key=_order)
    return Changes(tuple(found), new, lost, same, {**before.titles, **now.titles}, _defects(before, now))


def _defects(*some: Accounts) -> dict[str, str]:
    return {
        line: defect
        for one in some
        for by in one.of.values()
        for gave in by.values()
        for line, defect in gave.defects.items()
    }


def _tools(*some: Accounts) -> list[str]:
    return sorted({subject.tool for one in some for subject in one.of})


def _paired(before: list[str], now: list[str]) -> dict[str, str]:
    """For each version of *now* its own of *before*, else the last one before it, else the first one after it."""
    found = {}
    for version in now:
        older = [one for one in before if version_order(one) <= version_order(version)]
        found[version] = version if version in before else (older or before[:1] or [""])[-1]
    return found


def _change(subject: Subject, version: str, old: str, had: Mapping[str, Account], now: Account) -> Change | None:
    was = had.get(old)
    if now.outcome is Outcome.BROKEN:
        same = was is not None and was.outcome is Outcome.BROKEN
        return None if same else Change(What.BROKEN, subject, version, old, reason=now.reason)
    if not now.ran:  # it was skipped
        return Change(What.MISSING, subject, version, old, reason=now.reason) if was is not None and was.ran else None
    if was is None:
        lines = tuple(sorted(now.always | now.sometimes))
        return Change(What.ADDED, subject, version, old if had else "", come=lines)
    if not was.ran:
        return Change(What.MENDED, subject, version, old, come=tuple(sorted(now.always)), reason=was.reason)
    come = _come(was, now)
    gone = was.always - now.always - now.sometimes  # what came sometimes may stay away
    if not come and not gone:
        return None
    return Change(What.CHANGED, subject, version, old, tuple(sorted(come)), tuple(sorted(gone)))


def _missing(
    subject: Subject, had: Mapping[str, Account], has: Mapping[str, Account], versions: frozenset[str]
) -> Iterator[Change]:
    """Cells that were there and are not: of a version that is still there, or of a tool that is not there at all."""
    for version, was in had.items():
        if version not in has and was.ran and (version in versions or not versions):
            yield Change(What.MISSING, subject, version, version, reason="it is not in this run")


def without(found: Changes, cells: Container[str], versions: Container[tuple[str, str]]) -> Changes:
    """The same of a part of a run: what is missing of *cells* (by id), and of *versions* (tool and version), runs elsewhere."""
    return replace(
        found,
        changes=tuple(one for one in found.changes if one.what is not What.MISSING or one.cell not in cells),
        lost_versions=tuple(one for one in found.lost_versions if (one.tool, one.version) not in versions),
    )


def settle(found: Changes, repeated: Mapping[str, CellResult]) -> Changes:
    """The same after cells that changed were run again, several times each; *repeated*: by id, with in how many runs a finding was.

    A cell is flaky where lines came, or stayed away, in some of its runs alone; one that gives in each what it gave before is the same.
    """
    kept: list[Change] = []
    same = found.same
    for one in found.changes:
        again = repeated.get(one.cell)
        settled = one if again is None or one.what is not What.CHANGED else _settled(one, again)
        kept += [settled] if settled is not None else []
        same += settled is None
    kept.sort(key=_order)
    return replace(found, changes=tuple(kept), same=same)


def _settled(change: Change, again: CellResult) -> Change | None:
    if again.outcome in {Outcome.BROKEN, Outcome.SKIPPED}:
        return change
    often = dict.fromkeys(account(again).always, again.runs)
    often |= {finding.key: finding.times for finding in flat(again.findings)}
    come = tuple(line for line in change.come if often.get(line, 0))
    gone = tuple(line for line in change.gone if often.get(line, 0) < again.runs)
    if not come and not gone:
        return None
    as_before = [*(again.runs - often[line] for line in come), *(often.get(line, 0) for line in gone)]
    if not min(as_before):
        return replace(change, come=come, gone=gone)
    return replace(change, what=What.FLAKY, come=come, gone=gone, like_before=min(as_before), runs=again.runs)


def _order(one: Change) -> tuple[object, ...]:
    return (list(What).index(one.what), one.subject, version_order(one.version))


def _come(was: Account, now: Account) -> frozenset[str]:
    """What now comes, always or sometimes, and did not come before."""
    return now.always.union(now.sometimes) - was.always - was.sometimes
