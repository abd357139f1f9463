"""``minimise``: a cell's scenario, made as small as it can be while it still shows a finding."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cells.plan import Cell
from harness.cli.limits import at_least_one
from harness.cli.script import find_cell
from harness.cli.working import a_finding, a_limit, say, working
from harness.compare.words import count
from harness.diagnose.reduce import reduced
from harness.diagnose.short import short
from harness.diagnose.shows import Enough, Meant, Shows, chosen, entries
from harness.errors import EXIT_AS_EXPECTED, EXIT_FINDING, EXIT_INTERRUPTED, UsageError
from harness.judge.findings import Finding
from harness.judge.judged import Judged
from harness.launch.alone import run_alone
from harness.launch.cell import CellContext
from harness.machine.cache import write_whole
from harness.places import UPPER
from harness.runs.decide import known_defects
from harness.scenario.model import Scenario
from harness.scenario.writer import write_scenario
from harness.script.compile import compile_cell
from harness.snapshot.model import EMPTY
from harness.tools.asked import HELP as TOOL_HELP
from harness.worlds.inside import GIVEN

_EPILOG = """\
Steps, layers, entries, settings, contents and names are taken away as long as the finding shows; the result is run again, and written as a
scenario file, and as a plain script that says whether it shows (exit codes 1 it shows, 0 it does not, 125 this build cannot be tested, 77
the machine lacks something: as git bisect run wants them). Interrupted, it keeps the best so far.

examples:
  whiteout-lab minimise 'ghost-marker[fuse-overlayfs-1.14-user]' --finding WL101 --output small.toml --script small.sh
  whiteout-lab minimise './big.toml[fuse-overlayfs-1.14-root]' --finding fuse-overlayfs-306
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``minimise``."""
    parser.description = "The smallest scenario that still shows a finding."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cell", metavar="CELL", help="a cell's id, as list prints it")
    a_finding(parser)
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="the scenario file (default: printed)")
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="the script, of at most twenty lines where so few will do"
    )
    parser.add_argument("--runs", type=at_least_one, default=60, metavar="N", help="runs at most (default: 60)")
    parser.add_argument(
        "--times", type=at_least_one, default=3, metavar="N", help="run the result N times (default: 3)"
    )
    a_limit(parser)
    parser.set_defaults(handler=minimise)


def minimise(arguments: argparse.Namespace) -> int:
    """Make it smaller, and write it."""
    cell = find_cell(arguments.cell, arguments.tool)
    for path in filter(None, (arguments.output, arguments.script)):
        if not path.absolute().parent.is_dir():
            raise UsageError("there is no such folder", where=str(path), remedy="name a file in a folder that exists")
    with working("minimise", arguments.timeout) as context:
        shows = Shows(cell, context, known_defects(scenarios=[cell.scenario.name]), arguments.runs + 1, say)
        finding = chosen(shows.run(cell.scenario).verdict.findings, arguments.finding, cell.id)
        meant = Meant.of(finding)
        say(f"{finding.key}: {finding.message}")
        small, interrupted = _smallest(shows, meant, cell.scenario)
        runs = shows.runs - 1
        again = [] if interrupted else _again(shows, small, arguments.times)
        last = [(one, found) for one in again if (found := meant.among(one.verdict.findings)) is not None]
        _write(arguments, small)
        if arguments.script is not None and last:
            _write_script(arguments.script, Cell(small, cell.tool, cell.profile), *last[-1], context)
    before = f"{count(len(cell.scenario.steps), 'step')}, {count(entries(cell.scenario), 'entry', 'entries')}"
    now = f"{count(len(small.steps), 'step')}, {count(entries(small), 'entry', 'entries')}"
    said = (
        "interrupted: the best so far"
        if interrupted
        else f"it showed in {len(last)} of {count(arguments.times, 'run')} more"
    )
    say(f"{before} → {now} in {count(runs, 'run')}; {said}")
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_AS_EXPECTED if len(last) == arguments.times else EXIT_FINDING


def _smallest(shows: Shows, meant: Meant, scenario: Scenario) -> tuple[Scenario, bool]:
    """The smallest that was found, and whether somebody ended it."""
    shows.best = scenario
    try:
        return reduced(scenario, shows.holds(meant)), False
    except Enough:
        say(f"as many runs as were allowed: {shows.most - 1}")
        return shows.best, False
    except KeyboardInterrupt:
        return shows.best, True


def _again(shows: Shows, small: Scenario, times: int) -> list[Judged]:
    """So many runs more of the result."""
    shows.most += times
    return [shows.run(small) for _ in range(times)]


def _write(arguments: argparse.Namespace, small: Scenario) -> None:
    text = write_scenario(small)
    if arguments.output is None:
        print(text, end="")
    else:
        write_whole(arguments.output, text.encode("utf-8", "surrogateescape"))


def _write_script(path: Path, cell: Cell, ran: Judged, finding: Finding, context: CellContext) -> None:
    """The few lines, where they show it too, which is tried; else the script of the cell."""
    program = f"PROGRAM={GIVEN} " if cell.program == GIVEN else ""
    text = short(cell, finding, ran.trees.get(UPPER, EMPTY)).encode("utf-8", "surrogateescape")
    if text:
        tried = run_alone(cell, context, {"short.sh": text}, f"{program}sh short.sh")
        if tried.code != 1:
            say(f"a few lines do not show it (exit code {tried.code}): the script is the cell's own")
            text = b""
    else:
        say("a few lines would not do: the script is the cell's own")
    write_whole(path, text or compile_cell(cell))
    path.chmod(0o755)
