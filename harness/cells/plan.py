"""The plan: which cells there are, and why others are not. Pure: facts in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.doctor.obstacle import Obstacle, Obstacles
from harness.drivers import PLACE, SETUPS, Driver
from harness.drivers.base import Mounter, Runner
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.model import Node, Scenario
from harness.scenario.steps import Remount
from harness.snapshot.model import Entry
from harness.worlds.inside import GIVEN
from harness.worlds.model import Tool, version_order
from harness.worlds.ranges import matches_version


@dataclass(frozen=True)
class Cell:
    """Scenario, tool and profile: one run."""

    scenario: Scenario
    tool: Tool
    profile: Profile

    @property
    def id(self) -> str:
        """``ghost-marker[fuse-overlayfs-1.14-user]``, stable from run to run."""
        return f"{self.scenario.name}[{self.tool.key}-{self.profile}]"

    @property
    def driver(self) -> Driver:
        """The driver of its tool's program, in the tool's setup."""
        return SETUPS[self.tool.name]

    @property
    def laid_by_root(self) -> bool:
        """Whether root lays the layers out before a user mounts them: a user may read what somebody marked, and not mark so."""
        return (
            self.profile is Profile.USER
            and isinstance(self.driver, Mounter)
            and any(name.startswith(b"trusted.") for e in laid_out(self.scenario) for name in e.xattrs)
        )

    @property
    def program(self) -> str:
        """How the tool's main program is called inside the cell."""
        return program_of(self.tool)


def program_of(tool: Tool) -> str:
    """How a tool's main program is called inside a cell."""
    if tool.origin == "installed":
        return "singularity"  # of the installation at INSTALLED, whose bin stands first in PATH
    return GIVEN if tool.origin in {"given", "crate"} else tool.main.path or tool.main.name


@dataclass(frozen=True)
class NotRun:
    """A cell that will not run. ``excluded``: it would say nothing; otherwise something is missing, with its remedy."""

    cell: Cell
    reason: str
    remedy: str = ""
    excluded: bool = False


def cell_of(one: Cell | NotRun) -> Cell:
    """The cell that a decision of the plan is about."""
    return one.cell if isinstance(one, NotRun) else one


def plan(
    scenarios: Iterable[Scenario],
    tools: Sequence[Tool],
    profiles: Sequence[Profile],
    obstacles: Obstacles,
    asked: Iterable[str] = (),
) -> list[Cell | NotRun]:
    """Every combination, decided: it runs, or it is skipped, or it is excluded.

    *asked*: names of tools that the user asked for, which then run every scenario.
    """
    asked_names = frozenset(asked)
    ordered = sorted(tools, key=tool_order)
    return [
        _decide(Cell(scenario, tool, profile), obstacles, asked_names)
        for scenario in scenarios
        for tool in ordered
        for profile in profiles
    ]


def tool_order(tool: Tool) -> tuple[object, ...]:
    """In the order of setups, then versions as people read them, then as they were named."""
    return (PLACE[tool.name], version_order(tool.version), tool.rank, tool.world.name)


def _decide(cell: Cell, obstacles: Obstacles, asked: frozenset[str]) -> Cell | NotRun:
    scenario, tool, driver = cell.scenario, cell.tool, cell.driver
    if scenario.on and not any(matches(word, tool) for word in scenario.on):
        return NotRun(cell, f"the scenario is for {', '.join(scenario.on)}", excluded=True)
    if driver.on_request and tool.name not in asked and tool.name not in (*scenario.on, *scenario.also):
        return NotRun(cell, f"{tool.name} runs the scenarios that name it; all with --tool {tool.name}", excluded=True)
    if scenario.profiles and cell.profile not in scenario.profiles:
        return NotRun(cell, f"the scenario is for the profile {', '.join(scenario.profiles)}", excluded=True)
    if cell.profile not in driver.profiles:
        return NotRun(cell, f"{tool.name} is not for the profile {cell.profile}", excluded=True)
    if driver.fs_of_its_own and scenario.below.fs != "host":
        return NotRun(
            cell,
            f"the stack brings the file system below its upper, the scenario asks for {scenario.below.fs}",
            excluded=True,
        )
    if driver.fs_of_its_own and scenario.stack != "plain":
        return NotRun(cell, "the stack has lowers of its own kind and is not nested", excluded=True)
    reason = _not_for_images(cell, driver) if isinstance(driver, Runner) else _not_for_stacks(scenario)
    if reason:
        return NotRun(cell, reason, excluded=True)
    blocked = _blocked(cell, obstacles)
    return blocked or cell


def _not_for_stacks(scenario: Scenario) -> str:
    """Why a scenario says nothing about a tool that mounts a stack; empty when it does."""
    return "the scenario hands an image over, and the tool makes none" if scenario.handover is not None else ""


def _not_for_images(cell: Cell, driver: Runner) -> str:
    """Why a scenario says nothing about a tool that runs containers; empty when it does."""
    scenario, handed = cell.scenario, cell.scenario.handover
    if handed is not None:
        if handed.profile == cell.profile:
            return f"the scenario hands over to the profile {cell.profile}: nothing would change"
        if handed.mode is not None and not driver.mode:
            return f"the scenario hands over to the mode {handed.mode}, and the tool has no other mode for its image"
        if handed.mode == driver.mode:
            return f"the scenario hands over to the mode {handed.mode}: nothing would change"
    if not driver.keeps_upper and any(isinstance(step, Remount) for step in scenario.steps):
        return "the scenario mounts again, and the tool's upper goes with the container"
    if any(isinstance(n, Node) and n.literal for tree in scenario.layers for n in tree.values()):
        return "a layer holds a user's own name that begins with .wh., which no layer of an image can"
    if scenario.upper:
        return "the tool makes its upper itself, and the scenario has one prepared"
    return ""


def _blocked(cell: Cell, obstacles: Obstacles) -> NotRun | None:
    needs = [*cell.driver.needs]
    if cell.profile is Profile.USER:
        why = _beyond_a_user(cell, as_root="root" not in obstacles)
        if why:
            return NotRun(cell, why, "run the profile root", excluded=True)
    if cell.tool.world.is_host:
        needs += _host_programs(cell)
    if cell.scenario.below.fs == "ext4":
        needs.append("loop")
    if cell.scenario.below.fs in {"host", "same"}:
        needs.append("user_xattr")
    obstacle = obstacle_of(needs, cell.profile, obstacles)
    return NotRun(cell, obstacle.reason, obstacle.remedy) if obstacle is not None else None


def obstacle_of(needs: Iterable[str], profile: Profile, obstacles: Obstacles) -> Obstacle | None:
    """What on this machine is in the way of something that has these needs, with a profile's privilege."""
    for need in (*needs, *(["userns"] if profile is Profile.USER else [])):
        for key in (f"{need}@{profile}", need):
            if key in obstacles:
                return obstacles[key]
    return obstacles.get("root") if profile is Profile.ROOT else None


def _host_programs(cell: Cell) -> list[str]:
    """Programs of the host that the script calls, as capabilities; a world brings its own."""
    scenario = cell.scenario
    entries = [e for tree in (*scenario.layers, scenario.upper) for e in layer(tree, cell.profile)]
    words = {step.words()[0] for step in scenario.steps}
    return [
        "host:tar",
        *(["host:setfattr"] if b"setfattr" in words or any(e.xattrs for e in entries) else []),
        *(["host:perl"] if b"rename" in words else []),
        *(["host:mke2fs"] if scenario.below.fs in {"ext4", "ext3-fuse"} else []),
        *(["host:fuse2fs"] if scenario.below.fs == "ext3-fuse" else []),
    ]


def laid_out(scenario: Scenario) -> list[Entry]:
    """Every entry that a user's script would lay out."""
    return [e for tree in (*scenario.layers, scenario.upper) for e in layer(tree, Profile.USER)]


def _beyond_a_user(cell: Cell, *, as_root: bool) -> str:
    """Why an unprivileged user cannot even lay out the scenario; empty when it can. *as_root*: whether this program runs as root."""
    scenario = cell.scenario
    if scenario.below.fs == "ext4":
        return "an ext4 image is mounted on a loop device, which a user namespace may not do"
    entries = laid_out(scenario)
    if any(e.device not in (None, (0, 0)) for e in entries):
        return "a layer holds a device, which a user namespace may not make"
    if any((e.uid, e.gid) != (0, 0) for e in entries) or any(step.do == "chown" for step in scenario.steps):
        return "owners other than 0 need more than one mapped user"
    trusted = any(name.startswith(b"trusted.") for e in entries for name in e.xattrs)
    if trusted and not (cell.laid_by_root and as_root and scenario.below.fs == "host"):
        return "a layer holds trusted.* xattrs, which a user namespace may not set"
    return ""


def matches(pattern: str, tool: Tool) -> bool:
    """Whether a pattern of a scenario speaks of a tool: see :func:`harness.worlds.ranges.matches_version`."""
    return matches_version(pattern, tool.name, tool.version)
