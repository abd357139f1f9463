"""``whiteout-lab baseline``: what each cell gave when somebody last said that this is so: show what differs, or write what was seen."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.compare.change_words import text_lines
from harness.compare.changes import changes
from harness.errors import EXIT_AS_EXPECTED, EXIT_FINDING, UsageError
from harness.names import one_line
from harness.runs.accounts import accounts
from harness.runs.baseline import baseline_folder, read_baseline, write_baseline, write_seconds
from harness.runs.folders import reports_folder, scenario_files
from harness.runs.results import read_results

_EPILOG = """\
A baseline is text, one file for each version of a tool: TOOL/VERSION.txt, a line for each finding and each mark. Read its diff before
you commit it. `update` writes exactly what the run saw: a version that the run had replaces its file, others stay as they are.

examples:
  whiteout-lab baseline show                                      the newest run beside the baseline
  whiteout-lab baseline update --reason "fuse-overlayfs 1.15 in trixie"

exit codes of show: 0 the run gave what the baseline says; 1 it did not
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``baseline``."""
    parser.description = "What each cell gave when somebody last said that this is so."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="what", metavar="COMMAND", required=True)
    show_ = commands.add_parser("show", help="what a run gave that the baseline does not say, and the other way round")
    update_ = commands.add_parser("update", help="write what a run gave")
    update_.add_argument(
        "--reason", required=True, metavar="TEXT", help="why it is so now; it stands in each file that changes"
    )
    for one, handler in ((show_, show), (update_, update)):
        one.add_argument(
            "run", metavar="RUN", nargs="?", type=Path, help="the folder of a run (default: reports/latest)"
        )
        one.add_argument("--baseline", metavar="FOLDER", type=Path, help="the baseline (default: reports/baselines)")
        one.set_defaults(handler=handler)


def show(arguments: argparse.Namespace) -> int:
    """Print what changed since somebody said that this is so."""
    results = read_results(arguments.run or reports_folder() / "latest")
    now = accounts(results.cells)
    found = changes(read_baseline(baseline_folder(arguments.baseline)).within(now), now)
    print("\n".join(map(one_line, text_lines(found))))
    return EXIT_FINDING if found.changes else EXIT_AS_EXPECTED


def update(arguments: argparse.Namespace) -> int:
    """Write what was seen; a run that was not seen to its end says nothing."""
    results = read_results(arguments.run or reports_folder() / "latest")
    broken = [cell.id for cell in results.cells if cell.outcome == "broken"]
    if broken:
        raise UsageError(
            f"{len(broken)} cells of this run are broken, {broken[0]} among them",
            where=str(arguments.run or reports_folder() / "latest"),
            remedy="run them again; what was not seen is no baseline",
        )
    folder = baseline_folder(arguments.baseline)
    written = write_baseline(
        folder, accounts(results.cells), arguments.reason, [path.stem for path in scenario_files(())]
    )
    write_seconds(folder, results.cells)
    for path in written:
        print(one_line(str(path)))
    print(f"{len(written)} files written; read them: git diff {folder}" if written else "nothing is otherwise")
    return EXIT_AS_EXPECTED
