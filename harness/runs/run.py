"""The controller's side of a run: results as they come, the proof that nothing is left, and what stays on disk."""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness import __version__
from harness.cells.plan import Cell, NotRun
from harness.errors import LabError
from harness.judge.findings import Outcome
from harness.launch.leaks import find_leaks
from harness.machine.guarded import remove_tree
from harness.names import printable
from harness.readings.results import Readings
from harness.runs.givings import Which
from harness.runs.planfile import PlanFile, named_cells
from harness.runs.readings import Say, readings_of
from harness.runs.results import SCHEMA, CellResult, Results, RunFacts, write_results
from harness.runs.resume import whole_cells
from harness.runs.unrecorded import not_run_result


class Run:
    """The controller's side of a run: the plan, the work folder, the results as they come."""

    readings: Readings | None = None  # once they are done
    faults: Any = None  # harness.diagnose.faults.Faults, once they were tried

    def __init__(self, plan: PlanFile, stack: contextlib.ExitStack) -> None:
        self.plan = plan
        self.stack = stack
        self.started = datetime.datetime.now(datetime.UTC)
        self.clock = time.monotonic()
        self.results: dict[str, CellResult] = {}
        self.leaks: list[str] = []
        self.problems: list[LabError] = []  # what could not be written at the end
        self.notes: list[str] = []  # what is told at the end, and fails nothing
        self.unfinished = 0  # cells that the run ended before
        self.resumed = False  # its folder was there before
        self.reports = True  # whether its end writes the report; otherwise whoever runs it does
        self.ended: Results | None = None
        self.jobs = (os.cpu_count() or 1) + 1
        self.say_reading: Say = lambda _stage, _done, _total: False
        self.say_looking: Say = self.say_reading
        self.folder = Path(plan.folder)
        self.cells = named_cells(plan.cells())

    def take(self, result: CellResult) -> None:
        """Keep what an item brought home."""
        self.results[result.id] = result

    def crashed(self, report: pytest.TestReport) -> CellResult | None:
        """The result of an item that brought none home: its worker died, or this program has a fault."""
        one = self.cells.get(report.nodeid.rpartition("::")[2])
        if one is None or isinstance(one, NotRun):
            return None
        bare = not_run_result(NotRun(one, printable(str(report.longrepr))[:2000]), self.plan.kernel)
        return msgspec.structs.replace(bare, outcome=Outcome.BROKEN)

    def recover(self) -> None:
        """Judge what cells have recorded whose word did not arrive: the run was interrupted, or a worker died."""
        for result in whole_cells(self.plan, self.folder, self.results).values():
            self.take(result)

    def give(self) -> None:
        """The readings that the plan asks for: what cells wrote is given to others. What went wrong is the run's trouble."""
        if self.plan.readings == Which.NONE:
            return
        try:
            self.readings = readings_of(
                self.plan, Path(self.plan.work), self.results.values(), self.jobs, self.say_reading
            )
        except LabError as error:
            self.problems.append(error)

    def abandon(self) -> None:
        """Nothing ran: leave nothing, but what was there before."""
        self.stack.close()
        if not self.resumed:
            remove_tree(self.folder)

    def finish(self, selected: set[str] | None) -> Results:
        """Prove that nothing is left, and put the results together. *selected*: ids that pytest was asked for; None: all."""
        try:
            self.stack.close()
        except LabError as error:
            self.leaks.append(str(error))
        self.leaks += find_leaks(Path(self.plan.work))
        for cell_id, one in self.cells.items():
            unwanted = (
                not self.plan.tells(cell_id) if is_excluded(one) else selected is not None and cell_id not in selected
            )
            if cell_id in self.results or unwanted:
                continue
            missing = one if isinstance(one, NotRun) else NotRun(one, "the run ended before it", "run again")
            self.unfinished += missing is not one
            self.take(not_run_result(missing, self.plan.kernel))
        order = {cell_id: place for place, cell_id in enumerate(self.cells)}
        facts = RunFacts(
            id=self.plan.run,
            started=self.started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self.clock, 2),
            version=__version__,
            command=tuple(sys.argv),
            kernel=self.plan.kernel,
            environment=self.plan.environment,
            unavailable=tuple(self.plan.unavailable),
        )
        cells = tuple(sorted(self.results.values(), key=lambda r: order[r.id]))
        results = Results(SCHEMA, facts, cells, tuple(self.plan.defects))
        self.ended = results
        return results


def is_excluded(one: Cell | NotRun) -> bool:
    """Whether a cell is left out since it would say nothing."""
    return isinstance(one, NotRun) and one.excluded


def drop_recordings(run: Run, results: Results) -> None:
    """Delete the recordings that were not wanted, and say in ``results.json`` that they are not there."""
    dropped = {
        cell.id
        for cell in results.cells
        if cell.folder and (run.plan.keep == "never" or cell.outcome is Outcome.PASSED)
    }
    for cell in results.cells:
        if cell.id in dropped:
            remove_tree(run.folder / cell.folder)
    cells = tuple(msgspec.structs.replace(c, folder="") if c.id in dropped else c for c in results.cells)
    write_results(msgspec.structs.replace(results, cells=cells), run.folder)
