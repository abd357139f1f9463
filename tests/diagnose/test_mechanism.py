"""What a defect says of its mechanism is what ``why`` shows, on each version here that has it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.diagnose.observe import observe
from harness.diagnose.told import Story
from harness.judge.defects.model import Defect
from harness.launch.cell import CellContext
from harness.machine.process import which
from harness.machine.workfolder import work_folder
from harness.runs.decide import Wanted, decide, known_defects, obstacles_here
from harness.runs.folders import work_parent
from harness.worlds.ranges import in_ranges

TOLD = [one for one in known_defects() if one.mechanism]


def follows(patterns: Sequence[str], lines: Sequence[str]) -> bool:
    """Whether each pattern fits a line, in their order; others may stand between."""
    rest: Iterator[str] = iter(lines)
    return all(any(fnmatchcase(line, pattern) for line in rest) for pattern in patterns)


def test_patterns_fit_in_their_order() -> None:
    assert follows(["a*", "c"], ["ax", "b", "c"])
    assert not follows(["c", "a*"], ["ax", "b", "c"])
    assert not follows(["d"], ["c"])
    assert TOLD


def cells(defect: Defect) -> list[Cell]:
    """Cells of its witnesses, on each version of its program that has it, in the plain setup."""
    plan = decide(Wanted(defect.witnesses, (defect.program,)), obstacles_here(), lambda _: None)
    every = [one for one in plan.cells() if isinstance(one, Cell) and one.tool.name == defect.program]
    return [one for one in every if in_ranges(defect.versions, one.tool.main.version) and shows(defect, one)]


def shows(defect: Defect, cell: Cell) -> bool:
    """Whether a sign speaks of the cell at all."""
    return any(
        (not sign.profiles or cell.profile in sign.profiles)
        and (not sign.tools or any(fnmatchcase(cell.tool.name, pattern) for pattern in sign.tools))
        for sign in defect.signs
    )


def mine(stories: Sequence[Story], defect: Defect) -> list[Story]:
    return [one for one in stories if any(found.endswith(f"({defect.name})") for found in one.findings)]


@pytest.mark.real
@pytest.mark.worlds
@pytest.mark.skipif(which("strace") is None, reason="strace is not installed: apt-get install strace")
@pytest.mark.parametrize("defect", TOLD, ids=[one.name for one in TOLD])
def test_what_is_said_of_the_mechanism_is_what_is_seen(defect: Defect) -> None:
    chosen = cells(defect)
    assert chosen
    known = known_defects()
    with work_folder(work_parent(), f"mechanism-{defect.name}-{os.getpid()}") as work:
        context = CellContext(work, platform.release(), {})
        for number, cell in enumerate(chosen):
            told = observe(cell, context, Path(work) / str(number), known)
            for one in mine(told.stories, defect):
                lines = [*one.read, *one.refused, *one.made]
                assert follows(defect.mechanism, lines), (cell.id, one.path, lines)
            if cell.scenario.name == defect.witnesses[0]:
                assert mine(told.stories, defect), cell.id
