"""A fault's script, tried before anybody is given it: in the world of its cell, where nothing of the lab is but strace(1). The edge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.cells.plan import Cell
from harness.diagnose.faults import Fault, FaultCell
from harness.diagnose.observe import plain_states
from harness.diagnose.short_fault import short_fault
from harness.diagnose.sweep import NEVER, Sweep, meeting
from harness.diagnose.tracer import strace_files
from harness.judge.findings import Finding
from harness.launch.alone import run_alone
from harness.launch.cell import CellContext
from harness.machine.workfolder import own_folder
from harness.places import PlaceName
from harness.snapshot.model import Snapshot
from harness.worlds.inside import GIVEN

# Where the world has none: the machine's own, with its libraries, under the name by which the script calls it.
_STRACE = b'#!/bin/sh\nhere=${0%/*}/fault\nexec "$here/ld.so" --library-path "$here" "$here/strace" "$@"\n'


@dataclass(frozen=True)
class Replayed:
    """A script, and in how many of its runs it showed what it says."""

    script: str
    shown: int
    times: int


def first_wrong(cells: Iterable[FaultCell]) -> tuple[FaultCell, Fault, Finding] | None:
    """The first thing that is wrong and that nobody has named, else the first."""
    every = [(cell, fault, finding) for cell in cells for fault in cell.faults for finding in fault.findings]
    return next((one for one in every if one[2].known is None), next(iter(every), None))


def replayed(cell: Cell, context: CellContext, fault: Fault, finding: Finding, times: int) -> Replayed | None:
    """The script of a fault, run *times*; None where a few lines would not do. Raises BrokenMachinery, MissingProgram."""
    sweep, point = Sweep(cell, context, 1), fault.point
    until = sweep.until(point.step)
    states: list[Snapshot] = []
    trees: dict[PlaceName, Snapshot] = {}
    for told in (NEVER, meeting(point, fault.fault)):
        with own_folder(context.work, "replay") as folder:
            trees = sweep.once(until, folder, *told).trees
            states = states or plain_states(until, cell.profile, folder)
    text = short_fault(Cell(until, cell.tool, cell.profile), fault, finding, trees, (states[-2], states[-1]))
    if not text:
        return None
    files = {"short.sh": text.encode("utf-8", "surrogateescape"), "strace": _STRACE, **strace_files()}
    program = f"PROGRAM={GIVEN} " if cell.program == GIVEN else ""
    codes = [run_alone(cell, context, files, f"PATH=$PWD:$PATH {program}sh short.sh").code for _ in range(times)]
    return Replayed(text, sum(code == 1 for code in codes), times)
