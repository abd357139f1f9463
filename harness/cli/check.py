"""``whiteout-lab check``: what a new build changes, and nothing else: for an upstream's own CI."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli.limits import seconds
from harness.cli.run import at_least_one, run_cells
from harness.compare.change_words import check_lines
from harness.compare.changes import Changes, What, changes, settle
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, UsageError
from harness.judge.findings import Outcome
from harness.names import one_line
from harness.profile import Profile
from harness.runs.accounts import accounts
from harness.runs.decide import Wanted
from harness.runs.folders import scenario_files
from harness.runs.results import CellResult, Results
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.asked import parse_word

NEW, OLD = 0, 1  # the places of the two among the words
TIMES = 3  # runs of a cell that changed, before anything is said of it

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
    parser.add_argument(
        "--jobs", type=at_least_one, default=(os.cpu_count() or 1) + 1, metavar="N", help="cells side by side"
    )
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="seconds for one cell (default: 60)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the run's folder (default: reports/<time>-<short id>)"
    )
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
    wanted = Wanted(
        tuple(str(path) for path in scenario_files(arguments.scenario)),
        words,
        tuple(Profile(one) for one in arguments.profile),
        out=arguments.out,
        timeout=arguments.timeout,
    )
    results, folder = run_cells(wanted, arguments.jobs, io.StringIO())
    found = _changes(results)
    only = [one.cell for one in found.of(What.CHANGED)]
    if only:
        again, _ = run_cells(
            Wanted(wanted.scenarios, words, wanted.profiles, tuple(only), folder / "again", timeout=wanted.timeout, repeat=TIMES),
            arguments.jobs, io.StringIO(),
        )  # fmt: skip
        found = settle(found, {cell.id: cell for cell in again.cells})
    scripts = {cell.id: str(folder / cell.folder / "script.sh") for cell in results.cells if cell.folder}
    for line in check_lines(found, scripts):
        print(one_line(line))
    return exit_code(found, results.cells)


def _changes(results: Results) -> Changes:
    sides: Mapping[int, list[CellResult]] = {NEW: [], OLD: []}
    for cell in results.cells:
        sides.get(cell.tool.rank, sides[OLD]).append(cell)
    if not sides[OLD]:  # it is one program, by two names
        return Changes()
    return changes(accounts(sides[OLD]), accounts(sides[NEW]))


def exit_code(found: Changes, cells: Sequence[CellResult]) -> int:
    """Whether something is worse: a line that came and is no mark, a cell that does not run any more, or a flaky one that gave more."""
    if any(cell.outcome is Outcome.BROKEN for cell in cells):
        return EXIT_BROKEN
    worse = any(not line.startswith("mark ") for one in found.of(What.CHANGED, What.FLAKY) for line in one.come)
    return EXIT_FINDING if worse or found.of(What.MISSING, What.BROKEN) else EXIT_AS_EXPECTED
