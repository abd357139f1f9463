"""A cell is judged from its folder: when it has run, and whenever it is read again; and it can be run several times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.cells.plan import Cell, NotRun, plan
from harness.compare.describe import looks, shared_whiteouts
from harness.compare.noise import normalise
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome
from harness.judge.judge import judge
from harness.judge.judged import Judged, judged
from harness.launch.cell import CellContext, Ran, run_cell
from harness.machine.guarded import mark
from harness.machine.workfolder import work_folder
from harness.places import REMOUNT, UPPER
from harness.profile import Profile
from harness.report.load import load
from harness.runs.cell import run_and_judge
from harness.runs.decide import obstacles_here
from harness.runs.folders import project_folder
from harness.runs.results import Results, RunFacts, cell_result, write_results
from harness.scenario.loader import load_all, parse, scenarios_below
from harness.snapshot.model import Snapshot
from harness.worlds.build import world_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool, World
from tests.defects import known
from tests.launch.test_cell import real_program, tool

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="the wrapper reaches into a world of root's; run as root"),
]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellContext]:
    work = tmp_path_factory.mktemp("work")
    with work_folder(work, "judged") as folder:
        yield CellContext(folder, os.uname().release, {}, timeout=20)


@pytest.fixture(scope="module")
def world() -> World:
    found = world_in_place("trixie")
    if found is None:
        pytest.skip("trixie is not built: whiteout-lab worlds build trixie")
    return found


def kernel() -> Tool:
    return Tool("kernel", Part("kernel", os.uname().release, "", "", ""), host_world())


def test_every_shipped_scenario_is_judged_alike_from_memory_and_from_disk(tmp_path: Path, context: CellContext) -> None:
    scenarios = load_all(scenarios_below(project_folder() / "scenarios"))
    decided = plan(scenarios, [kernel()], list(Profile), obstacles_here(), ["kernel"])
    cells = [one for one in decided if not isinstance(one, NotRun)]
    assert len(cells) > 100
    results = []
    for number, cell in enumerate(cells):
        ran: Ran = run_cell(cell, context, tmp_path / "cells" / f"{number}")
        there = judge(ran.recording, ran.trees, ran.raw)
        here = judged(tmp_path / "cells" / f"{number}")
        assert here.verdict == there, cell.id
        assert here.trees == ran.trees, cell.id
        results.append(cell_result(ran.recording, there, f"cells/{number}"))
    facts = RunFacts("run", "2026-01-02T03:04:05+00:00", 1.0, "0", (), "", {})
    write_results(Results(1, facts, tuple(results)), tmp_path)
    assert list(load([tmp_path]).results.cells) == results
    assert list(load([tmp_path], judge_again=True).results.cells) == results


DELETE = b"""
schema = 1
title = "delete a file"
guards = "a deleted file stays deleted"
steps = [{ do = "unlink", path = "d/x" }]
repeat = 3
[[layers]]
"d/x" = "old"
"""
SOMETIMES = known(("WL201", "WL206"), witnesses=("sometimes",), sometimes=True)
ALWAYS = known(("WL201", "WL206"), witnesses=("sometimes",))


@pytest.fixture
def sometimes(
    world: World, context: CellContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Judged]:
    """A cell on a program that drops its markers in the second of three runs and in no other: another program each time."""
    honest = f'exec {real_program(world)} "$@"\n'
    drops = f'{real_program(world)} "$@"; code=$?; find upper -type c -delete; exit $code\n'
    texts = iter([honest, drops, honest])

    def another(cell: Cell, where: CellContext, keep_at: Path) -> Ran:
        tool(tmp_path / "fo", next(texts))
        return run_cell(cell, where, keep_at)

    monkeypatch.setattr("harness.runs.cell.run_cell", another)
    mark(tmp_path)  # as the folder of a run is: only below a mark is anything deleted

    def go(*defects: Defect) -> Judged:
        scenario = parse(DELETE, where="test", name="sometimes")
        cell = Cell(scenario, tool(tmp_path / "fo", honest), Profile.ROOT)
        return run_and_judge(cell, context, tmp_path / "cells" / "x", scenario.repeat, defects)

    return go


def test_a_cell_is_repeated_and_says_how_often(sometimes: Callable[..., Judged], tmp_path: Path) -> None:
    ran = sometimes()
    assert {(one.code, one.times, one.of) for one in ran.verdict.new} == {("WL201", 1, 3), ("WL206", 1, 3)}
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [
        "x"
    ]  # the run with the most findings, and no other
    assert b"d/x" in ran.trees[REMOUNT].entries
    assert cell_result(ran.recording, ran.verdict, "x").runs == 3
    assert judged(tmp_path / "cells" / "x") == ran


def test_what_is_there_at_times_can_be_known_as_such(sometimes: Callable[..., Judged]) -> None:
    assert sometimes(SOMETIMES).verdict.outcome is Outcome.PASSED


def test_what_is_known_as_always_there_is_new_where_it_is_not(sometimes: Callable[..., Judged]) -> None:
    ran = sometimes(ALWAYS)
    assert {one.code for one in ran.verdict.new} == {"WL201", "WL206"}


REFUSED = b"""
schema = 1
title = "options that contradict each other"
guards = "the kernel's overlay refuses them"
steps = [{ do = "mkdir", path = "new" }]
options = { kernel = "metacopy=on,redirect_dir=off" }
"""


@pytest.mark.parametrize("profile", list(Profile))
def test_a_stack_that_the_kernel_refuses(context: CellContext, tmp_path: Path, profile: Profile) -> None:
    def verdict(text: bytes, *defects: Defect) -> Judged:
        cell = Cell(parse(text, where="test", name="no"), kernel(), profile)
        return run_and_judge(cell, context, tmp_path / "cells" / "x", defects=defects)

    new = verdict(REFUSED).verdict
    assert (new.outcome, [one.code for one in new.new]) == (Outcome.FINDING, ["WL209"])
    assert "wrong fs type" in new.new[0].message
    assert verdict(REFUSED + b'refuses = ["kernel"]\n').verdict.findings == ()
    assert verdict(REFUSED, known("WL209", program="kernel")).verdict.outcome is Outcome.PASSED
    taken = REFUSED.replace(b"metacopy=on,redirect_dir=off", b"index=off") + b'refuses = ["kernel"]\n'
    assert [one.message for one in verdict(taken).verdict.new] == ["mounts the stack, which it must refuse"]


def test_a_cell_that_lost_a_race_for_a_loop_device_is_run_again(
    world: World, context: CellContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = f'exec {real_program(world)} "$@"\n'
    lost = "echo 'could not open /dev/loop0: no such device or address' >&2; exit 1\n"
    times = 0

    def go(texts: list[str]) -> Judged:
        def another(cell: Cell, where: CellContext, keep_at: Path) -> Ran:
            nonlocal times
            times += 1
            tool(tmp_path / "fo", texts.pop(0))
            return run_cell(cell, where, keep_at)

        monkeypatch.setattr("harness.runs.cell.run_cell", another)
        scenario = parse(DELETE, where="test", name="race")
        return run_and_judge(
            Cell(scenario, tool(tmp_path / "fo", honest), Profile.ROOT), context, tmp_path / "cells" / "x"
        )

    assert go([lost, honest, lost]).verdict.outcome is Outcome.PASSED
    assert times == 2
    ran = go([lost] * 5)
    assert (ran.verdict.outcome, times) == (Outcome.BROKEN, 2 + 3)
    assert "another process" in ran.verdict.reason


LINKED = b"""
schema = 1
title = "delete two files"
guards = "link counts of whiteouts are recorded"
steps = [{ do = "unlink", path = "a" }, { do = "unlink", path = "d/b" }]
layers = [{ "a" = "a", "d/b" = "b" }]
"""


def test_whiteouts_that_share_an_inode_are_recorded_as_such(context: CellContext, tmp_path: Path) -> None:
    """The kernel's overlay links its whiteouts together (5.8 and later), and a tar does not tell."""
    cell = Cell(parse(LINKED, where="test", name="linked"), kernel(), Profile.ROOT)
    upper = run_and_judge(cell, context, tmp_path / "cells" / "x").trees[UPPER]
    assert {(e.path, e.same_as) for e in upper if e.is_whiteout_device} == {(b"a", b"a"), (b"d/b", b"a")}
    assert shared_whiteouts(upper) == ("2 whiteouts of the upper share one inode (link count 3): a, d/b",) or (
        upper.entries[b"a"].links == 2
    )
    assert (
        looks(normalise(upper))[b"a"]
        == looks(normalise(Snapshot.of([replace(e, same_as=None, links=1) for e in upper])))[b"a"]
    )
