"""The plan of a run as one value with a schema, on disk: what was decided, for its workers. Nobody decides twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from harness.cells.plan import Cell, NotRun, cell_of
from harness.errors import BrokenMachinery, UsageError, text_path
from harness.evidence.recording import check_schema
from harness.judge.defects.model import Defect
from harness.machine.cache import write_whole
from harness.machine.guarded import MARKER
from harness.profile import Profile
from harness.scenario.model import Scenario
from harness.worlds.model import Tool

PLAN = "plan.json"
SCHEMA = 1


class Decision(msgspec.Struct, frozen=True):
    """One cell of the plan as the plan file has it: indices, and why it does not run."""

    scenario: int
    tool: int
    profile: Profile
    reason: str = ""
    remedy: str = ""
    excluded: bool = False


class PlanFile(msgspec.Struct, frozen=True):
    """What the run decided, for its workers: nobody decides twice."""

    schema: int
    run: str
    folder: str
    work: str
    kernel: str
    environment: dict[str, str]
    strict: bool
    keep: str
    timeout: float
    scenarios: list[Scenario]
    files: list[str]
    tools: list[Tool]
    decisions: list[Decision]
    unavailable: list[dict[str, str]]
    defects: list[Defect] = []  # what is known
    unmet: list[dict[str, str]] = []  # of those, what the user named and nothing here is
    only: list[str] = []  # the cells that were named; empty: all of them
    repeat: int = 0  # how often each cell runs; 0: as its scenario says
    whole: list[str] = []  # of a run that is gone on with: the cells that are not run again
    shard: str = ""  # "2/4": which part of the cells the named ones are
    narrow: bool = False  # whether scenarios, tools, profiles or cells were named: then what is not in it is no news

    def chosen(self) -> list[tuple[str, Cell | NotRun]]:
        """The cells that the run is of, with their ids: neither excluded ones, nor those that were not named."""
        every = named_cells(self.cells()).items()
        return [
            (cell_id, one)
            for cell_id, one in every
            if not (isinstance(one, NotRun) and one.excluded) and (not self.only or cell_id in self.only)
        ]

    def cells(self) -> list[Cell | NotRun]:
        """The plan's cells, in its order."""
        found: list[Cell | NotRun] = []
        for one in self.decisions:
            cell = Cell(self.scenarios[one.scenario], self.tools[one.tool], one.profile)
            runs = not one.reason
            found.append(cell if runs else NotRun(cell, one.reason, one.remedy, excluded=one.excluded))
        return found


def _to_plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _from_plain(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


def write_plan(decided: PlanFile) -> Path:
    """Make the run's folder and write the plan there; returns the plan's file.

    Raises UsageError when the folder holds something, or another run has just taken it; BrokenMachinery when it cannot be written.
    """
    folder = text_path(Path(decided.folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _take(folder)
        path = folder / PLAN
        write_whole(path, msgspec.json.encode(decided, enc_hook=_to_plain))
    except OSError as error:
        raise BrokenMachinery(
            f"the run's folder cannot be written: {error.strerror}", where=str(folder), remedy="name another with --out"
        ) from error
    return path


def rewrite_plan(decided: PlanFile) -> None:
    """Write the plan of a run that is gone on with. Raises BrokenMachinery."""
    path = Path(decided.folder) / PLAN
    try:
        write_whole(path, msgspec.json.encode(decided, enc_hook=_to_plain))
    except OSError as error:
        raise BrokenMachinery(f"cannot be written: {error.strerror}", where=str(path)) from error


def _take(folder: Path) -> None:
    """Make an empty folder a run's own; of two runs, one does."""
    taken = UsageError("the run's folder is not empty", where=str(folder), remedy="name a new folder with --out")
    if any(folder.iterdir()):
        raise taken
    try:
        (folder / MARKER).touch(exist_ok=False)
    except FileExistsError:
        raise taken from None


def read_plan(path: Path) -> PlanFile:
    """The plan that the run made. Raises BrokenMachinery for one of a later schema, and for what is none."""
    try:
        raw = path.read_bytes()
        check_schema(raw, SCHEMA, str(path))
        return msgspec.json.decode(raw, type=PlanFile, dec_hook=_from_plain)
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise BrokenMachinery(f"is no plan of a run: {error}", where=str(path)) from error


def named_cells(decided: Iterable[Cell | NotRun]) -> dict[str, Cell | NotRun]:
    """Cells by id."""
    return {cell_of(one).id: one for one in decided}
