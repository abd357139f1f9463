"""Every scenario that is there for a bug shows it on a program that has it, and does not on one that has not, where both can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.scenario.known import Known

from harness.cells.plan import Cell, matches, plan
from harness.judge.findings import Outcome
from harness.judge.judge import Verdict
from harness.launch.cell import Bench
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.runs.cell import run_and_judge
from harness.runs.session import obstacles_here, project_folder
from harness.scenario.loader import load_all, scenarios_below
from harness.scenario.model import Scenario
from harness.tools.discover import discover
from harness.worlds.build import worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Tool

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="both profiles are run; run as root"),
]
SCENARIOS = load_all(scenarios_below(project_folder() / "scenarios"))
NAMES = ("kernel", "kernel+nouserxattr", "fuse-overlayfs")


def is_sure(known: Known) -> bool:
    """Whether an entry is about some tools, and must be seen on them."""
    return bool(known.tools) and not (known.optional or known.sometimes)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with work_folder(tmp_path_factory.mktemp("work"), "witnesses") as folder:
        yield Bench(folder, os.uname().release, {}, timeout=30)


@pytest.fixture(scope="module")
def tools() -> list[Tool]:
    found = [one for one in discover([host_world(), *worlds_in_place()]) if isinstance(one, Tool)]
    mine = [one for one in found if one.name in NAMES]
    if len({one.version for one in mine if one.name == "fuse-overlayfs"}) < 2:
        pytest.skip("two versions of fuse-overlayfs are needed: whiteout-lab worlds build")
    return mine


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if any(map(is_sure, one.known))], ids=lambda one: one.name
)
def test_a_bug_shows_on_the_tools_that_have_it_alone(
    scenario: Scenario, tools: list[Tool], bench: Bench, tmp_path: Path
) -> None:
    cells = [one for one in plan([scenario], tools, list(Profile), obstacles_here(), NAMES) if isinstance(one, Cell)]
    verdicts: dict[str, Verdict] = {}

    def verdict(cell: Cell) -> Verdict:
        if cell.id not in verdicts:
            verdicts[cell.id] = run_and_judge(cell, bench, tmp_path / cell.id).verdict
        return verdicts[cell.id]

    tried = 0
    for known in filter(is_sure, scenario.known):
        here = [cell for cell in cells if not known.profiles or cell.profile in known.profiles]
        having = [cell for cell in here if any(matches(word, cell.tool) for word in known.tools)]
        without = [cell for cell in here if cell not in having]
        if having and without:
            tried += 1
            has, has_not = verdict(having[0]), verdict(without[0])
            assert [has.outcome, has_not.outcome] == [Outcome.PASSED, Outcome.PASSED], (having[0].id, without[0].id)
            assert any(one.known == known for one in has.findings), (having[0].id, known)
            assert not any(one.known == known for one in has_not.findings), (without[0].id, known)
    if not tried:
        pytest.skip("no two tools here of which one has it and one has not")
