"""A run, from the words of the command line to a plan that every worker reads from one file."""

from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.cells.plan import Cell, NotRun, cell_of, plan
from harness.doctor.obstacle import Obstacle
from harness.doctor.probe import probe
from harness.drivers import PROGRAMS, SETUPS
from harness.errors import BrokenMachinery, LabError, MissingProgram, UsageError, text_path
from harness.evidence.tools import tool_record
from harness.judge.defects.load import Words, load_defects
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome
from harness.machine.cache import cache_folder
from harness.machine.guarded import MARKER
from harness.machine.packages import package_of
from harness.machine.project import project_folder
from harness.names import printable
from harness.profile import Profile
from harness.runs.results import CellResult
from harness.scenario.loader import DEFECTS, canonical, find, load_all, scenarios_below
from harness.scenario.model import Scenario
from harness.tools.asked import parse_words
from harness.tools.discover import asked_by, discover, unmet
from harness.worlds.build import worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Excluded, Tool, Unavailable

PLAN = "plan.json"
_LONGEST = 86400  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """The words of the command line, understood."""

    scenarios: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    only: tuple[str, ...] = ()  # ids of cells
    out: Path | None = None
    keep: str = "always"
    strict: bool = False
    timeout: float = 60.0  # seconds for one cell
    defects: Path | None = None  # the folder that says what is known; None: the project's


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

    def cells(self) -> list[Cell | NotRun]:
        """The plan's cells, in its order."""
        found: list[Cell | NotRun] = []
        for one in self.decisions:
            cell = Cell(self.scenarios[one.scenario], self.tools[one.tool], one.profile)
            runs = not one.reason
            found.append(cell if runs else NotRun(cell, one.reason, one.remedy, excluded=one.excluded))
        return found


def reports_folder() -> Path:
    """``reports`` of the project when it is worked on in its own folder, of the current folder otherwise."""
    return project_folder() / "reports"


def scenario_files(words: Sequence[str]) -> list[Path]:
    """The scenario files that words name; none: all of the project's."""
    return find(words, project_folder() / "scenarios")


def known_defects(named: Path | None = None, scenarios: Iterable[str] = ()) -> tuple[Defect, ...]:
    """The defects of a folder; by itself of the project's own. *scenarios*: names of further ones that they may speak of.

    Raises ScenarioError; UsageError where there is no such folder.
    """
    folder = project_folder() / "scenarios"
    if named is not None and not named.is_dir():
        raise UsageError("there is no such folder", where=f"--defects {named}", remedy="name a folder of defect files")
    programs = {*PROGRAMS, *(name for one in SETUPS.values() for name in one.parts)}
    words = Words(tuple(SETUPS), sorted(programs), [*(path.stem for path in scenarios_below(folder)), *scenarios])
    return load_defects(named or folder / DEFECTS, words)


def obstacles_here() -> dict[str, Obstacle]:
    """What this machine cannot run, in the words of the plan; ``host:PROGRAM`` is a program that the host lacks."""
    facts = probe(work_parent())
    missing = {
        f"host:{name}": Obstacle(f"{name} is not installed on the host", f"apt-get install {package_of(name)}")
        for name, path in facts.programs.items()
        if not path
    }
    return {**missing, **facts.obstacles()}


def decide(wanted: Wanted, obstacles: dict[str, Obstacle], say: Say) -> PlanFile:
    """Make the plan. Touches the machine only to look: worlds in place, programs, no builds.

    Raises ScenarioError, UsageError.
    """
    files = scenario_files(wanted.scenarios)
    scenarios = load_all(files)
    if not scenarios:
        raise UsageError("there is no scenario", where=str(project_folder() / "scenarios"))
    found = discover([host_world(), *worlds_in_place()], wanted.tools, say=say)
    tools = [one for one in found if isinstance(one, Tool)]
    profiles = wanted.profiles or tuple(Profile)
    words = parse_words(wanted.tools)
    asked = {name for word in words for name in asked_by(word)}
    asked |= {tool.name for tool in tools for cell in wanted.only if f"[{tool.key}-" in cell}
    decided = plan(scenarios, tools, profiles, obstacles, asked)
    run = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    where = {id(s): i for i, s in enumerate(scenarios)}
    which = {id(t): i for i, t in enumerate(tools)}
    return PlanFile(
        run=run,
        folder=str((wanted.out or reports_folder() / run).absolute()),
        work=str(work_parent() / f"run-{run}"),
        kernel=platform.release(),
        environment=environment(),
        strict=wanted.strict,
        keep=wanted.keep,
        timeout=wanted.timeout,
        scenarios=scenarios,
        files=[str(canonical(file)) for file in files],
        tools=tools,
        decisions=[_decision(one, where, which) for one in decided],
        unavailable=[why(one) for one in found if not isinstance(one, Tool)],
        defects=list(known_defects(wanted.defects, [one.name for one in scenarios])),
        unmet=[why(one) for one in unmet(words, found)],
    )


def _decision(one: Cell | NotRun, where: dict[int, int], which: dict[int, int]) -> Decision:
    cell = cell_of(one)
    place = (where[id(cell.scenario)], which[id(cell.tool)], cell.profile)
    return Decision(*place, one.reason, one.remedy, one.excluded) if isinstance(one, NotRun) else Decision(*place)


def why(one: Unavailable | Excluded) -> dict[str, str]:
    """A tool that does not run, as the plan and ``results.json`` have it."""
    remedy = one.remedy if isinstance(one, Unavailable) else ""
    return {"name": one.name, "where": one.where, "reason": one.reason, "remedy": remedy}


def unmet_error(missing: Sequence[dict[str, str]]) -> MissingProgram:
    """What the user named and cannot be used, in one error."""
    every = list({(one["where"], one["reason"], one["remedy"]): one for one in missing}.values())
    lines = [f"{one['name']} ({one['where']}): {one['reason']}; {one['remedy']}" for one in every]
    if len(every) == 1:
        (one,) = every
        return MissingProgram(one["reason"], where=f"{one['name']} ({one['where']})", remedy=one["remedy"])
    return MissingProgram("tools that were named cannot be used here", remedy="\n".join(lines))


def seconds(text: str) -> float:
    """A time limit of the command line. Raises argparse.ArgumentTypeError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds above 0 and up to {_LONGEST} (a day)")
    return value


def work_parent() -> Path:
    """Where work folders lie: ``$WHITEOUT_LAB_WORK``, or ``work`` in the cache."""
    named = os.environ.get("WHITEOUT_LAB_WORK")
    return text_path(Path(named).absolute()) if named else cache_folder() / "work"


def environment() -> dict[str, str]:
    """What is true of the machine, for the report."""
    release = platform.freedesktop_os_release()
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.version()}",
        "machine": platform.machine(),
        "system": release.get("PRETTY_NAME", platform.system()),
        "python": platform.python_version(),
        "work folder": str(work_parent()),
        "file system of the work folder": file_system(work_parent()),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "processors": str(os.cpu_count()),
    }


def file_system(path: Path) -> str:
    """The type of the file system that *path*, or the nearest folder above it, lies on."""
    while not path.exists():
        path = path.parent
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split(" ")
        if words[2] == number:
            return words[words.index("-") + 1]
    return "unknown"


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
        path.write_bytes(msgspec.json.encode(decided, enc_hook=_to_plain))
    except OSError as error:
        raise BrokenMachinery(
            f"the run's folder cannot be written: {error.strerror}", where=str(folder), remedy="name another with --out"
        ) from error
    return path


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
    """The plan that the run made."""
    return msgspec.json.decode(path.read_bytes(), type=PlanFile, dec_hook=_from_plain)


def named_cells(decided: Iterable[Cell | NotRun]) -> dict[str, Cell | NotRun]:
    """Cells by id."""
    return {cell_of(one).id: one for one in decided}
