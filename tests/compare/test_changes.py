"""What changed: exactly that, against the version that is nearest, and never more."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.compare.changes import Change, Changes, Pairing, What, changes, settle
from harness.evidence.recording import ToolRecord
from harness.judge.defects.model import Named
from harness.judge.findings import Finding, Outcome
from harness.places import UPPER
from harness.profile import Profile
from harness.runs.accounts import Account, Accounts, Subject
from harness.runs.results import CellResult

CASE = Subject("fuse-overlayfs", "case", "root")
CLEAN, GHOST = Account(Outcome.PASSED), Account(Outcome.PASSED, frozenset({"ghost", "mark"}))
BROKEN, SKIPPED = Account(Outcome.BROKEN, reason="no room"), Account(Outcome.SKIPPED, reason="not here")


def one(**by: Account) -> Accounts:
    return Accounts({CASE: {version.replace("_", ".").lstrip("v"): account for version, account in by.items()}})


def what(before: Accounts, now: Accounts) -> list[tuple[What, str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(c.what, c.version, c.before, c.come, c.gone) for c in changes(before, now).changes]


def test_the_same_is_nothing() -> None:
    assert changes(one(v1_14=GHOST), one(v1_14=GHOST)).changes == ()
    assert changes(one(v1_14=GHOST), one(v1_14=GHOST)).same == 1


def test_lines_come_and_go() -> None:
    other = Account(Outcome.FINDING, frozenset({"mark", "lost"}))
    assert what(one(v1_14=GHOST), one(v1_14=other)) == [(What.CHANGED, "1.14", "1.14", ("lost",), ("ghost",))]


def test_what_came_sometimes_may_come_and_may_stay_away() -> None:
    sometimes = Account(Outcome.PASSED, frozenset({"mark"}), frozenset({"ghost"}))
    assert what(one(v1=sometimes), one(v1=GHOST)) == []
    assert what(one(v1=sometimes), one(v1=Account(Outcome.PASSED, frozenset({"mark"})))) == []
    assert what(one(v1=GHOST), one(v1=sometimes)) == []
    assert what(one(v1=CLEAN), one(v1=Account(Outcome.PASSED, frozenset(), frozenset({"ghost"})))) == [
        (What.CHANGED, "1", "1", ("ghost",), ())
    ]


def test_a_new_version_is_compared_with_the_nearest_before_it_and_said_so() -> None:
    found = changes(one(v1_4=CLEAN, v1_10=GHOST), one(v1_9=GHOST, v1_15=CLEAN))
    assert [(c.version, c.before, c.come, c.gone) for c in found.of(What.CHANGED)] == [
        ("1.9", "1.4", ("ghost", "mark"), ()),
        ("1.15", "1.10", (), ("ghost", "mark")),
    ]
    assert found.new_versions == (Pairing(CASE.tool, "1.9", "1.4"), Pairing(CASE.tool, "1.15", "1.10"))
    assert found.lost_versions == (Pairing(CASE.tool, "1.4"), Pairing(CASE.tool, "1.10"))
    assert found.of(What.MISSING) == []


def test_before_the_first_version_the_first_is_the_nearest() -> None:
    assert changes(one(v6_18=GHOST), one(v6_8=GHOST)).new_versions == (Pairing(CASE.tool, "6.8", "6.18"),)
    assert changes(one(v6_18=GHOST), one(v6_8=GHOST)).same == 1


def test_a_tool_without_any_baseline_is_added_and_no_new_version() -> None:
    found = changes(Accounts({}), one(v1=GHOST))
    assert [(c.what, c.before, c.come) for c in found.changes] == [(What.ADDED, "", ("ghost", "mark"))]
    assert found.new_versions == ()


def test_a_cell_that_does_not_run_any_more_is_news() -> None:
    before = Accounts({CASE: {"1": GHOST}, Subject(CASE.tool, "other", "root"): {"1": CLEAN}})
    found = changes(before, Accounts({CASE: {"1": SKIPPED}}))
    assert [(c.what, c.subject.scenario, c.reason) for c in found.changes] == [
        (What.MISSING, "case", "not here"),
        (What.MISSING, "other", "it is not in this run"),
    ]
    assert [c.what for c in changes(before, Accounts({})).changes] == [What.MISSING, What.MISSING]


def test_what_is_broken_says_nothing_of_findings() -> None:
    assert [(c.what, c.reason) for c in changes(one(v1=GHOST), one(v1=BROKEN)).changes] == [(What.BROKEN, "no room")]
    assert what(one(v1=BROKEN), one(v1=BROKEN)) == []
    assert what(one(v1=BROKEN), one(v1=GHOST)) == [(What.MENDED, "1", "1", ("ghost", "mark"), ())]
    assert what(one(v1=SKIPPED), one(v1=SKIPPED)) == []


KEY = Finding("WL101", "a", UPPER, "a ghost").key


def again(times: int, of: int, outcome: Outcome = Outcome.PASSED, marks: tuple[str, ...] = ()) -> CellResult:
    """The cell after it was run *of* times, in *times* of which the finding was there."""
    found = (Finding("WL101", "a", UPPER, "a ghost", times=times, of=of),) if times else ()
    tool = ToolRecord("fuse-overlayfs", "1", "fuse-overlayfs")
    return CellResult(
        "case[fuse-overlayfs-1-root]", "case", tool, Profile.ROOT, outcome, findings=found, runs=of, marks=marks
    )


@pytest.mark.parametrize(
    ("come", "gone", "result", "settled"),
    [
        ((KEY,), (), again(3, 3), (What.CHANGED, 0, 0)),
        ((KEY,), (), again(1, 3), (What.FLAKY, 2, 3)),
        ((KEY,), (), again(0, 3), None),
        ((), (KEY,), again(0, 3), (What.CHANGED, 0, 0)),
        ((), (KEY,), again(2, 3), (What.FLAKY, 2, 3)),
        ((), (KEY,), again(3, 3), None),
        ((KEY, "WL102 upper b"), ("mark upper b",), again(3, 3, marks=("mark upper b",)), (What.CHANGED, 0, 0)),
        (("mark upper a",), (), again(0, 3, marks=("mark upper a",)), (What.CHANGED, 0, 0)),
        ((KEY,), (), again(0, 3, Outcome.BROKEN), (What.CHANGED, 0, 0)),
        (("gone ghost",), (KEY,), replace(again(0, 3), missing=(Named("ghost"),)), (What.CHANGED, 0, 0)),
    ],
)
def test_a_change_is_said_after_the_cell_was_run_again(
    come: tuple[str, ...], gone: tuple[str, ...], result: CellResult, settled: tuple[What, int, int] | None
) -> None:
    change = Change(What.CHANGED, CASE, "1", "1", come, gone)
    after = settle(Changes((change,), same=4), {result.id: result})
    assert [(one.what, one.like_before, one.runs) for one in after.changes] == ([settled] if settled else [])
    assert after.same == (4 if settled else 5)


def test_a_cells_id_and_the_order() -> None:
    before = Accounts({CASE: {"1": GHOST}, Subject("a", "x", "user"): {"1": GHOST}})
    now = Accounts(
        {CASE: {"1": CLEAN}, Subject("a", "x", "user"): {"1": BROKEN}, Subject("a", "y", "user"): {"1": CLEAN}}
    )
    assert [(c.what, c.cell) for c in changes(before, now).changes] == [
        (What.CHANGED, "case[fuse-overlayfs-1-root]"),
        (What.BROKEN, "x[a-1-user]"),
        (What.ADDED, "y[a-1-user]"),
    ]
