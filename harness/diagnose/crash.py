"""What a crash of the machine leaves of a kernel's overlay: after each write by which its disk changes for good. The machine's edge.

The kernel is a guest. It runs the cell on a disk of which every write is kept, in order; then the disk is laid out as a crash after each
commit of its file system left it, and the guest replays its journal, mounts the overlay, and looks. A change of names is a commit of its
own there, so each order of the kernel's own changes that a crash can cut is seen: any of these states can be met by anybody, if rarely.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from harness.cells.plan import Cell, NotRun, cell_of, plan
from harness.compare.steps import step_words
from harness.compare.words import bare
from harness.diagnose.disk import Logged, Stop, read_log, stops, write_states
from harness.diagnose.faults import Came, Fault, FaultCell, Point, keeps, written
from harness.diagnose.observe import looking_after_steps, plain_states, shell
from harness.diagnose.states import Below, changed
from harness.drivers.base import Mounter
from harness.drivers.kernel import PLAIN
from harness.errors import BrokenMachinery, LabError
from harness.evidence import recording as records
from harness.evidence import trees as evidence
from harness.evidence.recording import Recording
from harness.evidence.tools import tool_record
from harness.judge.defects.explain import Explainer
from harness.judge.defects.model import Defect
from harness.judge.rules.fault import CRASH, FaultEvidence, differing, fault_findings
from harness.launch.cell import CellContext
from harness.launch.guest import boot, stage_guest
from harness.machine.guarded import remove_tree
from harness.machine.workfolder import own_folder
from harness.places import REMOUNT, UPPER
from harness.profile import Profile
from harness.protocol import Phase
from harness.scenario.steps import Remount
from harness.script.below import stack_of
from harness.script.compile import compile_cell
from harness.script.parts import carried, function
from harness.snapshot.model import EMPTY, Snapshot
from harness.snapshot.tar import read_tar
from harness.worlds.model import Tool

DISK = 16 << 20  # bytes
_LOG = 512 << 20  # bytes that the log may have; a file with holes
_AT_ONCE = 100  # states on one device: what a cell may write to a file is limited
_DISK, _WRITES, _STATES = "disk", "writes", "states.disk"


def fits(cell: Cell) -> str:
    """Why a crash of its machine cannot be tried; empty where it can."""
    scenario, driver = cell.scenario, cell.driver
    if not isinstance(driver, Mounter) or driver.is_program:
        return "it is not the kernel's own overlay"
    if scenario.below.fs != "host" or scenario.stack != "plain":
        return "the file system below its upper is another one than the disk of the guest"
    if any(isinstance(step, Remount) for step in scenario.steps):
        return "it mounts again among its steps"
    return "" if scenario.steps else "it has no steps"


@dataclass(frozen=True)
class Seen:
    """One state of the disk, as the guest shows it. ``refused``: why it does not mount the overlay again, or the disk."""

    below: Below
    view: Snapshot
    refused: str


def guest_cells(every: Iterable[Cell | NotRun], guests: Sequence[Tool]) -> list[Cell]:
    """The cells of guest kernels, for the scenarios that a plan has for the kernel as root. What this machine lacks is no matter there."""
    about = [cell_of(one) for one in every if not (isinstance(one, NotRun) and one.excluded)]
    chosen = {
        id(cell.scenario): cell.scenario
        for cell in about
        if cell.tool.name == PLAIN.name and cell.profile is Profile.ROOT
    }
    planned = plan(list(chosen.values()), guests, (Profile.ROOT,), {})
    return [one for one in planned if isinstance(one, Cell) and not fits(one)]


def crash_cell(cell: Cell, context: CellContext, defects: Sequence[Defect]) -> FaultCell:
    """What each crash leaves in one cell, whose tool is a guest kernel. Raises BrokenMachinery."""
    with own_folder(context.work, "guest") as folder:
        recorded = folder / "recorded"
        began = time.monotonic()
        stage = _recorded(cell, context, recorded)
        out = stage / "out"
        log = _log(stage)
        every = stops(log)
        recording = _recording(cell, context, out, time.monotonic() - began)
        if recording.refused and not recording.steps:  # there is nothing that a crash could cut
            return FaultCell(cell.id, cell.scenario.name, recording.tool, cell.profile, ())
        if recording.broken or not (recording.phase == Phase.END or recording.refused):
            why = recording.broken or f"it stopped in the phase {recording.phase!r}"
            raise BrokenMachinery(f"the guest did not run the cell: {why}", where=cell.id)
        seen: list[Seen] = []
        for number in range(0, len(every), _AT_ONCE):
            some = every[number : number + _AT_ONCE]
            seen += _looked_at(cell, context, folder / f"looked-{number}", log, some)
        found = tuple(_judged(cell, recording, out, every, seen, defects))
    return FaultCell(cell.id, cell.scenario.name, recording.tool, cell.profile, found)


def _recorded(cell: Cell, context: CellContext, folder: Path) -> Path:
    """Run the cell in the guest, on a disk whose writes are kept; returns the folder that has them, and ``out``."""
    functions = looking_after_steps("oracle", "oracle") + shell("crash_step")
    files = {"cell.sh": compile_cell(cell, functions), "crash_record.sh": shell("crash_record")}
    stage, enclosure = stage_guest(cell.tool, folder, files)
    for name, size in ((_DISK, DISK), (_WRITES, _LOG)):
        with (stage / name).open("wb") as file:
            file.truncate(size)
    boot(cell.tool, context, stage, enclosure, "crash_record.sh", (_DISK, _WRITES))
    return stage


def _looked_at(
    cell: Cell, context: CellContext, folder: Path, log: Sequence[Logged], some: Sequence[Stop]
) -> list[Seen]:
    """What the guest shows of the disk at each of *some* stops."""
    driver, scenario = cell.driver, cell.scenario
    assert isinstance(driver, Mounter)
    lowers = tuple(f"lower/{n}" for n in range(1, max(1, len(scenario.layers)) + 1))
    text = driver.script(stack_of(cell, lowers, driver.upper, driver.work, "merged"))
    stack = b"\n".join((function("mount_stack", text.mount), function("unmount_stack", text.unmount), b""))
    files = {
        "crash_check.sh": shell("crash_check"), "prelude.sh": carried("prelude.sh"), "stack.sh": stack,
        "states": f"{len(some)} {DISK // 512}\n".encode(),
    }  # fmt: skip
    stage, enclosure = stage_guest(cell.tool, folder, files)
    with (stage / _STATES).open("wb") as file:
        write_states(log, some, DISK, file)
    folders = [str(number) for number in range(len(some))]
    out = boot(cell.tool, context, stage, enclosure, "crash_check.sh", (_STATES,), folders)
    seen = [_seen(cell, out / name) for name in folders]
    remove_tree(folder)
    return seen


def _seen(cell: Cell, folder: Path) -> Seen:
    if why := evidence.broken(folder):
        raise BrokenMachinery(f"a state of the disk could not be looked at: {why}", where=cell.id)
    trees = evidence.snapshots(folder, cell.scenario, cell.profile, {})
    work = folder / "work.tar"
    below = {"upper": trees.get(UPPER, EMPTY), "work": Snapshot.of(read_tar(work)) if work.exists() else EMPTY}
    view = trees.get(REMOUNT)
    refused = evidence.refused(folder) or ("" if view is not None else "it was not mounted, and said nothing")
    return Seen(below, view or EMPTY, refused)


def _judged(  # noqa: PLR0917
    cell: Cell, recording: Recording, out: Path, every: Sequence[Stop], seen: Sequence[Seen], defects: Sequence[Defect]
) -> Iterator[Fault]:
    plain = plain_states(cell.scenario, cell.profile, out)
    explainer = Explainer(recording, defects)
    apart = _apart(recording, seen[0], plain[0]) if seen else (0, "")
    for before, now, stop in zip(seen, seen[1:], every[1:], strict=False):
        step = cell.scenario.steps[stop.step]
        line = f"commit {stop.ordinal}: {changed(before.below, now.below) or 'nothing that is seen'}"
        point = Point(stop.step, bare(step_words(step)), line, "commit", stop.ordinal)
        if stop.step >= apart[0]:
            yield Fault(point, CRASH, Came.MISSED, why=apart[1])
            continue
        crash = FaultEvidence(
            fault=CRASH, call="commit", line=line, request="", action=step.do, trees={REMOUNT: now.view},
            before=plain[stop.step], after=plain[stop.step + 1], writes=written(step), keeps=keeps(step), refused=now.refused,
        )  # fmt: skip
        findings = tuple(map(explainer.explained, fault_findings(crash)))
        came = Came.WRONG if findings else Came(crash.state)
        yield Fault(point, CRASH, came, findings=findings)


def _apart(recording: Recording, first: Seen, plain: Snapshot) -> tuple[int, str]:
    """From which step on the plain directory is another tree without any crash, and why: of what is shown then a crash is not the cause."""
    if first.refused:
        return 0, f"it is not mounted again before the first step either: {first.refused}"
    if differing(first.view, plain):
        return 0, "what is shown before the first step is another tree already"
    codes = {step.index: bool(step.code) for step in recording.oracle_steps}
    for step in recording.steps:
        if bool(step.code) != codes.get(step.index):
            return step.index, f"step {step.index + 1} ends with another exit code than on a plain directory"
    return len(recording.scenario.steps), ""


def _log(stage: Path) -> list[Logged]:
    with (stage / _WRITES).open("rb") as file:
        return list(read_log(file))


def _recording(cell: Cell, context: CellContext, out: Path, seconds: float) -> Recording:
    """What the guest saw of the cell, as of any cell."""
    kernel = cell.tool.main.version
    return Recording(
        schema=records.SCHEMA, id=cell.id, scenario=cell.scenario, tool=tool_record(cell.tool, kernel), profile=cell.profile,
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), seconds=round(seconds, 3), exit_code=0,
        timed_out=False, phase=evidence.phase(out), broken=evidence.broken(out), daemon_exits=(),
        steps=evidence.steps(out, "merged"), oracle_steps=evidence.steps(out, "oracle"), mounts=evidence.mounts(out),
        unseen=evidence.unseen(cell.profile), environment=context.environment, refused=evidence.refused(out),
    )  # fmt: skip


def crashed(
    cells: Sequence[Cell], context: CellContext, jobs: int, defects: Sequence[Defect], say: Callable[[FaultCell], bool]
) -> list[str]:
    """Try the crashes of cells, *jobs* side by side; returns what went wrong. *say* gets each, and may end it."""
    troubles: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(crash_cell, cell, context, defects): cell for cell in cells}
        for one in as_completed(running):
            try:
                found = one.result()
            except LabError as error:
                troubles.append(f"{running[one].id}: {error.what}")
                continue
            if say(found):
                pool.shutdown(cancel_futures=True)
                break
    return troubles
