"""``bisect``: in which version, or in which commit, a finding begins to show, or ends."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from harness.cells.plan import Cell, cell_of, tool_order
from harness.cli.limits import at_least_one, seconds
from harness.cli.script import find_cell, scenario_in
from harness.cli.working import a_finding, a_limit, say, working
from harness.compare.words import count, listing
from harness.diagnose.bisect import Bisection, Builder, Case, Result
from harness.diagnose.shows import Meant, Shows, chosen
from harness.errors import EXIT_AS_EXPECTED, BrokenMachinery, UsageError
from harness.launch.cell import CellContext
from harness.names import one_line
from harness.runs.decide import Wanted, decide, known_defects
from harness.tools.asked import HELP as TOOL_HELP

_EPILOG = """\
Without --repo: every version of the cell's tool that is here, each run. With it: git's own bisection in a clone of the repository, which is
read alone; each commit is built in namespaces where everything but its own folder is read-only and there is no network. One that cannot
be built is skipped. --good and --bad: a commit that does not show it, and one that does; where the good one is later, it was mended.

examples:
  whiteout-lab bisect 'ghost-marker[fuse-overlayfs-1.14-user]' --finding WL101
  whiteout-lab bisect 'ghost-marker[fuse-overlayfs-1.14-user]' --finding WL101 --repo ~/fuse-overlayfs \\
      --build './autogen.sh && ./configure && make' --built fuse-overlayfs --good v1.15 --bad v1.14
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``bisect``."""
    parser.description = "Since which version, or which commit, a finding shows, or no longer does."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cell", metavar="CELL", help="a cell that shows it, by its id")
    a_finding(parser)
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--repo", type=Path, metavar="PATH", help="a git checkout of the program")
    parser.add_argument("--build", metavar="COMMAND", help="what builds it, in the root of its source")
    parser.add_argument("--built", metavar="FILE", help="what that leaves (default: the program's name)")
    parser.add_argument("--good", metavar="COMMIT", help="a commit that does not show it")
    parser.add_argument("--bad", metavar="COMMIT", help="one that does")
    parser.add_argument("--times", type=at_least_one, default=1, metavar="N", help="runs of each version (default: 1)")
    parser.add_argument(
        "--limit", type=seconds, default=600.0, metavar="S", help="seconds for one build (default: 600)"
    )
    a_limit(parser)
    parser.set_defaults(handler=bisect)


def bisect(arguments: argparse.Namespace) -> int:
    """Find it, and say it in a sentence."""
    commits = (arguments.repo, arguments.build, arguments.good, arguments.bad)
    if any(commits) and not all(commits):
        raise UsageError(
            "--repo, --build, --good and --bad belong together", where="bisect", remedy="say all four, or none"
        )
    cell = find_cell(arguments.cell, arguments.tool)
    with working("bisect", arguments.timeout) as context:
        defects = known_defects(scenarios=[cell.scenario.name])
        shows = Shows(cell, context, defects, 1, lambda _: None)
        finding = chosen(shows.run(cell.scenario).verdict.findings, arguments.finding, cell.id)
        say(f"{finding.key}: {finding.message}")
        if arguments.repo is None:
            print(_over_versions(arguments, cell, Meant.of(finding), context))
            return EXIT_AS_EXPECTED
        builder = Builder(
            arguments.repo.absolute(), arguments.build, arguments.built or cell.driver.program, arguments.limit
        )
        case = Case(cell, Meant.of(finding), defects, arguments.times)
        bisection = Bisection(builder, case, context, say)
        print(one_line(sentence(bisection.run(arguments.good, arguments.bad), finding.code)))
    return EXIT_AS_EXPECTED


def sentence(result: Result, code: str) -> str:
    """What was found, in one sentence."""
    change = "begins to show" if result.begins else "no longer shows"
    which = (
        f"with {result.first[0]}"
        if len(result.first) == 1
        else f"with one of these, which cannot be told apart: {'; '.join(result.first)}"
    )
    cost = f"{count(len(result.probes), 'commit')} looked at, {result.skipped} of them skipped, {count(result.runs, 'run')}"
    return f"{code} {change} {which}. {cost}."


def _over_versions(arguments: argparse.Namespace, cell: Cell, meant: Meant, context: CellContext) -> str:
    decided = decide(Wanted((scenario_in(arguments.cell),), tuple(arguments.tool)), {}, lambda _line: None)
    same = [
        one for one in map(cell_of, decided.cells()) if one.tool.name == cell.tool.name and one.profile is cell.profile
    ]
    found: list[tuple[str, bool]] = []
    for one in sorted(same, key=lambda other: tool_order(other.tool)):
        shows = Shows(one, context, decided.defects, arguments.times, lambda _: None)
        try:
            shown = sum(meant.alike(shows.run(one.scenario).verdict.findings) for _ in range(arguments.times))
        except BrokenMachinery as error:
            say(f"{one.tool.label}: cannot be run: {error.what}")
            continue
        often = f" ({shown} of {arguments.times} runs)" if 0 < shown < arguments.times else ""
        say(f"{one.tool.label}: {'shows it' if shown else 'does not show it'}{often}")
        found.append((one.tool.version, bool(shown)))
    return one_line(versions_sentence(meant.code, cell.tool.name, found))


def versions_sentence(code: str, tool: str, found: Sequence[tuple[str, bool]]) -> str:
    """In which of the versions it shows; *found* in their order."""
    showing = [version for version, shown in found if shown]
    if not showing or len(showing) == len(found):
        return f"{code} shows in {'every' if showing else 'no'} version of {tool} here: {listing([version for version, _ in found])}."
    changes = [
        f"{'shows since' if now else 'no longer shows in'} {version} (and {'not ' if now else ''}in {before})"
        for (before, was), (version, now) in pairwise(found)
        if was is not now
    ]
    return f"{code} {'; '.join(changes)}, of {tool} {listing([version for version, _ in found])}."
