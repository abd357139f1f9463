"""``script``: prints the shell program of a cell."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cells.plan import Cell, cell_of
from harness.errors import UsageError
from harness.names import printable
from harness.profile import Profile
from harness.runs.decide import Wanted, decide, unmet_error, why
from harness.runs.planfile import named_cells
from harness.scenario.words import TOOLS
from harness.script.compile import compile_cell
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.asked import parse_words
from harness.tools.discover import discover, unmet
from harness.worlds.build import worlds_in_place
from harness.worlds.renamed import renamed


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``script``."""
    parser.add_argument("cell", metavar="CELL", help="a cell's id, as list prints it: 'ghost-marker[kernel-6.12-root]'")
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the script."""
    cell = find_cell(arguments.cell, arguments.tool)
    program = compile_cell(cell)
    if sys.stdout.isatty():  # names of a scenario are bytes of anybody's choice: a terminal must not obey them
        text = program.decode("utf-8", "surrogateescape")
        print(shown := printable(text), end="")
        if shown != text:
            print("# shown with escapes, which do not run: print it to a file", file=sys.stderr)
        return 0
    sys.stdout.buffer.write(program)
    sys.stdout.buffer.flush()
    return 0


def find_cell(cell_id: str, tools: list[str], scenarios: Sequence[str] = ()) -> Cell:
    """The cell with an id, whether it can run here or not. *scenarios*: where it is looked for; without them, by the name in the id.

    A file may stand for its scenario's name: ``./mine.toml[kernel-6.12-root]``.

    Raises UsageError with what was perhaps meant, and MissingProgram where no version of its tool is here.
    """
    scenario, cell_id = scenario_in(cell_id), plain_id(cell_id)
    _check_name(cell_id)
    decided = decide(Wanted(tuple(scenarios) or (scenario,), tuple(tools), tuple(Profile)), {}, lambda _line: None)
    cells = named_cells(decided.cells())
    if cell_id not in cells:
        name = tool_in(cell_id)
        if name and all(tool.name != name for tool in decided.tools):
            found = discover(worlds_in_place(), [name])
            raise unmet_error([why(one) for one in unmet(parse_words([name]), found)])
        near = (
            difflib.get_close_matches(cell_id, cells, n=3)
            or [one for one in cells if one.startswith(f"{cell_id}[")][:3]
        )
        raise UsageError(
            f"no cell {cell_id!r}", remedy=f"did you mean {', '.join(near)}?" if near else "see: whiteout-lab list"
        )
    return cell_of(cells[cell_id])


def _check_name(cell_id: str) -> None:
    """Raises UsageError where a cell's id has a tool's name of before."""
    head, bracket, key = cell_id.rpartition("[")
    old, now = renamed(key)
    if old:
        remedy = f"{head}{bracket}{key.replace(old, now, 1)}"
        raise UsageError(f"{old!r} is now called {now}", where=cell_id, remedy=remedy)


def scenario_in(cell_id: str) -> str:
    """The scenario in a cell's id, or the file that stands for it."""
    return cell_id.rpartition("[")[0] or cell_id


def plain_id(cell_id: str) -> str:
    """The id as a recording has it: of a file the name alone."""
    scenario = scenario_in(cell_id)
    return Path(scenario).stem + cell_id.removeprefix(scenario) if scenario.endswith(".toml") else cell_id


def tool_in(cell_id: str) -> str:
    """The name of the tool in a cell's id, empty where it has none: the longest that fits, since names begin with one another."""
    key = cell_id.rpartition("[")[2]
    fitting = (name for name in TOOLS if re.match(rf"{re.escape(name)}-[0-9][^-]*.*-(root|user)\]$", key))
    return max(fitting, key=len, default="")
