"""What users have after a fault: done or not done, and said as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.judge.facts.fault import HalfDone
from harness.judge.rules.fault import CRASH, FaultEvidence, fault_findings
from harness.places import REMOUNT, VIEW, PlaceName
from harness.scenario.model import KILLED
from harness.snapshot.model import Entry, Kind, Snapshot
from tests.judge.evidence import file, folder, tree

BEFORE = tree([file("keep")])
AFTER = tree([file("keep"), folder("a")])
BACK = tree([file("keep"), folder("a"), file("a/f", "old")])


def evidence(fault: str = KILLED, **more: Any) -> FaultEvidence:
    plain: dict[str, Any] = {
        "fault": fault, "call": "renameat", "line": 'renameat(work, "7", upper, "a")', "request": "MKDIR", "action": "mkdir",
        "trees": {REMOUNT: AFTER}, "before": BEFORE, "after": AFTER,
    }  # fmt: skip
    return FaultEvidence(**{**plain, **more})


def codes(one: FaultEvidence) -> list[tuple[str, str]]:
    return [(finding.code, finding.path) for finding in fault_findings(one)]


@pytest.mark.parametrize(("shown", "state"), [(BEFORE, "before"), (AFTER, "after")])
def test_after_a_kill_a_step_is_done_or_it_is_not(shown: Snapshot, state: str) -> None:
    one = evidence(trees={REMOUNT: shown})
    assert codes(one) == []
    assert one.state == state


def test_what_is_neither_is_half_done_against_the_nearer() -> None:
    (finding,) = fault_findings(evidence(trees={REMOUNT: BACK}))
    assert (finding.code, finding.path, finding.place) == ("WL401", "a", "fault")
    assert finding.message == (
        "killed before renameat while serving MKDIR for mkdir: a is there when it is mounted again, which is neither the tree before the "
        "step nor the one after it"
    )


def test_a_step_of_several_calls_may_have_done_some_of_them() -> None:
    some = tree([file("keep"), folder("d"), file("d/one", "1")])
    all_of_it = tree([file("keep"), folder("d"), file("d/one", "1"), file("d/two", "2")])
    half = tree([file("keep"), folder("d"), file("d/one", "")])
    for shown in (some, half, Snapshot.of([*some, Entry(b"d/two", Kind.FILE, 0o600)])):
        one = evidence(action="cp", trees={REMOUNT: shown}, after=all_of_it, writes=(b"d",))
        assert codes(one) == []
        assert one.state == "between"
    assert codes(evidence(action="cp", trees={REMOUNT: tree([folder("d")])}, after=all_of_it, writes=(b"d",))) == [
        ("WL401", "keep")
    ]
    stray = tree([file("keep"), folder("d"), file("d/stray")])
    assert codes(evidence(action="cp", trees={REMOUNT: stray}, after=all_of_it, writes=(b"d",))) == [
        ("WL401", "d/stray")
    ]
    unknown = Snapshot.of([*some, Entry(b"d/two", Kind.UNKNOWN)])
    assert codes(evidence(action="cp", trees={REMOUNT: unknown}, after=all_of_it, writes=(b"d",))) == [
        ("WL401", "d/two")
    ]


def both(shown: Snapshot, again: Snapshot | None = None) -> Mapping[PlaceName, Snapshot]:
    return {VIEW: shown, REMOUNT: again or shown}


@pytest.mark.parametrize(
    ("failed", "trees", "found"),
    [
        (True, both(BEFORE), []),
        (False, both(AFTER), []),
        (True, both(AFTER), [("WL402", "a")]),
        (False, both(BEFORE), [("WL402", "a")]),
        (True, both(BEFORE, AFTER), [("WL402", "a")]),
        (True, both(BEFORE, BACK), [("WL401", "a")]),
        (False, both(BACK), [("WL401", "a")]),
    ],
)
def test_what_a_step_says_after_an_error_is_so(
    failed: bool, trees: Mapping[PlaceName, Snapshot], found: list[tuple[str, str]]
) -> None:
    assert codes(evidence("ENOSPC", trees=trees, failed=failed)) == found


def test_a_step_that_changes_nothing_can_say_nothing_wrong() -> None:
    assert codes(evidence("EIO", trees=both(BEFORE), after=BEFORE, failed=True)) == []


def test_what_is_not_mounted_again() -> None:
    (finding,) = fault_findings(evidence(trees={}, refused="no such file"))
    assert (finding.code, finding.path) == ("WL403", "/")
    assert finding.message.endswith("it is not mounted again: no such file")


def test_of_several_calls_it_is_said_what_is_extra_lost_and_another() -> None:
    before, after = tree([file("keep", "1"), file("lost")]), tree([file("keep", "1"), file("lost"), folder("d")])
    shown = tree([file("keep", "2"), folder("d"), file("d/x")])
    found = fault_findings(evidence(action="cp", trees={REMOUNT: shown}, before=before, after=after, writes=(b"d",)))
    assert [(one.path, one.facts.taken) for one in found if isinstance(one.facts, HalfDone)] == [
        ("d/x", "extra"),
        ("keep", "differs"),
        ("lost", "absent"),
    ]
    assert "lost is lost" in found[2].message
    assert "keep is another one" in found[1].message


def test_after_a_crash_a_step_is_done_or_it_is_not_and_nobody_said_anything() -> None:
    crash: dict[str, Any] = {"fault": CRASH, "call": "commit", "request": ""}
    assert codes(evidence(**crash, trees={REMOUNT: AFTER})) == codes(evidence(**crash, trees={REMOUNT: BEFORE})) == []
    (finding,) = fault_findings(evidence(**crash, trees={REMOUNT: BACK}))
    assert finding.code == "WL401"
    assert finding.message.startswith("after a crash amid mkdir: a is there when it is mounted again")


def test_who_writes_is_told_later_of_what_cannot_be_written() -> None:
    """fuse(4) writes back what was written; close(2) and fsync(2) say what came of it, and a redirection of the shell asks neither."""
    told = evidence("ENOSPC", request="WRITE", action="write", trees={VIEW: BEFORE, REMOUNT: BEFORE}, writes=(b"a",))
    assert codes(told) == []
    assert codes(evidence("ENOSPC", trees={VIEW: BEFORE, REMOUNT: BEFORE})) == [("WL402", "a")]


def test_what_is_added_to_loses_nothing() -> None:
    """Of a file that is appended to, or touched, what was there stays; one that is written anew may be empty meanwhile."""
    old, new, half = (tree([file("f", text)]) for text in ("old", "old and new", ""))
    more: dict[str, Any] = {"action": "write", "before": old, "after": new, "writes": (b"f",)}
    assert codes(evidence(trees={REMOUNT: half}, **more)) == []
    assert codes(evidence(trees={REMOUNT: half}, keeps=True, **more)) == [("WL401", "f")]
    assert codes(evidence(trees={REMOUNT: tree([file("f", "old and")])}, keeps=True, **more)) == []
