"""``whiteout-lab report``: the HTML again, from recordings alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.compare.words import count
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN
from harness.judge.defects.model import Defect
from harness.names import one_line
from harness.report.html import write_report
from harness.runs.results import NAME, write_results


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``report``."""
    parser.description = "Writes one HTML file. Of a cell that stands in several runs the latest is shown."
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a run, such as reports/latest")
    parser.add_argument(
        "--output", "-o", metavar="FILE", type=Path, help="where to write it (report.html in the last RUN)"
    )
    parser.add_argument(
        "--judge",
        action="store_true",
        help="judge the recordings anew, by the rules and defects of this version; otherwise each verdict is the one that its run came to",
    )
    parser.set_defaults(handler=report)


def _end(folder: Path) -> None:
    """Write the results of a run that was killed before it did, and say so."""
    from harness.runs.resume import interrupted_results, was_killed  # noqa: PLC0415 - a report needs no driver

    if not was_killed(folder):
        return
    results = interrupted_results(folder)
    write_results(results, folder)
    missing = count(results.run.unfinished, "cell")
    print(
        one_line(f"{folder} was killed: {missing} not run; go on with: whiteout-lab run --resume {folder}"),
        file=sys.stderr,
    )


def report(arguments: argparse.Namespace) -> int:
    """Write the report, and say where it is, and which recordings are no longer whole."""
    for folder in arguments.runs:
        if folder.is_dir() and not (folder / NAME).exists():
            _end(folder)
    output = arguments.output or arguments.runs[-1] / "report.html"
    defects: tuple[Defect, ...] = ()
    if arguments.judge:
        from harness.runs.decide import known_defects  # noqa: PLC0415 - a report needs no driver

        defects = known_defects()
    loaded = write_report(arguments.runs, output, judge_again=arguments.judge, defects=defects)
    print(one_line(f"{output} ({output.stat().st_size / 1e6:.1f} MB)"))
    for cell in loaded.damaged:
        print(one_line(f"whiteout-lab: {cell.folder}: {cell.damage}"), file=sys.stderr)
    return EXIT_BROKEN if loaded.damaged else EXIT_AS_EXPECTED
