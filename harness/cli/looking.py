"""After the cells of a run: those that it is about are run once more under observation, and told why beside their recordings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from enum import StrEnum
from pathlib import Path

import msgspec

from harness.cells.plan import Cell, NotRun, cell_of
from harness.diagnose.crash import guest_cells
from harness.diagnose.faults import write_faults
from harness.diagnose.observe import observe
from harness.diagnose.sweep import Tries, fits, swept
from harness.diagnose.told import Why, write_why
from harness.diagnose.tracer import tracer
from harness.errors import LabError, MissingProgram
from harness.judge.findings import flat
from harness.launch.cell import CellContext
from harness.places import UPPER
from harness.readings.uppers import is_founding
from harness.runs.results import CellResult
from harness.runs.run import Run
from harness.scenario.model import Scenario

MOST_NEW = 40  # cells with something new that are looked at unasked

# Hears how many of how many were looked at; what it gives ends it early.
Say = Callable[[str, int, int], bool]


class Whose(StrEnum):
    """Of which cells a run tells why."""

    NONE = "none"
    NEW = "new"  # where something new lies in the upper
    FOUNDING = "founding"  # and of the founding case's scenarios
    ALL = "all"  # wherever something is found in the upper


def look_on(run: Run, say: Say) -> None:
    """Observe the cells that the plan asks for; what could not be observed is noted, and fails nothing."""
    wanted = chosen(run.results.values(), run.cells, Whose(run.plan.why))
    if not wanted:
        return
    context = _context(run, "nobody looked on")
    if context is None:
        return

    def look(number: int, cell: Cell, result: CellResult) -> str:
        scratch = context.work / f"why-{number}"
        try:
            write_why(as_of(observe(cell, context, scratch, run.plan.defects), result), run.folder / result.folder)
        except LabError as error:
            return f"{cell.id} was not observed: {error.what}"
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return ""

    with ThreadPoolExecutor(run.jobs) as pool:
        looking = [pool.submit(look, number, cell, result) for number, (cell, result) in enumerate(wanted)]
        for done, one in enumerate(as_completed(looking), 1):
            run.notes += filter(None, [one.result()])
            if say("why", done, len(wanted)):
                pool.shutdown(cancel_futures=True)
                return


def _context(run: Run, without: str) -> CellContext | None:
    """How cells of the run are run again; None where no tracer is here, which is noted: *without* one, what is not done."""
    try:
        tracer()
    except MissingProgram as error:
        run.notes.append(f"{without}: {error.what}; {error.remedy}")
        return None
    return CellContext(Path(run.plan.work), run.plan.kernel, run.plan.environment, run.plan.timeout, of_run=True)


def as_of(why: Why, result: CellResult) -> Why:
    """What was told, with what the cell had shown before and did not show when somebody looked on."""
    missing = [one for one in flat(result.findings) if one.place == UPPER and one.key not in why.found]
    if not missing:
        return why
    words = ", ".join(f"{one.code} at {one.path}" for one in missing[:3]) + (" and more" if len(missing) > 3 else "")
    note = f"found before, and not under observation (0 of 1 run): {words}"
    return msgspec.structs.replace(why, note="; ".join(filter(None, (why.note, note))))


def try_faults(run: Run, say: Say) -> None:
    """The faults that the plan asks for; kept in the run's folder, and judged as what its cells show."""
    if run.plan.faults == Whose.NONE:
        return
    ran = [run.cells[result.id] for result in run.results.values() if result.folder and result.id in run.cells]
    cells = [one for one in ran if isinstance(one, Cell) and is_tried(one.scenario) and not fits(one)]
    every = [one for one in run.cells.values() if is_tried(cell_of(one).scenario)]
    guests = guest_cells(every, run.plan.guests)  # as root in there, whoever runs it
    context = _context(run, "no faults were tried")
    if context is None:
        return
    found, troubles = swept(
        Tries(cells, guests), context, run.jobs, run.plan.defects, lambda _, done, total: say("faults", done, total)
    )
    run.notes += troubles
    run.faults = found
    try:
        write_faults(found, run.folder)
    except LabError as error:
        run.problems.append(error)


def is_tried(scenario: Scenario) -> bool:
    """Whether faults are tried in a scenario unasked: in the founding case's, and where the scenario names some."""
    return is_founding(scenario) or bool(scenario.faults)


def chosen(
    results: Iterable[CellResult], cells: Mapping[str, Cell | NotRun], whose: Whose
) -> list[tuple[Cell, CellResult]]:
    """The cells whose uppers are asked about, of those that were recorded."""
    found = []
    new = 0
    for result in results:
        cell = cells.get(result.id)
        here = [one for one in flat(result.findings) if one.place == UPPER]
        if not isinstance(cell, Cell) or not result.folder or not here or whose is Whose.NONE:
            continue
        if any(one.known is None for one in here) and new < MOST_NEW:
            new += 1
            found.append((cell, result))
        elif whose is Whose.ALL or (whose is Whose.FOUNDING and is_founding(cell.scenario)):
            found.append((cell, result))
    return found
