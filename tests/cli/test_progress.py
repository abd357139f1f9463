"""The exit code of a run: what was left behind, what could not be written and what broke come before what was found."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import msgspec
import pytest

from harness.cli.progress import Progress
from harness.errors import BrokenMachinery
from harness.machine.guarded import mark
from harness.runs.results import read_results
from harness.runs.run import Run
from harness.runs.session import PlanFile
from harness.scenario.known import Known
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

GOOD = FakeCell(upper=PLAIN_UPPER)
NEW = FakeCell(version="1.10")
BROKEN = FakeCell(version="1.4", broken="no loop device")
SKIPPED = FakeCell(tool="kernel", skipped="no world")
EXCLUDED = FakeCell(tool="kernel", version="2", skipped="says nothing", excluded=True)
FIXED = FakeCell(version="1.15", upper=PLAIN_UPPER, scenario=scenario(known=(Known("WL101", "r"),)))


@pytest.mark.parametrize(
    ("cells", "trouble", "code"),
    [
        ([GOOD, SKIPPED], "", 0),
        ([GOOD, NEW], "", 1),
        ([FIXED], "", 1),
        ([GOOD, NEW, BROKEN], "", 3),
        ([GOOD, NEW], "leaks", 3),
        ([GOOD, NEW], "trouble", 3),
        ([GOOD], "unfinished", 3),
        ([NEW], "unfinished", 1),
        ([SKIPPED, EXCLUDED], "", 77),
        ([EXCLUDED], "", 0),
        ([EXCLUDED, GOOD], "", 0),
    ],
)
def test_the_exit_code_of_a_run(cells: list[FakeCell], trouble: str, code: int, tmp_path: Path) -> None:
    progress = Progress(io.StringIO())
    progress.ended = read_results(make_run(tmp_path / "run", cells))
    progress.run = Run.__new__(Run)
    progress.run.leaks = ["a mount at /work"] if trouble == "leaks" else []
    progress.run.trouble = [BrokenMachinery("full", where="/run")] if trouble == "trouble" else []
    progress.run.unfinished = int(trouble == "unfinished")
    assert progress.exit_code() == code


def test_a_broken_cell_that_says_nothing_anyway_is_no_trouble(tmp_path: Path) -> None:
    progress = Progress(io.StringIO())
    results = read_results(make_run(tmp_path / "run", [GOOD, BROKEN]))
    cells = tuple(msgspec.structs.replace(one, excluded=bool(one.reason)) for one in results.cells)
    progress.ended = msgspec.structs.replace(results, cells=cells)
    assert progress.exit_code() == 0
    progress.ended = None
    assert progress.exit_code() == 0


def test_a_run_asks_for_what_is_left_behind(tmp_path: Path) -> None:
    mark(tmp_path)
    work = tmp_path / "work"
    plan = PlanFile("run", str(tmp_path), str(work), "6.18.1", {}, False, "always", 60.0, [], [], [], [], [])
    assert Run(plan, contextlib.ExitStack()).finish(None).cells == ()
    work.mkdir()
    left = Run(plan, contextlib.ExitStack())
    left.finish(None)
    assert left.leaks == [f"the folder {work}"]
    work.rmdir()

    def refuse() -> None:
        raise BrokenMachinery("not everything could be deleted", where=str(work))

    stuck = Run(plan, contextlib.ExitStack())
    stuck.stack.callback(refuse)
    stuck.finish(None)
    assert "not everything could be deleted" in stuck.leaks[0]
