"""The words of a scenario that only a table can know: tools and their versions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.drivers import SETUPS
from harness.scenario.mistakes import Mistakes
from harness.worlds.ranges import choices, mistake_in
from harness.worlds.renamed import RENAMED

TOOLS = tuple(SETUPS)


def check_tools(patterns: Sequence[str], key: str, mistakes: Mistakes) -> None:
    """Tell words that speak of no tool, and ranges that are none."""
    for i, pattern in enumerate(patterns):
        what, remedy = mistake_in(pattern, TOOLS)
        if what:
            mistakes.add(what, f"{key}[{i}]", remedy)


def check_names(names: Sequence[str], key: str, mistakes: Mistakes) -> None:
    """Tell words that are no tool's name: where a range or a pattern would never hold."""
    for i, name in enumerate(names):
        if name in RENAMED:
            mistakes.add(f"{name!r} is now called {RENAMED[name]}", f"{key}[{i}]", f"write {RENAMED[name]!r}")
        elif name not in TOOLS:
            mistakes.add(f"there is no tool {name!r}", f"{key}[{i}]", choices(name, TOOLS))
