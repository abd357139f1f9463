"""``list``: the scenarios with their titles; on demand each cell of the plan: runs, or skipped and why, or excluded and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.cells.plan import NotRun, cell_of
from harness.cli.colour import Paint, painter
from harness.compare.words import count
from harness.names import one_line
from harness.profile import Profile
from harness.runs.decide import Wanted, decide, obstacles_here
from harness.runs.planfile import PlanFile
from harness.tools.asked import HELP as TOOL_HELP

_COLOURS = {"runs": "green", "skipped": "yellow", "excluded": "dim"}


@dataclass(frozen=True)
class Row:
    """One cell. ``state``: ``runs``, ``skipped`` or ``excluded``."""

    id: str
    scenario: str
    state: str
    reason: str = ""
    remedy: str = ""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``list``."""
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="a scenario's name, a file or a folder (default: all)"
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    parser.add_argument("--cells", action="store_true", help="each cell that runs, or is skipped and why")
    parser.add_argument("--excluded", action="store_true", help="each combination that does not apply, and why")
    parser.add_argument("--json", action="store_true", help="for other programs: every cell, excluded ones too")
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    wanted = Wanted(tuple(arguments.scenarios), tuple(arguments.tool), tuple(Profile(p) for p in arguments.profile))
    decided = decide(wanted, obstacles_here(), lambda _line: None)
    rows = rows_of(decided)
    if arguments.json:
        cells = [{"id": row.id, "state": row.state, "reason": row.reason, "remedy": row.remedy} for row in rows]
        print(json.dumps({"schema": 1, "cells": cells, "unavailable": decided.unavailable}, indent=1))
        return 0
    states = {"runs", "skipped"} if arguments.cells else set()
    states |= {"excluded"} if arguments.excluded else set()
    paint = painter(sys.stdout)
    lines = cell_lines(rows, states, paint) if states else scenario_lines(decided, rows, paint)
    for line in (*lines, *absent_lines(decided, paint), *last_lines(rows, states)):
        print(line)
    return 0


def rows_of(decided: PlanFile) -> list[Row]:
    """Every cell of the plan, in its order."""
    rows = []
    for one in decided.cells():
        cell = cell_of(one)
        if isinstance(one, NotRun):
            state = "excluded" if one.excluded else "skipped"
            rows.append(Row(cell.id, cell.scenario.name, state, one.reason, one.remedy))
        else:
            rows.append(Row(cell.id, cell.scenario.name, "runs"))
    return rows


def scenario_lines(decided: PlanFile, rows: Sequence[Row], paint: Paint) -> Iterator[str]:
    """A line for each scenario: its name, how many of its cells run and are skipped, its title."""
    counts = Counter((row.scenario, row.state) for row in rows)
    name_width = max((len(one_line(one.name)) for one in decided.scenarios), default=0)
    tallies = {one.name: _tally(counts[one.name, "runs"], counts[one.name, "skipped"]) for one in decided.scenarios}
    width = max((len(words) for words in tallies.values()), default=0)
    for one in decided.scenarios:
        words = f"{tallies[one.name]:{width}}"
        colour = "green" if counts[one.name, "runs"] else "yellow"
        yield f"{one_line(one.name):{name_width}}  {paint(colour, words)}  {one_line(one.title)}"


def _tally(run: int, skipped: int) -> str:
    return f"{run:3} run" + (f", {skipped} skipped" if skipped else "")


def cell_lines(rows: Sequence[Row], states: set[str], paint: Paint) -> Iterator[str]:
    """A line for each cell in one of *states*."""
    for row in rows:
        if row.state in states:
            why = f"  {row.reason}" + (f" → {row.remedy}" if row.remedy else "") if row.reason else ""
            yield paint(_COLOURS[row.state], f"{row.state:8}") + one_line(f"  {row.id}{why}")


def absent_lines(decided: PlanFile, paint: Paint) -> Iterator[str]:
    """A line for each tool that is not here."""
    for tool in decided.unavailable:
        remedy = f" → {tool['remedy']}" if tool["remedy"] else ""
        words = f"  {tool['name']} ({tool['where']}): {tool['reason']}{remedy}"
        yield paint("yellow", "not here") + one_line(words)


def last_lines(rows: Sequence[Row], states: set[str]) -> Iterator[str]:
    """What it comes to, and how to see what was not shown."""
    counts = Counter(row.state for row in rows)
    parts = [f"{count(len({row.scenario for row in rows}), 'scenario')}", f"{count(counts['runs'], 'cell')} to run"]
    parts += [f"{counts['skipped']:,} skipped"] if counts["skipped"] else []
    parts += [f"{count(counts['excluded'], 'combination')} not applicable"] if counts["excluded"] else []
    yield ", ".join(parts)
    hidden = {"--cells": {"runs", "skipped"}, "--excluded": {"excluded"}}
    more = [word for word, which in hidden.items() if not which <= states and any(counts[one] for one in which)]
    if more:
        yield f"more: {', '.join(more)}"
