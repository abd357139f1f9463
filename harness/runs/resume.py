"""A run that was killed, gone on with: what is whole stays, and nothing is decided a second time."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

import msgspec

from harness import __version__
from harness.cells.plan import Cell
from harness.errors import BrokenMachinery, LabError, UsageError
from harness.evidence import recording as recordings
from harness.judge.judged import judged
from harness.runs.planfile import PLAN, PlanFile, read_plan
from harness.runs.results import NAME, SCHEMA, CellResult, Results, RunFacts, cell_result, read_results
from harness.worlds.model import Part, Tool


def whole_cells(plan: PlanFile, folder: Path) -> dict[str, CellResult]:
    """The results of the cells whose recordings are on disk as a whole: what is half-written, or was changed, is none."""
    found = {}
    for cell_id, one in plan.chosen():
        place = f"cells/{cell_id}"
        if isinstance(one, Cell) and (folder / place / recordings.NAME).exists():
            try:
                recording = recordings.read(folder / place)
                if recording.id != cell_id or recordings.damage(recording, recordings.sizes_of(folder / place), {}):
                    continue
                ran = judged(folder / place, plan.defects)
            except (LabError, OSError):
                continue
            found[cell_id] = cell_result(ran.recording, ran.verdict, place)
    return found


def plan_to_resume(folder: Path) -> PlanFile:
    """The plan of a run that may be gone on with.

    Raises UsageError where it is still running, or where a tool is not what it was; BrokenMachinery for what is no run.
    """
    plan = read_plan(folder / PLAN)
    if is_running(plan):
        raise UsageError("it is still running", where=str(folder), remedy="wait for its end")
    for tool in plan.tools:
        for part in (tool.main, *tool.parts):
            if _is_other(tool, part):
                raise UsageError(
                    f"{part.name} {part.version} is not here any more, or is another one",
                    where=str(folder),
                    remedy="a run has one program under one name: run anew",
                )
    return msgspec.structs.replace(plan, folder=str(folder.absolute()))


def is_running(plan: PlanFile) -> bool:
    """Whether a living program holds the run's work folder."""
    try:
        descriptor = os.open(Path(plan.work) / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_other(tool: Tool, part: Part) -> bool:
    if not part.sha256 or not part.path:
        return False
    path = Path(part.path)
    inside = tool.world.root / part.path.lstrip("/")
    there = [one for one in (inside, path) if one.is_file()]
    return not any(hashlib.sha256(one.read_bytes()).hexdigest() == part.sha256 for one in there)


def interrupted_results(folder: Path) -> Results:
    """The results of a run that was killed before it wrote them: of its plan, and of the recordings that are whole.

    Raises BrokenMachinery where nothing was recorded as a whole, UsageError while it runs.
    """
    plan = read_plan(folder / PLAN)
    if is_running(plan):
        raise UsageError("it is still running", where=str(folder), remedy="wait for its end")
    cells = whole_cells(plan, folder)
    if not cells:
        raise BrokenMachinery("nothing of it was recorded as a whole", where=str(folder), remedy="run it again")
    started = min(recordings.read(folder / cell.folder).started for cell in cells.values())
    facts = RunFacts(
        plan.run, started, 0.0, __version__, (), plan.kernel, plan.environment, tuple(plan.unavailable),
        unfinished=len(plan.chosen()) - len(cells),
    )  # fmt: skip
    return Results(SCHEMA, facts, tuple(cells.values()), tuple(plan.defects))


def results_of(folder: Path) -> Results:
    """The results of a run, whether it came to its end or was killed. Raises BrokenMachinery, and UsageError while it runs."""
    return interrupted_results(folder) if was_killed(folder) else read_results(folder)


def was_killed(folder: Path) -> bool:
    """Whether a run has a plan and no results."""
    return not (folder / NAME).exists() and (folder / PLAN).exists()
