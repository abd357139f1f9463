"""The words of a scenario that only a table can know: tools and their versions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.drivers import DRIVERS
from harness.scenario.mistakes import Mistakes
from harness.worlds.ranges import choices, mistake_in

TOOLS = (*DRIVERS, "kernel-nouserxattr")


def check_tools(patterns: Sequence[str], key: str, told: Mistakes) -> None:
    """Tell words that speak of no tool, and ranges that are none."""
    for i, pattern in enumerate(patterns):
        what, remedy = mistake_in(pattern, TOOLS)
        if what:
            told.add(what, f"{key}[{i}]", remedy)


def check_names(names: Sequence[str], key: str, told: Mistakes) -> None:
    """Tell words that are no tool's name: where a range or a pattern would never hold."""
    for i, name in enumerate(names):
        if name not in TOOLS:
            told.add(f"there is no tool {name!r}", f"{key}[{i}]", choices(name, TOOLS))
