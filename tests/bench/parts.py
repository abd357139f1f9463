"""Shards as large runs leave them: the cells of a real run, under other names as often as needed, dealt out to parts."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from msgspec.structs import replace

from harness.runs.planfile import PLAN, Decision, PlanFile, read_plan, rewrite_plan
from harness.runs.results import CellResult, Results, read_results, write_results
from harness.scenario.model import Scenario
from tests.bench.measure import NotDone, done

PARTS, CELLS = 20, 500

MERGE = """\
import resource, sys, time
from pathlib import Path
from harness.runs.merge import merge
before, own = time.perf_counter(), time.process_time()
merged = merge([Path(word) for word in sys.argv[2:]], Path(sys.argv[1]))
seconds, own = time.perf_counter() - before, time.process_time() - own
ran = sum(not cell.excluded for cell in merged.results.cells)
print(seconds, own, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, ran, len(merged.missing), len(merged.doubled))
"""


def deal_out(run: Path, into: Path, parts: int = PARTS, cells: int = CELLS) -> list[Path]:
    """The folders of the parts, with the plan of all in each, as ``run --shard`` leaves them; the recordings are those of *run*."""
    plan, results = many(read_plan(run / PLAN), read_results(run), parts * cells)
    ran = [cell for cell in results.cells if not cell.excluded]
    excluded = [cell for cell in results.cells if cell.excluded]
    folders = []
    for number in range(parts):
        folder = into / f"part-{number + 1}"
        folder.mkdir(parents=True)
        (folder / "cells").symlink_to(run.absolute() / "cells", target_is_directory=True)
        mine = ran[number::parts]
        facts = replace(results.run, id=f"{results.run.id}-{number}")
        words = replace(plan, folder=str(folder), only=[cell.id for cell in mine], shard=f"{number + 1}/{parts}")
        rewrite_plan(words)
        told = [cell for cell in excluded if words.tells(cell.id)]
        write_results(replace(results, run=facts, cells=(*mine, *told)), folder)
        folders.append(folder)
    return folders


def many(plan: PlanFile, results: Results, wanted: int) -> tuple[PlanFile, Results]:
    """A run of so many cells that are not excluded, of a smaller one: its scenarios under other names."""
    scenarios: list[Scenario] = []
    decisions: list[Decision] = []
    cells: list[CellResult] = []
    left = wanted
    for again in itertools.count():
        for place, scenario in enumerate(plan.scenarios):
            name = f"{scenario.name}-{again}" if again else scenario.name
            mine = [
                replace(one, id=one.id.replace(scenario.name, name, 1), scenario=name)
                for one in results.cells
                if one.scenario == scenario.name
            ]
            ran = [one.id for one in mine if not one.excluded][:left]
            here = {*ran, *(one.id for one in mine if one.excluded)}
            left -= len(ran)
            cells += [one for one in mine if one.id in here]
            decisions += [
                replace(one, scenario=len(scenarios))
                for one in plan.decisions
                if one.scenario == place and f"{name}[{plan.tools[one.tool].key}-{one.profile}]" in here
            ]
            scenarios.append(replace(scenario, name=name))
        if not left:
            break
    files = [f"{one.name}.toml" for one in scenarios]
    whole = replace(plan, scenarios=scenarios, files=files, decisions=decisions, only=[], narrow=False)
    return whole, replace(results, cells=tuple(cells))


def merged(folders: list[Path], out: Path) -> tuple[float, float, float]:
    """What it takes to put the parts together, without a report: seconds by the clock and of the processor, and MB.

    Raises NotDone where that is not one whole run.
    """
    said = done("this program", [sys.executable, "-c", MERGE, out, *folders]).out.split()
    seconds, own, megabytes, *counts = map(float, said)
    if counts != [PARTS * CELLS, 0, 0]:
        raise NotDone(
            f"of {PARTS * CELLS} cells there are {counts[0]:.0f}, missing {counts[1]:.0f}, doubled {counts[2]:.0f}"
        )
    return seconds, own, megabytes
