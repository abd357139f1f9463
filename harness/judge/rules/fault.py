"""WL4..: what users have after a fault in the daemon: a step is done, or it is not; and what it says of itself is so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.judge.facts.fault import AtCall, HalfDone, NotAgain, Unsaid
from harness.judge.facts.layer import Taking
from harness.judge.findings import Finding
from harness.judge.rules import words
from harness.judge.rules.evidence import shown
from harness.judge.rules.rule import Hit, Rule
from harness.judge.rules.trees import otherwise
from harness.places import FAULT, REMOUNT, PlaceName
from harness.scenario.model import KILLED
from harness.snapshot.model import Entry, Kind, Snapshot

CRASH = "crash"  # of the machine, under a kernel's own overlay
_Differing = list[tuple[bytes, Taking]]


@dataclass(frozen=True)
class FaultEvidence:
    """One fault. ``trees``: what was shown, after the step and mounted again; after a kill the latter alone.

    ``before``, ``after``: the plain directory before the step, and after it. ``writes``: the paths of a step that is several system calls
    of its user's, of which some may be done; empty: it is one. ``keeps``: of a file that it writes to, what was there stays. ``failed``:
    what the step said; ``refused``: the words by which it was not mounted again.
    """

    fault: str
    call: str
    line: str
    request: str
    action: str
    trees: Mapping[PlaceName, Snapshot]
    before: Snapshot
    after: Snapshot
    writes: tuple[bytes, ...] = ()
    keeps: bool = False
    failed: bool = False
    refused: str = ""

    @cached_property
    def wrong(self) -> tuple[PlaceName, _Differing] | None:
        """The first tree that is neither: where, against the nearer of both."""
        for place, tree in self.trees.items():
            apart = [differing(tree, meant) for meant in (self.before, self.after)]
            paths = self._beyond(tree) if self.writes else min(apart, key=len)
            if all(apart) and paths:
                return place, paths
        return None

    @cached_property
    def unsaid(self) -> PlaceName | None:
        """The first place at which the step is done though it failed, or the other way round. Who was killed said nothing."""
        meant, other = (self.before, self.after) if self.failed else (self.after, self.before)
        if (
            self.request == "WRITE" and not self.failed
        ):  # who writes is told at close(2), which a redirection of the shell does not heed
            return None
        if self.fault in {KILLED, CRASH} or not differing(meant, other) or (self.failed and self.writes):
            return None
        return next((place for place, tree in self.trees.items() if not differing(tree, other)), None)

    @property
    def state(self) -> str:
        """``before``, ``after``, or ``between``, where nothing is wrong."""
        tree = self.trees.get(REMOUNT)
        if tree is None or not differing(tree, self.before):
            return "before"
        return "between" if differing(tree, self.after) else "after"

    def _beyond(self, tree: Snapshot) -> _Differing:
        """The names that are neither as before the step nor as after it; what is being written may have everything but its type."""
        found: _Differing = []
        for path in sorted({*tree.entries, *self.before.entries, *self.after.entries}):
            here, early, late = (one.get(path) for one in (tree, self.before, self.after))
            written = any(path == one or path.startswith(one + b"/") for one in self.writes)
            if _same(here, early) or _same(here, late):
                continue
            cut = self.keeps and here is not None and early is not None and here.size < early.size
            if written and not cut and here is not None and late is not None and here.kind is late.kind:
                continue
            strange = here is not None and (here.kind is Kind.UNKNOWN or (early is None and late is None))
            found.append((path, Taking.ABSENT if here is None else Taking.EXTRA if strange else Taking.DIFFERS))
        return found


def differing(tree: Snapshot, meant: Snapshot) -> _Differing:
    """Where a tree is another one; names that cannot be looked at are extra."""
    unknown = [(entry.path, Taking.EXTRA) for entry in tree if entry.kind is Kind.UNKNOWN and entry.path in meant]
    return [*unknown, *((path, taken) for path, taken, _ in otherwise(tree, meant))]


def _same(here: Entry | None, there: Entry | None) -> bool:
    if here is None or there is None:
        return here is there
    one, other = (Snapshot.of([entry]) for entry in (here, there))
    return not differing(one, other)


def _at(evidence: FaultEvidence) -> dict[str, str]:
    return {name: getattr(evidence, name) for name in AtCall.__struct_fields__}


def half_done(evidence: FaultEvidence) -> Iterator[Hit[HalfDone]]:
    """WL401."""
    if evidence.refused or evidence.wrong is None:
        return
    place, paths = evidence.wrong
    for path, taken in paths:
        entry = evidence.trees[place].get(path)
        unopened = entry is not None and entry.kind is Kind.UNKNOWN
        facts = HalfDone(**_at(evidence), taken=taken, unopened=unopened, again=place == REMOUNT)
        yield Hit(shown(path), FAULT, facts)


def unsaid(evidence: FaultEvidence) -> Iterator[Hit[Unsaid]]:
    """WL402."""
    if evidence.refused or evidence.wrong is not None or evidence.unsaid is None:
        return
    tree = evidence.trees[evidence.unsaid]
    path = next(path for path, _ in differing(tree, evidence.before if evidence.failed else evidence.after))
    yield Hit(shown(path), FAULT, Unsaid(**_at(evidence), failed=evidence.failed))


def not_again(evidence: FaultEvidence) -> Iterator[Hit[NotAgain]]:
    """WL403."""
    if evidence.refused:
        yield Hit("/", FAULT, NotAgain(**_at(evidence), words=evidence.refused))


_NEEDS = frozenset({FAULT})  # which no cell has that runs undisturbed

RULES: tuple[Rule[FaultEvidence, Any], ...] = (
    Rule(
        "WL401", _NEEDS, half_done, words.half_done,
        ("leaves a step half done at {} after a fault", "leave a step half done at {} after a fault"),
    ),
    Rule(
        "WL402", _NEEDS, unsaid, words.unsaid,
        ("says another thing of a step than it did, after a fault", "say another thing of a step than they did, after a fault"),
    ),
    Rule(
        "WL403", _NEEDS, not_again, words.not_again,
        ("is not mounted again after a fault", "are not mounted again after a fault"),
    ),
)  # fmt: skip


def fault_findings(evidence: FaultEvidence) -> list[Finding]:
    """What is wrong after a fault."""
    return [finding for rule in RULES for finding in rule(evidence)]
