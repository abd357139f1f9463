"""What a rule sees, made of a few entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from harness.evidence.recording import Recording, Step, ToolRecord
from harness.judge.findings import Finding
from harness.judge.rules.every import RULES
from harness.judge.rules.evidence import Evidence
from harness.places import ORACLE, REMOUNT, UPPER, VIEW
from harness.profile import Profile
from harness.scenario.model import Scenario, Tree
from harness.scenario.steps import Mkdir
from harness.scenario.steps import Step as Action
from harness.snapshot.model import Entry, Snapshot
from tests.entries import file, folder, gone, tree


def evidence(
    *,
    upper: Iterable[Entry] = (),
    layers: tuple[Tree, ...] = (),
    prepared: Tree | None = None,
    view: Snapshot | None = None,
    remount: Snapshot | None = None,
    oracle: Snapshot | None = None,
    steps: tuple[Action, ...] = (Mkdir(path="x"),),
    did: tuple[Step, ...] = (),
    must: tuple[Step, ...] = (),
    profile: Profile = Profile.ROOT,
    timed_out: bool = False,
    exits: tuple[int, ...] = (0,),
) -> Evidence:
    scenario = Scenario(1, "title", "guards", steps, layers=layers, upper=prepared or {}, name="case")
    recording = Recording(
        1, "case[tool-1-root]", scenario, ToolRecord("fuse-overlayfs", "1.14", "fuse-overlayfs"), profile,
        "2026-01-01T00:00:00+00:00", 0.1, 0, timed_out, "steps 1" if timed_out else "end", "", exits, did, must, (), (), {},
    )  # fmt: skip
    given = {UPPER: tree(upper), VIEW: view, REMOUNT: remount, ORACLE: oracle}
    return Evidence(recording, {place: one for place, one in given.items() if one is not None})


Check = Callable[[Any], Iterator[Any]]  # what a rule is called by: how it looks


def findings(check: Check, seen: Evidence) -> list[Finding]:
    """What a rule finds, as its row of the table says it."""
    (row,) = (rule for rule in RULES if rule.check is check)
    return list(row(seen))


def found(check: Check, seen: Evidence) -> list[tuple[str, str]]:
    """Code and path of what a rule finds."""
    return [(finding.code, finding.path) for finding in findings(check, seen)]


def messages(check: Check, seen: Evidence) -> list[str]:
    return [finding.message for finding in findings(check, seen)]


__all__ = ["Finding", "evidence", "file", "findings", "folder", "found", "gone", "messages", "tree"]
