"""The plan of a run as one value with a schema, on disk: what was decided, for its workers. Nobody decides twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from harness.cells.plan import Cell, NotRun, cell_of
from harness.errors import BrokenMachinery, UsageError, text_path
from harness.evidence.recording import check_schema
from harness.judge.defects.model import Defect
from harness.machine.cache import partial_files, write_whole
from harness.machine.guarded import MARKER
from harness.profile import Profile
from harness.runs.shards import parse_shard
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
    readings: str = "none"  # which readings follow the cells: none, founding, all
    why: str = "none"  # of which cells it is told how their marks came to be: none, new, founding, all
    faults: str = "none"  # in which cells the daemon is killed and told of errors: none, founding
    guests: list[Tool] = []  # kernels that are programs, under which no ordinary cell runs
    takers: list[Tool] = []  # packers and importers, who run no cell
    profiles: tuple[Profile, ...] = tuple(Profile)  # with whose privilege
    blocked: list[str] = []  # the setups, each with a profile, that something here is in the way of: "kernel root"
    narrow: bool = False  # whether scenarios, tools, profiles or cells were named: then what is not in it is no news

    def chosen(self) -> list[tuple[str, Cell | NotRun]]:
        """The cells that the run is of, with their ids: neither excluded ones, nor those that were not named."""
        every = named_cells(self.cells()).items()
        return [
            (cell_id, one)
            for cell_id, one in every
            if not (isinstance(one, NotRun) and one.excluded) and (not self.only or cell_id in self.only)
        ]

    def tells(self, cell_id: str) -> bool:
        """Whether the run tells of an excluded cell: of those each part of a run tells of a share, or they would be the most of each."""
        part, parts = parse_shard(self.shard) if self.shard else (1, 1)
        return zlib.crc32(cell_id.encode()) % parts == part - 1

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
        path = folder / PLAN
        with locked_run(folder):
            _take(folder)
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


@contextlib.contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Of two that begin a run in one folder, or go on with it, the second waits for the first one's plan. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_taken(folder: Path) -> bool:
    """Whether a folder holds something: more than what a run left that was killed before it had a plan. Raises OSError."""
    return folder.exists() and bool({*folder.iterdir()} - {folder / MARKER, *partial_files(folder)})


def _take(folder: Path) -> None:
    """Make a folder a run's own. Its lock must be held."""
    if is_taken(folder):
        raise UsageError("the run's folder is not empty", where=str(folder), remedy="name a new folder with --out")
    drop_partial(folder)
    (folder / MARKER).touch()


def drop_partial(folder: Path) -> None:
    """Delete what was half-written in a run's folder when it was killed. Raises OSError."""
    for path in partial_files(folder):
        path.unlink(missing_ok=True)


# what of a plan is long; the parts of one run have it alike, to the letter
_LONG: dict[str, Any] = {
    "scenarios": list[Scenario],
    "tools": list[Tool],
    "decisions": list[Decision],
    "defects": list[Defect],
}


def read_plan(path: Path, known: dict[tuple[str, bytes], Any] | None = None) -> PlanFile:
    """The plan that the run made. Raises BrokenMachinery for one of a later schema, and for what is none.

    *known*: the long lists of plans that were read before, by their text; it grows.
    """
    try:
        raw = path.read_bytes()
        if known is None:
            check_schema(raw, SCHEMA, str(path))
            plan: PlanFile = _decoded(raw)
            return plan
        return _decoded_once(raw, known, str(path))
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise BrokenMachinery(f"is no plan of a run: {error}", where=str(path)) from error


def _decoded(raw: bytes, kind: Any = PlanFile) -> Any:
    return msgspec.json.decode(raw, type=kind, dec_hook=_from_plain)


def _decoded_once(raw: bytes, known: dict[tuple[str, bytes], Any], where: str) -> PlanFile:
    table = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    check_schema(msgspec.json.encode({name: table[name] for name in ("schema",) if name in table}), SCHEMA, where)
    lists = {}
    for name, kind in _LONG.items():
        if name in table:
            text = name, bytes(table[name])
            if text not in known:
                known[text] = _decoded(text[1], kind)
            lists[name] = known[text]
    short: PlanFile = _decoded(msgspec.json.encode(table | dict.fromkeys(lists, msgspec.Raw(b"[]"))))
    return msgspec.structs.replace(short, **lists)


def named_cells(decided: Iterable[Cell | NotRun]) -> dict[str, Cell | NotRun]:
    """Cells by id."""
    return {cell_of(one).id: one for one in decided}
