"""Every defect shows in its witnesses on a program that has it, and does not on one that has not, where both can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.cells.plan import Cell, plan
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome, flat
from harness.judge.judge import Verdict
from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.places import FAULT
from harness.profile import Profile
from harness.runs.cell import run_and_judge
from harness.runs.decide import known_defects, obstacles_here
from harness.runs.folders import project_folder
from harness.scenario.loader import load_all, scenarios_below
from harness.tools.discover import discover
from harness.worlds.build import worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Tool
from harness.worlds.ranges import in_ranges

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="both profiles are run; run as root"),
]
SCENARIOS = {one.name: one for one in load_all(scenarios_below(project_folder() / "scenarios"))}
DEFECTS = known_defects()
NAMES = ("kernel", "kernel+nouserxattr", "fuse-overlayfs")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellContext]:
    with work_folder(tmp_path_factory.mktemp("work"), "witnesses") as folder:
        yield CellContext(folder, os.uname().release, {}, timeout=30)


@pytest.fixture(scope="module")
def tools() -> list[Tool]:
    found = [one for one in discover([host_world(), *worlds_in_place()]) if isinstance(one, Tool)]
    mine = [one for one in found if one.name in NAMES]
    if len({one.version for one in mine if one.name == "fuse-overlayfs"}) < 2:
        pytest.skip("two versions of fuse-overlayfs are needed: whiteout-lab worlds build")
    return mine


def has(defect: Defect, cell: Cell) -> bool:
    """Whether a cell must show a defect in a witness of it."""
    return any(
        cell.tool.name.partition("+")[0] == defect.program
        and not sign.sometimes
        and FAULT not in sign.places  # of daemons that somebody disturbs
        and (not sign.profiles or cell.profile in sign.profiles)
        and (not sign.tools or any(fnmatchcase(cell.tool.name, name) for name in sign.tools))
        and (not sign.scenarios or cell.scenario.name in sign.scenarios)
        and all(in_ranges(ranges, cell.tool.version) for ranges in (defect.versions, sign.versions) if ranges)
        for sign in defect.signs
    )


@pytest.mark.parametrize("name", sorted({name for one in DEFECTS for name in one.witnesses if name in SCENARIOS}))
def test_a_defect_shows_in_its_witnesses_on_the_tools_that_have_it_alone(
    name: str, tools: list[Tool], context: CellContext, tmp_path: Path
) -> None:
    decided = plan([SCENARIOS[name]], tools, list(Profile), obstacles_here(), NAMES)
    cells = [one for one in decided if isinstance(one, Cell)]
    verdicts: dict[str, Verdict] = {}

    def verdict(cell: Cell) -> Verdict:
        if cell.id not in verdicts:
            verdicts[cell.id] = run_and_judge(cell, context, tmp_path / cell.id, defects=DEFECTS).verdict
        return verdicts[cell.id]

    tried = 0
    for defect in (one for one in DEFECTS if name in one.witnesses):
        having = [cell for cell in cells if has(defect, cell)]
        without = [cell for cell in cells if cell not in having]
        if having and without:
            tried += 1
            shows, shows_not = verdict(having[0]), verdict(without[0])
            assert [shows.outcome, shows_not.outcome] == [Outcome.PASSED] * 2, (having[0].id, without[0].id)
            assert defect.name in {one.known.defect for one in flat(shows.findings) if one.known}, having[0].id
            assert defect.name not in {one.known.defect for one in flat(shows_not.findings) if one.known}, without[0].id
    if not tried:
        pytest.skip("no two tools here of which one has it and one has not")
