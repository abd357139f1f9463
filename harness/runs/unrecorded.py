"""Results of cells of which nothing was recorded."""

from __future__ import annotations

import msgspec

from harness.cells.plan import Cell, NotRun
from harness.errors import LabError
from harness.evidence.tools import tool_record
from harness.judge.findings import Outcome
from harness.names import printable
from harness.runs.results import CellResult


def not_run_result(one: NotRun, kernel: str) -> CellResult:
    """The result of a cell that does not run."""
    cell = one.cell
    return CellResult(
        cell.id, cell.scenario.name, tool_record(cell.tool, kernel), cell.profile, Outcome.SKIPPED,
        one.reason, one.remedy, one.excluded,
    )  # fmt: skip


def broken_result(cell: Cell, kernel: str, error: LabError) -> CellResult:
    """The result of a cell of which nothing was recorded."""
    bare = not_run_result(NotRun(cell, printable(error.what), printable(error.remedy)), kernel)
    return msgspec.structs.replace(bare, outcome=Outcome.BROKEN)
