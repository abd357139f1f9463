"""``whiteout-lab check``: what a new build changes, and nothing else: for an upstream's own CI."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from msgspec.structs import replace

from harness.cells.plan import cell_of
from harness.cli.begin import begin_run, decided
from harness.cli.run import how_it_runs, run_again, run_cells
from harness.compare.change_words import check_lines
from harness.compare.changes import Changes, What, changes, settle
from harness.compare.words import GIVEN
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, UsageError
from harness.judge.findings import Outcome
from harness.names import one_line
from harness.profile import Profile
from harness.runs.accounts import accounts
from harness.runs.decide import Wanted
from harness.runs.results import CellResult
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.asked import parse_word
from harness.worlds.model import Tool

NEW = 0  # its place among the words

_EPILOG = """\
Runs both, runs what differs again, and says what the new build fixes, brings back, finds anew, and which marks it writes otherwise; each
with its scenarios and a script that shows it. Where nothing differs, nothing is said.

  whiteout-lab check fuse-overlayfs=./fuse-overlayfs --against fuse-overlayfs@trixie

exit codes: 0 nothing is worse; 1 something is; 2 usage; 3 broken machinery
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``check``."""
    parser.description = "What a new build of a program changes, against another one."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("new", metavar="TOOL", help=f"the new build: {TOOL_HELP}")
    parser.add_argument("--against", metavar="TOOL", required=True, help="what it is compared with")
    parser.add_argument("--scenario", action="append", default=[], metavar="SCENARIO", help="these scenarios alone")
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    how_it_runs(parser)
    parser.set_defaults(handler=check)


def check(arguments: argparse.Namespace) -> int:
    """Run both, and say what the new one changes."""
    words = (arguments.new, arguments.against)
    names = {parse_word(word).name for word in words}
    if len(names) > 1:
        raise UsageError(
            f"{' and '.join(sorted(names))} are two tools",
            where="check",
            remedy="compare builds of one: its name stands before '=' or '@'",
        )
    plan = decided(
        Wanted(
            tuple(arguments.scenario),
            words,
            tuple(Profile(one) for one in arguments.profile),
            out=arguments.out,
            timeout=arguments.timeout,
        )
    )
    new, old = sides(plan.tools, [parse_word(word).path is not None for word in words])
    mine = [cell_id for cell_id, one in plan.chosen() if cell_of(one).tool in (*new, *old)]
    if not mine or not new or not old:  # it is one program, by two names
        return EXIT_AS_EXPECTED
    quiet = io.StringIO()
    ran = run_cells(lambda: begin_run(replace(plan, only=mine)), arguments.jobs, quiet)
    keys = {tool.key for tool in new}
    ours = [cell for cell in ran.results.cells if cell.id.rpartition("[")[2].rpartition("-")[0] in keys]
    theirs = [cell for cell in ran.results.cells if cell not in ours]
    found = changes(accounts(theirs), accounts(ours))
    found = settle(found, run_again(found, plan, arguments.jobs, quiet))
    scripts = {cell.id: f"{plan.folder}/{cell.folder}/script.sh" for cell in ran.results.cells if cell.folder}
    for line in check_lines(found, scripts):
        print(one_line(line))
    for line in broken_lines(ran.results.cells):
        print(one_line(line), file=sys.stderr)
    for trouble in ran.troubles:
        print(f"whiteout-lab: {trouble}", file=sys.stderr)
    return EXIT_BROKEN if ran.troubles else exit_code(found, ran.results.cells)


def broken_lines(cells: Sequence[CellResult]) -> list[str]:
    """What could not be seen on either side, and why: each reason once, with a cell that has it."""
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell.outcome is Outcome.BROKEN:
            reasons.setdefault(cell.reason, []).append(cell.id)
    return [
        f"whiteout-lab: broken: {ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''}: {reason}"
        for reason, ids in reasons.items()
    ]


def sides(tools: Sequence[Tool], given: Sequence[bool]) -> tuple[list[Tool], list[Tool]]:
    """The new tools and the old ones. *given*: of the new word and of the old one, whether it gives a program.

    Where both do, whatever else of that name is here takes no part.
    """
    ours = [tool for tool in tools if tool.origin in GIVEN]
    others = [tool for tool in tools if tool not in ours]
    if not all(given):
        return (ours, others) if given[NEW] else (others, ours)
    ranks = sorted({tool.rank for tool in ours})
    first, last = ([tool for tool in ours if tool.rank == rank] for rank in (ranks[0], ranks[-1]))
    return (first, last) if len(ranks) > 1 else ([], [])


def exit_code(found: Changes, cells: Sequence[CellResult]) -> int:
    """Whether something is worse: a line that came and is no mark, a cell that does not run any more, or a flaky one that gave more."""
    if any(cell.outcome is Outcome.BROKEN for cell in cells):
        return EXIT_BROKEN
    worse = any(not line.startswith("mark ") for one in found.of(What.CHANGED, What.FLAKY) for line in one.come)
    return EXIT_FINDING if worse or found.of(What.MISSING, What.BROKEN) else EXIT_AS_EXPECTED
