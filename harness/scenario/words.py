"""The words of a scenario that only a table can know: codes, tools and their versions, profiles. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.drivers import SETUPS
from harness.judge.codes import CODES
from harness.profile import Profile
from harness.scenario.known import Known
from harness.scenario.mistakes import Mistakes
from harness.worlds.ranges import choices, mistake_in
from harness.worlds.renamed import RENAMED

TOOLS = tuple(SETUPS)


def check_known(known: Known, key: str, told: Mistakes) -> None:
    """Tell the words of one known finding that nobody knows: it would hide nothing, or the wrong thing."""
    if not re.fullmatch(r"WL\d{3}", known.code):
        told.add(f"{known.code!r} is no code", f"{key}.code", "write WL and three digits")
    elif known.code not in CODES:
        told.add(f"there is no code {known.code!r}", f"{key}.code", choices(known.code, CODES))
    check_tools(known.tools, f"{key}.tools", told)
    for i, profile in enumerate(known.profiles):
        if profile not in set(Profile):
            told.add(
                f"there is no profile {profile!r}",
                f"{key}.profiles[{i}]",
                choices(profile, [str(one) for one in Profile]),
            )


def check_tools(patterns: Sequence[str], key: str, told: Mistakes) -> None:
    """Tell words that speak of no tool, and ranges that are none."""
    for i, pattern in enumerate(patterns):
        what, remedy = mistake_in(pattern, TOOLS)
        if what:
            told.add(what, f"{key}[{i}]", remedy)


def check_names(names: Sequence[str], key: str, told: Mistakes) -> None:
    """Tell words that are no tool's name: where a range or a pattern would never hold."""
    for i, name in enumerate(names):
        if name in RENAMED:
            told.add(f"{name!r} is now called {RENAMED[name]}", f"{key}[{i}]", f"write {RENAMED[name]!r}")
        elif name not in TOOLS:
            told.add(f"there is no tool {name!r}", f"{key}[{i}]", choices(name, TOOLS))
