"""A cell, run once more while strace(1) looks on. The edge that touches the machine."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

from harness.cells.plan import Cell
from harness.diagnose.account import stories
from harness.diagnose.syscalls import WATCHED
from harness.diagnose.told import SCHEMA, Seen, Why, write_why
from harness.diagnose.trace import Trace, read_trace
from harness.diagnose.tracer import tracer
from harness.drivers.base import Mounter
from harness.errors import BrokenMachinery
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome, flat
from harness.judge.judged import Judged, judged
from harness.launch.cell import CellContext, Observer, run_cell
from harness.places import UPPER
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Snapshot
from harness.snapshot.tar import read_tar
from harness.whiteouts.union import merge
from harness.worlds.inside import LAB

_SLOWER = 4.0  # times that a cell under observation may take
_SHARED = "abbrev=!getdents64"  # the names that were listed are what it is about


def observe(cell: Cell, context: CellContext, keep_at: Path, defects: Sequence[Defect] = ()) -> Why:
    """Run a cell under observation, and say how what lies in its upper came to be. Its recording and ``why.json`` are then at *keep_at*.

    Raises MissingProgram where strace is not here, BrokenMachinery where the cell could not be run so.
    """
    by = tracer()
    history, ran = _observed(cell, context, keep_at, defects, functions_for(cell))
    inside = b"" if isinstance(cell.driver, Mounter) else LAB.strip("/").encode()
    told = stories(ran.recording, ran.trees, ran.verdict.findings, history, after_steps(keep_at), inside=inside)
    note = "the trace ends in a call" if history.cut and any(one.seen is Seen.NOT for one in told) else ""
    found = tuple(one.key for one in flat(ran.verdict.findings) if one.place == UPPER)
    why = Why(SCHEMA, cell.id, by, told, note, history.requests, round(ran.recording.seconds, 3), found)
    write_why(why, keep_at)
    return why


def observed_trace(cell: Cell, context: CellContext, functions: bytes) -> Trace:
    """The history of one run under observation with *functions*, of which nothing else is kept. Raises as ``observe`` does."""
    folder = context.work / f"observed-{secrets.token_hex(6)}"
    try:
        return _observed(cell, context, folder, (), functions)[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _observed(
    cell: Cell, context: CellContext, keep_at: Path, defects: Sequence[Defect], functions: bytes
) -> tuple[Trace, Judged]:
    trace = context.work / f"trace-{secrets.token_hex(6)}"
    observer = Observer(command_before(cell, trace), functions)
    try:
        run_cell(cell, replace(context, observer=observer, timeout=context.timeout * _SLOWER), keep_at)
        ran = judged(keep_at, defects)
        if ran.verdict.outcome is Outcome.BROKEN:
            raise _refused(ran.verdict.reason, cell)
        with trace.open(encoding="latin-1", newline="\n") as lines:
            return read_trace(lines), ran
    except OSError as error:
        raise BrokenMachinery(
            f"no trace was written: {error.strerror}", where=cell.id, remedy="is ptrace(2) allowed here?"
        ) from error
    finally:
        trace.unlink(missing_ok=True)


def command_before(cell: Cell, trace: Path) -> tuple[str, ...]:
    """Strace before the launcher. A filter in the kernel spares what is not watched, but takes set-uid programs their privilege."""
    quick = () if cell.driver.container and cell.profile is Profile.USER else ("--seccomp-bpf",)
    watched = ",".join(f"?{name}" for name in WATCHED)
    return (
        "strace", "-f", "-y", "-qq", *quick, "-s", "4096", "-e", "signal=none", "-e", _SHARED, "-e", f"trace={watched}", "-o", str(trace),
    )  # fmt: skip


def functions_for(cell: Cell) -> bytes:
    """What takes the place of the script's own functions while somebody looks on."""
    if isinstance(cell.driver, Mounter) and not cell.driver.is_program:  # the kernel's overlay makes no system calls
        return shell("observed") + looking_after_steps("merged", cell.driver.upper)
    return shell("observed")


def shell(name: str) -> bytes:
    """Functions of the shell that stand in a file here."""
    return resources.files("harness.diagnose").joinpath(f"{name}.sh").read_bytes()


def looking_after_steps(tree: str, folder: str) -> bytes:
    """A look at a folder of the cell's after each step in a tree; ``after_step`` reads what was seen."""
    return f"looked_tree={tree} looked_at={folder}\n".encode() + shell("after_step")


def after_steps(folder: Path) -> list[tuple[int, Snapshot]]:
    """What was seen after each step, by their indices and in their order; nothing where nobody looked."""
    found = sorted(int(path.stem.removeprefix("after-")) for path in folder.glob("after-*.tree"))
    return [(step, after_step(folder, step)) for step in found]


def after_step(folder: Path, step: int) -> Snapshot:
    """What was seen after one. Raises BrokenMachinery where nothing was."""
    return Snapshot.of(read_tar(folder / f"after-{step}.tree"))


def plain_states(scenario: Scenario, profile: Profile, folder: Path) -> list[Snapshot]:
    """The plain directory before the first step, and after each, where somebody looked on. Raises BrokenMachinery where nobody did."""
    layers = [layer(tree, profile) for tree in scenario.layers] or [EMPTY]
    first = merge(layers, layer(scenario.upper, profile))
    return [first, *(after_step(folder, number) for number in range(len(scenario.steps)))]


def _refused(reason: str, cell: Cell) -> BrokenMachinery:
    remedy = "run it again"
    if "ptrace" in reason:
        remedy = "let strace trace: see /proc/sys/kernel/yama/ptrace_scope; a container needs the capability SYS_PTRACE"
    return BrokenMachinery(f"it could not be observed: {reason}", where=cell.id, remedy=remedy)
