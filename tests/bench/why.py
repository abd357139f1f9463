"""What it costs to look on while a cell runs, to tell how its marks came to be, and to try every fault of it."""

from __future__ import annotations

import platform
import resource
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness.cells.plan import Cell
from harness.diagnose.account import stories
from harness.diagnose.crash import guest_cells
from harness.diagnose.observe import command_before, functions_for, observe
from harness.diagnose.sweep import Tries, fits, swept
from harness.diagnose.trace import read_trace
from harness.judge.judged import judged
from harness.launch.cell import CellContext, Observer, run_cell
from harness.readings.uppers import is_founding
from harness.runs.decide import Wanted, decide, obstacles_here
from harness.scenario.model import KILLED
from harness.tools.guests import discover_guests
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool
from tests.bench.measure import ROUNDS, NotDone, row

CELLS = 12


def cells(tool: str, *, founding: bool = False) -> list[Cell]:
    """Cells of the newest version of a tool here, as root."""
    plan = decide(Wanted(tools=(tool,)), obstacles_here(), lambda _: None)
    every = [one for one in plan.cells() if isinstance(one, Cell) and one.tool.name == tool and one.profile == "root"]
    newest = [one for one in every if one.tool == every[-1].tool]
    found = [one for one in newest if is_founding(one.scenario)] if founding else newest[:CELLS]
    if not found:
        raise NotDone(f"no cell of {tool} can be run here")
    return found


def why(work: Path) -> None:
    """Looked at and not, by the processor's time of all processes; then what is computed of one trace; then faults in a second."""
    context = CellContext(work, platform.release(), {}, timeout=120)

    def measure() -> str:
        chosen = cells("fuse-overlayfs")
        rounds = []
        for _ in range(ROUNDS):
            plain = sum(_cpu(partial(run_cell, one, context, work / _name())) for one in chosen)
            mine = sum(_cpu(partial(observe, one, context, work / _name())) for one in chosen)
            rounds.append((mine / plain, mine, plain))
        rounds.sort()
        middle, mine, plain = rounds[ROUNDS // 2]
        return f"{mine:.2f} s | {plain:.2f} s | {middle:.2f} ({rounds[0][0]:.2f}–{rounds[-1][0]:.2f})"

    row(f"{CELLS} cells under observation, by the processor's time", measure, "2.5", ("strace",))
    row("how the marks of a cell came to be, of its trace", lambda: _attribution(context, work), "50 ms", ("strace",))
    row("the faults of the founding case", lambda: _faults(context), "5 in a second", ("strace",))
    row("the crashes of the founding case under a guest kernel", lambda: _crashes(context), "")


def _name() -> str:
    return f"why-{secrets.token_hex(6)}"


def _cpu(action: Callable[[], object]) -> float:
    """Seconds of the processor, of everything that was started and has ended; this process's own not."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _attribution(context: CellContext, work: Path) -> str:
    times: list[float] = []
    for cell in cells("fuse-overlayfs"):
        trace, folder = work / _name(), work / _name()
        run_cell(cell, _looked_at(context, cell, trace), folder)
        ran = judged(folder)
        lines = trace.read_text(encoding="latin-1").splitlines()
        before = time.perf_counter()
        stories(ran.recording, ran.trees, ran.verdict.findings, read_trace(lines))
        times.append(time.perf_counter() - before)
    return f"{statistics.median(times) * 1000:.0f} ms ({min(times) * 1000:.0f}–{max(times) * 1000:.0f}) | | "


def _looked_at(context: CellContext, cell: Cell, trace: Path) -> CellContext:
    observer = Observer(command_before(cell, trace), functions_for(cell))
    return CellContext(context.work, context.kernel, context.environment, context.timeout, observer=observer)


def _crashes(context: CellContext) -> str:
    guests = [one for one in discover_guests(worlds_in_place()) if isinstance(one, Tool)]
    chosen = guest_cells(cells("kernel", founding=True), guests)
    found, troubles = swept(Tries((), chosen), context, 3, (), lambda *_: False)
    number = sum(len(cell.faults) for cell in found.cells)
    if troubles or not number:
        raise NotDone(f"not all could be tried: {troubles[:1]}")
    return f"{number / found.seconds:.1f} in a second ({number}, with two starts of a kernel for each cell) | | "


def _faults(context: CellContext) -> str:
    chosen: Sequence[Cell] = [one for one in cells("fuse-overlayfs", founding=True) if not fits(one)]
    found, troubles = swept(Tries(chosen, faults=(KILLED,)), context, 3, (), lambda *_: False)
    number = sum(len(cell.faults) for cell in found.cells)
    if troubles or not number:
        raise NotDone(f"not all could be tried: {troubles[:1]}")
    return f"{number / found.seconds:.1f} in a second ({number}, with the runs that find and that lack) | | "
