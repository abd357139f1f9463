"""A run that was killed, gone on with: what is whole stays, and nothing is decided a second time."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Container
from pathlib import Path

import msgspec

from harness import __version__
from harness.cells.plan import NotRun
from harness.errors import BrokenMachinery, LabError, UsageError
from harness.evidence import recording as recordings
from harness.judge.judged import judged
from harness.machine.workfolder import is_held
from harness.runs.planfile import PLAN, PlanFile, read_plan
from harness.runs.results import NAME, SCHEMA, CellResult, Results, RunFacts, cell_result, read_results
from harness.worlds.model import Part, Tool


def whole_cells(plan: PlanFile, folder: Path, but: Container[str] = ()) -> dict[str, CellResult]:
    """The results of the cells whose recordings are on disk as a whole: what is half-written, or was changed, is none.

    *but*: ids of cells that are not looked at.
    """
    found = {}
    for cell_id, one in plan.chosen():
        place = f"cells/{cell_id}"
        if cell_id in but or isinstance(one, NotRun) or not (folder / place / recordings.NAME).exists():
            continue
        with contextlib.suppress(LabError, OSError):
            ran = judged(folder / place, plan.defects)
            sizes = recordings.sizes_of(folder / place)
            if ran.recording.id == cell_id and not recordings.damage(ran.recording, sizes, {}):
                found[cell_id] = cell_result(ran.recording, ran.verdict, place)
    return found


def plan_to_resume(folder: Path) -> PlanFile:
    """The plan of a run that may be gone on with.

    Raises UsageError where it is still running, or where a tool is not what it was; BrokenMachinery for what is no run.
    """
    plan = read_plan(folder / PLAN)
    _need_ended(plan, folder)
    for tool in plan.tools:
        for part in (tool.main, *tool.parts):
            if _is_other(tool, part):
                raise UsageError(
                    f"{part.name} {part.version} is not here any more, or is another one",
                    where=str(folder),
                    remedy="a run has one program under one name: run anew",
                )
    return msgspec.structs.replace(plan, folder=str(folder.absolute()))


def _need_ended(plan: PlanFile, folder: Path) -> None:
    if is_held(Path(plan.work)):
        raise UsageError("it is still running", where=str(folder), remedy="wait for its end")


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
    _need_ended(plan, folder)
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
