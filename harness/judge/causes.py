"""One cause, one finding: what follows from a step that failed, or from a daemon that died, is told under it. Pure.

A step that failed leaves the tree as it was: so the steps are done again in memory without it (``harness.judge.replay``), and what
the tool shows is a *consequence* where it is exactly that, at a path of the step or below it. Whatever differs in any other way stands
for itself, and so does everything where the model does not give the oracle's own tree. A consequence is never left out: it stands
under its cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from harness.evidence.recording import Step as Result
from harness.judge.errnos import errors_of
from harness.judge.findings import Finding
from harness.judge.replay import Tree, Unmodelled
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.view import difference, seen_by
from harness.names import escape, unescape
from harness.places import ORACLE, VIEW, PlaceName
from harness.scenario.steps import OBSERVING, Readdir, Step
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.union import merge

# What the kernel answers to who uses a file system whose daemon is gone: fuse_dev_release, fs/fuse/dev.c
_DEATH = {"ENOTCONN", "ECONNABORTED"}
_PLAIN = re.compile(rb"[A-Za-z0-9._+-]+")  # names that ls writes as they are


@dataclass
class _Cause:
    """A finding that others may follow from, and the steps that failed for it."""

    finding: Finding
    steps: list[Step] = field(default_factory=list)

    def covers(self, path: bytes) -> bool:
        """Whether a path is one of the failed steps' own, or lies below it."""
        return any(path == one or path.startswith(one + b"/") for one in self._paths())

    def listed_in(self, folder: bytes) -> bool:
        """Whether a step's path stands in a directory: there readdir tells of it."""
        return any(one.rpartition(b"/")[0] == folder for one in self._paths())

    def _paths(self) -> Iterator[bytes]:
        return (unescape(text).rstrip(b"/") for step in self.steps for _, text in step.named())


def under_causes(findings: Sequence[Finding], evidence: Evidence) -> list[Finding]:
    """The findings, those that follow from another one put under it."""
    causes = {id(finding): _Cause(finding) for finding in findings if finding.code in {"WL207", "WL208"}}
    if not causes:
        return list(findings)
    try:
        rerun = _Rerun(evidence, list(causes.values()))
    except Unmodelled:
        return list(findings)
    under: dict[int, list[Finding]] = {}
    for finding in findings:
        cause = rerun.cause_of(finding)
        if cause is not None:
            under.setdefault(id(cause.finding), []).append(finding)
    below = {id(finding) for some in under.values() for finding in some}
    return [
        msgspec.structs.replace(finding, consequences=tuple(under.get(id(finding), ())))
        for finding in findings
        if id(finding) not in below
    ]


class _Rerun:
    """The steps done again, with what failed left out; raises Unmodelled where that cannot be said."""

    def __init__(self, evidence: Evidence, causes: Sequence[_Cause]) -> None:
        self.evidence = evidence
        self.died = next((one for one in causes if one.finding.code == "WL208"), None)
        self.by_step = {one.finding.step: one for one in causes if one.finding.step is not None}
        self.causes: list[_Cause] = [self.died] if self.died is not None else []
        self.follows: dict[int, Callable[[_Cause], bool]] = {}  # a step that differs as it must, by its index
        recording = evidence.recording
        self.wanted = {result.index: result for result in recording.oracle_steps}
        start = merge(evidence.layers, evidence.prepared)
        right = Tree(start)
        for result in recording.oracle_steps:
            _do(right, recording.scenario.steps[result.index], succeeded=not result.code)
        oracle = evidence.trees.get(ORACLE)
        root = oracle.get(b"") if oracle is not None else None
        who = (root.uid, root.gid) if root is not None else (0, 0)  # in a container an ordinary user is not 0 inside
        self.right = right.snapshot(who)
        self.tree = Tree(start)
        for result in recording.steps:
            self._again(result, recording.scenario.steps[result.index])
        self.without = self.tree.snapshot(who)

    def _again(self, result: Result, step: Step) -> None:
        wanted = self.wanted.get(result.index)
        if wanted is None:
            raise Unmodelled
        if isinstance(step, OBSERVING):
            self._observed(result, step)
        elif not result.code:
            _do(self.tree, step, succeeded=True)
        elif not wanted.code:
            cause = self.by_step[result.index]
            if self.tree.effect(step) is None:  # it could not but fail
                self.follows[result.index] = lambda of: any(of.covers(unescape(text)) for _, text in step.named())
            elif self.died is not None and _DEATH & {*errors_of(result.words)}:
                self.died.steps.append(step)
                self.follows[result.index] = lambda of: of is self.died
            else:
                cause.steps.append(step)
                self.causes.append(cause)

    def _observed(self, result: Result, step: Step) -> None:
        """What readdir, stat or read must say where the failed steps are left out."""
        assert isinstance(step, OBSERVING)
        path = unescape(step.path).rstrip(b"/")
        path = b"" if path == b"." else path
        if self.died is not None and result.code and _DEATH & {*errors_of(result.words)}:
            self.follows[result.index] = lambda of: of is self.died
        elif isinstance(step, Readdir):
            names = self.tree.names(step.path)
            as_told = names is not None and all(_PLAIN.fullmatch(name) for name in names)
            if as_told and not result.code and result.words == escape(b"\n".join(names or ())):
                self.follows[result.index] = lambda of: of.covers(path) or of.listed_in(path)
        if self.tree.has(step.path) is not bool(result.code):
            wanted = self.wanted[result.index]
            if bool(result.code) is not bool(wanted.code):
                self.follows[result.index] = lambda of: of.covers(path)

    def cause_of(self, finding: Finding) -> _Cause | None:
        """What a finding follows from; None for one that stands for itself."""
        if finding.step is not None:
            fits = self.follows.get(finding.step)
            return None if fits is None else next((one for one in self.causes if fits(one)), None)
        path = unescape(finding.path) if finding.path != "/" else b""
        view = self.evidence.trees.get(finding.place)
        if view is None or finding.code not in _EXACTLY:
            return None
        if self.died is not None and finding.code == "WL202" and not any(_real(entry) for entry in view):
            return self.died  # nothing can be seen of a tree whose daemon is gone
        if not self._trusted(path) or not _EXACTLY[finding.code](self, path, finding.place):
            return None
        return next((one for one in self.causes if one.covers(path)), None)

    def _trusted(self, path: bytes) -> bool:
        """Whether the model gives the oracle's own tree there, when it is told that nothing failed."""
        oracle = self.evidence.trees.get(ORACLE)
        return oracle is not None and self._alike(self.right, oracle, path, ORACLE)

    def _alike(self, wanted: Snapshot, seen: Snapshot, path: bytes, place: PlaceName) -> bool:
        """Whether two trees are the same at a path and below it."""
        paths = {path, *(e.path for e in wanted.below(path)), *(e.path for e in seen.below(path))}
        return all(self._same(wanted.get(one), seen.get(one), place) for one in paths)

    def _same(self, wanted: Entry | None, seen: Entry | None, place: PlaceName) -> bool:
        if wanted is None or seen is None:
            return wanted is seen
        return not difference(wanted, seen_by(self.evidence, place, seen, wanted))

    def as_without(self, path: bytes, place: PlaceName) -> bool:
        return self._alike(self.without, self.evidence.trees[place], path, place)

    def entry_as_without(self, path: bytes, place: PlaceName) -> bool:
        wanted, seen = self.without.get(path), self.evidence.trees[place].get(path)
        return wanted is not None and self._same(wanted, seen, place)

    def made_after_all(self, path: bytes, place: PlaceName) -> bool:
        """A failed step that did its part all the same, as the next mount shows."""
        before = self.evidence.trees.get(VIEW)
        return (
            before is not None
            and self._alike(self.without, before, path, VIEW)
            and self._alike(self.right, self.evidence.trees[place], path, place)
        )


_EXACTLY: dict[str, Callable[[_Rerun, bytes, PlaceName], bool]] = {
    "WL201": _Rerun.as_without,
    "WL202": _Rerun.as_without,
    "WL205": _Rerun.entry_as_without,
    "WL206": _Rerun.made_after_all,
}


def _do(tree: Tree, step: Step, *, succeeded: bool) -> None:
    effect = tree.effect(step)
    if succeeded:
        if effect is None:
            raise Unmodelled
        effect()


def _real(entry: Entry) -> bool:
    return bool(entry.path) and entry.kind is not Kind.UNKNOWN
