"""From the words of the command line to a plan."""

from __future__ import annotations

import datetime
import platform
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.cells.plan import Cell, NotRun, cell_of, obstacle_of, plan
from harness.doctor.obstacle import Obstacle
from harness.doctor.probe import probe
from harness.drivers import EVERY_PROGRAM, EVERY_SETUP
from harness.errors import MissingProgram, UsageError
from harness.judge.defects.load import Words, load_defects
from harness.judge.defects.model import Defect
from harness.machine.environment import environment
from harness.machine.packages import package_of
from harness.profile import Profile
from harness.readings import truth
from harness.runs.baseline import baseline_folder, read_seconds
from harness.runs.folders import project_folder, reports_folder, scenario_files, work_parent
from harness.runs.givings import CORPUS, Which
from harness.runs.planfile import SCHEMA, Decision, PlanFile
from harness.runs.shards import parse_shard, shard
from harness.scenario.loader import DEFECTS, canonical, load_all, scenarios_below
from harness.tools.asked import KERNEL, parse_words
from harness.tools.discover import Found, asked_by, discover, unmet
from harness.tools.guests import discover_guests
from harness.tools.takers import discover_takers
from harness.worlds.build import worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Excluded, Tool, Unavailable

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
    repeat: int = 0  # how often each cell runs; 0: as its scenario says
    shard: str = ""  # "2/4": this part of the cells alone
    readings: str = "none"  # which readings follow the cells: none, founding, all
    why: str = "none"  # of which cells it is told how their marks came to be: none, new, founding, all
    faults: str = "none"  # in which cells the daemon is killed and told of errors: none, founding
    defects: Path | None = None  # the folder that says what is known; None: the project's


def known_defects(named: Path | None = None, scenarios: Iterable[str] = ()) -> tuple[Defect, ...]:
    """The defects of a folder; by itself of the project's own. *scenarios*: names of further ones that they may speak of.

    Raises ScenarioError; UsageError where there is no such folder.
    """
    folder = project_folder() / "scenarios"
    if named is not None and not named.is_dir():
        raise UsageError("there is no such folder", where=f"--defects {named}", remedy="name a folder of defect files")
    names = [*(path.stem for path in scenarios_below(folder)), *scenarios, *truth.names(), *case_names()]
    words = Words(tuple(EVERY_SETUP), EVERY_PROGRAM, names)
    return load_defects(named or folder / DEFECTS, words)


def case_names() -> list[str]:
    """The names of the corpus: what signs of defects may call scenarios too."""
    return sorted(path.stem for path in (project_folder() / "scenarios" / CORPUS).glob("*.toml"))


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
    giving = discover_takers(worlds_in_place()) if wanted.readings == Which.ALL and not wanted.tools else []
    guests = guests_wanted(wanted)
    decided = plan(scenarios, tools, profiles, obstacles, asked)
    run = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    where = {id(s): i for i, s in enumerate(scenarios)}
    which = {id(t): i for i, t in enumerate(tools)}
    whole = PlanFile(
        schema=SCHEMA,
        run=run,
        folder=str((wanted.out or reports_folder() / run).absolute()),
        work=str(work_parent() / f"run-{run}"),
        kernel=platform.release(),
        environment=environment(work_parent()),
        strict=wanted.strict,
        keep=wanted.keep,
        timeout=wanted.timeout,
        scenarios=scenarios,
        files=[str(canonical(file)) for file in files],
        tools=tools,
        decisions=[_decision(one, where, which) for one in decided],
        unavailable=[why(one) for one in (*found, *giving, *guests) if not isinstance(one, Tool)],
        defects=list(known_defects(wanted.defects, [one.name for one in scenarios])),
        unmet=[why(one) for one in unmet(words, found)],
        only=list(wanted.only),
        repeat=wanted.repeat,
        shard=wanted.shard,
        readings=wanted.readings,
        why=wanted.why,
        faults=wanted.faults,
        profiles=tuple(profiles),
        blocked=[
            f"{name} {profile}"
            for name, setup in EVERY_SETUP.items()
            for profile in setup.profiles
            if obstacle_of(setup.needs, profile, obstacles) is not None
        ],
        guests=[one for one in guests if isinstance(one, Tool)],
        takers=[one for one in giving if isinstance(one, Tool)],
        narrow=bool(wanted.tools or wanted.only or wanted.profiles) or files != scenario_files(()),
    )
    return msgspec.structs.replace(whole, only=_part(whole)) if wanted.shard else whole


def guests_wanted(wanted: Wanted) -> list[Found]:
    """The guest kernels that are here, where machines are to crash. Raises UsageError for one that the user gives in vain."""
    if wanted.faults != "none":
        return discover_guests(worlds_in_place(), wanted.tools)
    for word in parse_words(wanted.tools):
        if word.name == KERNEL and word.path is not None:
            raise UsageError(
                "a kernel of yours runs no ordinary cell", where=word.option, remedy="whiteout-lab faults --help"
            )
    return []


def _part(plan: PlanFile) -> list[str]:
    """The cells of a part of the run."""
    part, parts = parse_shard(plan.shard)
    cells = [(cell_id, cell_of(one).tool.name) for cell_id, one in plan.chosen()]
    return shard(cells, part, parts, read_seconds(baseline_folder()))


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
