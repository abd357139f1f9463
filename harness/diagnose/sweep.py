"""The faults of a cell: its daemon killed before each system call that changes something, or told of an error there. The machine's edge."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from harness.cells.plan import Cell
from harness.diagnose.crash import crashed
from harness.diagnose.faults import (
    LACKS,
    SCHEMA,
    Came,
    Fallback,
    Fault,
    FaultCell,
    Faults,
    Lack,
    Point,
    asked_of,
    keeps,
    met_by,
    points,
    same_call,
    written,
)
from harness.diagnose.observe import looking_after_steps, observed_trace, plain_states, shell
from harness.diagnose.tracer import strace_files, tracer
from harness.drivers.base import Mounter
from harness.errors import LabError, UsageError
from harness.evidence.tools import tool_record
from harness.evidence.whole import NO_ROOM
from harness.judge.defects.explain import Explainer
from harness.judge.defects.model import Defect
from harness.judge.rules.evidence import shown
from harness.judge.rules.fault import FaultEvidence, differing, fault_findings
from harness.launch.cell import CellContext, Observer, Ran, run_cell
from harness.names import escape
from harness.places import REMOUNT, UPPER, VIEW
from harness.scenario.model import KILLED, FaultAt, Scenario
from harness.scenario.steps import Remount
from harness.snapshot.model import EMPTY
from harness.whiteouts.encodings import Encoding
from harness.whiteouts.markers import find_markers

NEVER = ("mknodat", "60000", "error=EPERM")  # a fault that is not met
# Until a fault meets the call that is meant: what the kernel asks for when it likes (FORGET, RELEASEDIR) comes before it, or behind.
_BESIDE = (0, 1, -1, 0)
_FULL = {"ENOSPC", "EDQUOT", "EIO"}


def fits(cell: Cell) -> str:
    """Why a cell cannot have faults; empty where it can."""
    if not isinstance(cell.driver, Mounter) or not cell.driver.is_program:
        return "it has no daemon that mounts"
    if any(isinstance(step, Remount) for step in cell.scenario.steps):
        return "it mounts again among its steps"
    if not cell.scenario.steps:
        return "it has no steps"
    return ""


class Sweep:
    """The faults of one cell. ``defects``: what is known."""

    def __init__(self, cell: Cell, context: CellContext, jobs: int, defects: Sequence[Defect] = ()) -> None:
        why = fits(cell)
        if why:
            raise UsageError(f"faults are not for it: {why}", where=cell.id, remedy="name a cell of fuse-overlayfs")
        self._cell, self._context, self._jobs, self._defects = cell, context, jobs, tuple(defects)

    def points(self) -> list[Point]:
        """Where a fault can be, as one run under observation shows it. Raises MissingProgram, BrokenMachinery."""
        tracer()
        return list(points(observed_trace(self._cell, self._context, _functions())))

    def run(self, every: Sequence[Point], faults: Sequence[FaultAt]) -> list[Fault]:
        """Each fault at each point where it is to be met, in their order."""
        tasks = [(point, asked.fault) for asked in faults for point in met_by(every, asked)]
        steps = sorted({step for point, _ in tasks for step in (point.step - 1, point.step)})
        with ThreadPoolExecutor(self._jobs) as pool:
            apart = dict(zip(steps, pool.map(self._apart, steps), strict=True))
            return list(pool.map(lambda task: self._one(task[0], task[1], apart), tasks))

    def fallbacks(self, lacks: Sequence[Lack] = LACKS) -> list[Fallback]:
        """What the daemon does where each of these is lacking, from its first call on."""
        scenario = self._cell.scenario
        folders = [self._context.work / f"lack-{secrets.token_hex(6)}" for _ in (None, *lacks)]
        try:
            usual = self.once(scenario, folders[0], *NEVER)
            with ThreadPoolExecutor(self._jobs) as pool:
                ran = pool.map(
                    lambda one: self.once(
                        scenario, one[0], ",".join(f"?{name}" for name in one[1].calls), "1+", f"error={one[1].error}"
                    ),
                    zip(folders[1:], lacks, strict=True),
                )
                return [
                    _fallback(lack, one, folder, scenario, usual, folders[0])
                    for lack, one, folder in zip(lacks, ran, folders[1:], strict=True)
                ]
        finally:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    def once(self, scenario: Scenario, folder: Path, calls: str, when: str, injected: str) -> Ran:
        """One run with a fault in it, recorded in the *folder*. Raises LabError."""
        lines = f"fault_call='{calls}' fault_when={when} fault={injected}\n".encode()
        observer = Observer((), lines + _functions() + shell("faulty"), strace_files())
        cell = Cell(scenario, self._cell.tool, self._cell.profile)
        return run_cell(cell, replace(self._context, observer=observer), folder)

    def _apart(self, step: int) -> str:
        """Why what is shown after a step, and no fault, is no plain directory; empty where it is: else a fault is not the cause."""
        scenario = self.until(step)
        folder = self._context.work / f"plain-{secrets.token_hex(6)}"
        when = f"after step {step + 1}" if step >= 0 else "before the first step"
        try:
            ran = self.once(scenario, folder, *NEVER)
            codes = [
                {one.index: bool(one.code) for one in steps}
                for steps in (ran.recording.steps, ran.recording.oracle_steps)
            ]
            other = codes[0] != codes[1] or REMOUNT not in ran.trees or bool(_wrong(ran, folder, scenario))
            return f"what is shown {when} is another tree without it, too" if other else ""
        except LabError as error:
            return error.what
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def until(self, step: int) -> Scenario:
        """The scenario, up to a step."""
        return msgspec.structs.replace(self._cell.scenario, steps=self._cell.scenario.steps[: step + 1])

    def _one(self, point: Point, fault: str, apart: Mapping[int, str]) -> Fault:
        if why := apart[point.step - 1] or apart[point.step]:
            return Fault(point, fault, Came.MISSED, why=why)
        scenario = self.until(point.step)
        found = Fault(point, fault, Came.MISSED)
        for beside in _BESIDE:
            here = msgspec.structs.replace(point, ordinal=max(1, point.ordinal + beside))
            folder = self._context.work / f"fault-{secrets.token_hex(6)}"
            try:
                ran = self.once(scenario, folder, *meeting(here, fault))
                found = _judged(scenario, ran, folder, here, fault, self._defects)
            except LabError as error:
                found = Fault(here, fault, Came.MISSED, why=error.what)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            if found.came is not Came.MISSED:
                break
        return found


def meeting(point: Point, fault: str) -> tuple[str, str, str]:
    """What strace(1) is told of a fault: of which calls, at which of them, what."""
    return point.name, str(point.ordinal), "signal=SIGKILL" if fault == KILLED else f"error={fault}"


def _fallback(lack: Lack, ran: Ran, folder: Path, scenario: Scenario, usual: Ran, beside: Path) -> Fallback:  # noqa: PLR0917
    """What came of a lack. *usual*: the same without it, in the folder *beside*."""
    recording = ran.recording
    refused = (
        recording.refused
        or recording.broken
        or ("" if REMOUNT in ran.trees else f"it stopped in the phase {recording.phase!r}")
    )
    if refused:
        return Fallback(lack.title, refused=escape(refused.encode("utf-8", "surrogateescape")))
    marks, before = (_encodings(one) for one in (ran, usual))
    must = {step.index: bool(step.code) for step in recording.oracle_steps}
    failed = [step for step in recording.steps if step.code and not must.get(step.index)]
    told = tuple(f"{scenario.steps[step.index].do}: {step.words.strip()[-120:]}" for step in failed)
    wrong = () if failed else _wrong(ran, folder, scenario)  # where steps failed the plain directory is another one
    usually = _wrong(usual, beside, scenario) if wrong else ()
    return Fallback(lack.title, marks, before, told, tuple(one for one in wrong if one not in usually))


def _wrong(ran: Ran, folder: Path, scenario: Scenario) -> tuple[str, ...]:
    """Where what users see is another tree than the plain directory."""
    meant = plain_states(scenario, ran.recording.profile, folder)[-1]
    places = [place for place in (VIEW, REMOUNT) if place in ran.trees]
    return tuple(f"{shown(path)}: {taken}" for place in places for path, taken in differing(ran.trees[place], meant))


def _encodings(ran: Ran) -> tuple[Encoding, ...]:
    upper = ran.trees.get(UPPER, EMPTY)
    return tuple(sorted({marker.encoding for marker in find_markers(upper)}))


def sweep_cell(  # noqa: PLR0917
    cell: Cell,
    context: CellContext,
    jobs: int,
    defects: Sequence[Defect],
    faults: Sequence[str],
    wanted: Callable[[Point], bool] = lambda _: True,
) -> FaultCell:
    """All faults of a cell. Raises UsageError for one that can have none, MissingProgram, BrokenMachinery."""
    sweep = Sweep(cell, context, jobs, defects)
    found = sweep.run([point for point in sweep.points() if wanted(point)], asked_of(cell.scenario, faults))
    tool = tool_record(cell.tool, context.kernel)
    return FaultCell(cell.id, cell.scenario.name, tool, cell.profile, tuple(found), tuple(sweep.fallbacks()))


@dataclass(frozen=True)
class Tries:
    """What is tried. ``cells``: of daemons; ``guests``: of kernels whose machine crashes; ``wanted``: at which points of a daemon.

    ``faults``: empty: as each scenario says, else the usual ones.
    """

    cells: Sequence[Cell]
    guests: Sequence[Cell] = ()
    faults: Sequence[str] = ()
    wanted: Callable[[Point], bool] = lambda _: True


def swept(
    tries: Tries,
    context: CellContext,
    jobs: int,
    defects: Sequence[Defect],
    say: Callable[[FaultCell, int, int], bool],
) -> tuple[Faults, list[str]]:
    """The faults of cells, of daemons one cell after the other; and what went wrong. *say* hears of each, and may end it."""
    before = time.monotonic()
    found: list[FaultCell] = []
    troubles: list[str] = []
    total = len(tries.cells) + len(tries.guests)
    ended = False

    def hear(cell: FaultCell) -> bool:
        found.append(cell)
        return say(cell, len(found) + len(troubles), total)

    for cell in tries.cells:
        try:
            ended = hear(sweep_cell(cell, context, jobs, defects, tries.faults, tries.wanted))
        except LabError as error:
            troubles.append(f"{cell.id}: {error.what}")
        if ended:
            break
    if tries.guests and not ended:
        troubles += crashed(tries.guests, context, jobs, defects, hear)
    return Faults(SCHEMA, tuple(found), round(time.monotonic() - before, 2)), troubles


def _judged(scenario: Scenario, ran: Ran, folder: Path, point: Point, fault: str, defects: Sequence[Defect]) -> Fault:  # noqa: PLR0917
    recording, trees = ran.recording, ran.trees
    answer = next((step.code for step in recording.steps if step.index == point.step), None)
    if not _met(folder, point):
        return Fault(point, fault, Came.MISSED, answer, why="the daemon came to another call, or to none")
    if recording.broken and not (fault in _FULL and recording.broken == NO_ROOM):  # whose words they are is known
        return Fault(point, fault, Came.MISSED, answer, why=recording.broken)
    refused = recording.refused or f"it stopped in the phase {recording.phase!r}" if REMOUNT not in trees else ""
    states = plain_states(scenario, ran.recording.profile, folder)
    step = scenario.steps[point.step]
    places = (REMOUNT,) if fault == KILLED else (VIEW, REMOUNT)
    evidence = FaultEvidence(
        fault=fault, call=point.name, line=point.call, request=point.request.split(" ")[0], action=step.do,
        trees={place: trees[place] for place in places if place in trees}, before=states[point.step], after=states[point.step + 1],
        writes=written(step), keeps=keeps(step), failed=bool(answer), refused=escape(refused.encode("utf-8", "surrogateescape")),
    )  # fmt: skip
    findings = tuple(map(Explainer(recording, defects).explained, fault_findings(evidence)))
    return Fault(point, fault, Came.WRONG if findings else Came(evidence.state), answer, findings)


def _met(folder: Path, point: Point) -> bool:
    """Whether the fault met a call of the step that was meant: its trace has so many calls of that name, and no more before it."""
    try:
        lines = (folder / "fault.trace").read_text(encoding="latin-1").splitlines()
    except OSError:
        return False
    began = [line for line in lines if re.match(rf"(?:\d+ +)?{point.name}\(", line)]
    return len(began) >= point.ordinal and same_call(began[point.ordinal - 1], point.call)


def _functions() -> bytes:
    return shell("observed") + looking_after_steps("oracle", "oracle") + shell("serving")
