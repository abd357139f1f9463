"""The controller's side of a run, without a tool: results as they come, what never came, and what stays on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest

from harness.cells.plan import NotRun
from harness.cli.finish import finish_run
from harness.judge.findings import Outcome
from harness.machine.guarded import mark
from harness.profile import Profile
from harness.runs.planfile import Decision, PlanFile
from harness.runs.results import Results, read_results
from harness.runs.run import Run, drop_recordings, is_excluded
from harness.runs.unrecorded import not_run_result
from harness.worlds.model import Part, Tool, World
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

PROGRAM = Part("fuse-overlayfs", "1.14", "", "/usr/bin/fuse-overlayfs", "")
TOOL = Tool("fuse-overlayfs", PROGRAM, World("host", Path("/")))
RUNS, SKIPPED, EXCLUDED = (
    Decision(0, 0, Profile.ROOT),
    Decision(0, 0, Profile.USER, "no user namespaces", "allow them"),
    Decision(1, 0, Profile.ROOT, "the scenario is for kernel", excluded=True),
)


def run_of(folder: Path, *decisions: Decision, keep: str = "always") -> Run:
    """A run of which nothing has happened yet."""
    folder.mkdir(exist_ok=True)
    mark(folder)
    plan = PlanFile(
        1, "run", str(folder), str(folder / "work"), "6.18.1", {}, False, keep, 60.0,
        [scenario("one"), scenario("other")], ["one.toml", "other.toml"], [TOOL], list(decisions), [],
    )  # fmt: skip
    return Run(plan, contextlib.ExitStack())


def report(nodeid: str, words: str) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", None, ""), {}, "failed", words, "call")


def test_a_worker_that_died_leaves_a_broken_cell_with_its_words(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RUNS, SKIPPED)
    (cell, skipped) = run.cells
    crashed = run.crashed(report(f"scenarios/one.toml::{cell}", "worker 'gw0' crashed\x1b[31m"))
    assert crashed is not None
    assert (crashed.id, crashed.outcome, crashed.folder) == (cell, Outcome.BROKEN, "")
    assert crashed.reason == r"worker 'gw0' crashed\x1b[31m"
    assert run.crashed(report(f"scenarios/one.toml::{skipped}", "x")) is None, "it did not run"
    assert run.crashed(report("tests/test_other.py::test_x", "x")) is None, "it is none of ours"


def test_results_stand_in_the_order_of_the_plan_whatever_came_first(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RUNS, SKIPPED, EXCLUDED)
    for one in reversed(run.plan.cells()):
        bare = not_run_result(one if isinstance(one, NotRun) else NotRun(one, ""), "6.18.1")
        run.take(bare if isinstance(one, NotRun) else msgspec.structs.replace(bare, outcome=Outcome.PASSED))
    results = run.finish(None)
    assert [cell.id for cell in results.cells] == list(run.cells)
    assert [cell.outcome for cell in results.cells] == [Outcome.PASSED, Outcome.SKIPPED, Outcome.SKIPPED]
    assert run.ended == results
    assert run.unfinished == 0


def test_what_never_came_is_said_and_counted_and_what_was_not_asked_for_is_not(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RUNS, SKIPPED, EXCLUDED)
    results = run.finish(None)
    first, skipped, excluded = results.cells
    assert (first.outcome, first.reason, first.remedy) == (Outcome.SKIPPED, "the run ended before it", "run again")
    assert (skipped.reason, skipped.remedy) == ("no user namespaces", "allow them")
    assert excluded.excluded
    assert run.unfinished == 1
    partial = run_of(tmp_path / "part", RUNS, SKIPPED, EXCLUDED)
    assert [cell.id for cell in partial.finish(set()).cells] == [excluded.id]
    assert partial.unfinished == 0


def test_what_was_recorded_and_not_brought_is_judged(tmp_path: Path) -> None:
    """The recording of a run whose worker died lies there under the id of the cell."""
    run = run_of(tmp_path / "run", RUNS, SKIPPED)
    (cell, _) = run.cells
    made = make_run(tmp_path / "made", [FakeCell(scenario=scenario("one"), upper=PLAIN_UPPER)])
    (tmp_path / "run/cells").mkdir()
    (made / "cells/0").rename(tmp_path / "run/cells" / cell)
    run.recover()
    assert {one.outcome for one in run.results.values()} == {Outcome.PASSED}
    assert [one.folder for one in run.results.values()] == [f"cells/{cell}"]


def test_a_damaged_recording_is_not_taken_for_a_result(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RUNS)
    (cell,) = run.cells
    (tmp_path / "run/cells" / cell).mkdir(parents=True)
    (tmp_path / "run/cells" / cell / "recording.json").write_text("{")
    run.recover()
    assert run.results == {}
    assert run.finish(None).cells[0].reason == "the run ended before it"


def test_a_run_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", RUNS)
    ended = []
    run.stack.callback(lambda: ended.append(True))
    run.abandon()
    assert ended == [True]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("keep", "left"), [("never", set()), ("failed", {"finding"})])
def test_recordings_that_are_not_wanted_go_and_the_results_say_so(keep: str, left: set[str], tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / "run", [FakeCell(upper=PLAIN_UPPER), FakeCell(version="1.10"), FakeCell(version="2", skipped="no")]
    )
    for recording in (folder / "cells").iterdir():
        mark(recording)
    before = read_results(folder)
    run = run_of(folder, RUNS, keep=keep)
    drop_recordings(run, before)
    after: Results = read_results(folder)
    assert {cell.outcome.value for cell in after.cells if cell.folder} == left
    assert [msgspec.structs.replace(cell, folder="") for cell in after.cells] == [
        msgspec.structs.replace(cell, folder="") for cell in before.cells
    ]
    assert {f"cells/{one.name}" for one in (folder / "cells").iterdir()} == {c.folder for c in after.cells if c.folder}


def test_a_recording_that_is_damaged_at_the_end_of_a_run_is_named_and_its_cell_is_broken(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", [FakeCell(), FakeCell(version="1.10")])
    run = run_of(folder, RUNS)
    results = read_results(folder)
    (folder / "cells/1/upper.jsonl").write_bytes(b"")
    finish_run(run, results)
    (problem,) = run.problems
    assert "upper.jsonl" in problem.what
    assert problem.where.endswith("cells/1")
    for told in (run.ended, read_results(folder)):
        assert told is not None
        assert [(cell.outcome, bool(cell.findings)) for cell in told.cells] == [
            (results.cells[0].outcome, True),
            (Outcome.BROKEN, False),
        ]


def test_each_part_of_a_run_tells_of_a_share_of_what_is_excluded(tmp_path: Path) -> None:
    told: list[str] = []
    for number in range(1, 4):
        run = run_of(tmp_path / f"run{number}", RUNS, EXCLUDED, replaced(EXCLUDED, Profile.USER))
        run.plan = msgspec.structs.replace(run.plan, shard=f"{number}/3", only=["none"])
        told += [cell.id for cell in run.finish(set()).cells]
    assert sorted(told) == ["other[fuse-overlayfs-1.14-root]", "other[fuse-overlayfs-1.14-user]"]


def replaced(one: Decision, profile: Profile) -> Decision:
    return msgspec.structs.replace(one, profile=profile)


def test_only_what_would_say_nothing_is_excluded(tmp_path: Path) -> None:
    plan = run_of(tmp_path / "run", RUNS, SKIPPED, EXCLUDED).plan
    assert [is_excluded(one) for one in plan.cells()] == [False, False, True]
