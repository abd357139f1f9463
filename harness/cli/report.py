"""``whiteout-lab report``: the HTML again, from recordings alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.names import one_line
from harness.report.html import write_report


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = subparsers.add_parser(
        "report",
        help="write the HTML report of one or several runs, from their recordings alone",
        description="Writes one HTML file. Of a cell that stands in several runs the latest is shown.",
    )
    command.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="folder of a run, such as reports/latest")
    command.add_argument(
        "--output", "-o", metavar="FILE", type=Path, help="where to write it (report.html in the last RUN)"
    )
    command.set_defaults(handler=report)


def report(arguments: argparse.Namespace) -> int:
    """Write the report, and say where it is."""
    output = arguments.output or arguments.runs[-1] / "report.html"
    written = write_report(arguments.runs, output)
    print(one_line(f"{written} ({written.stat().st_size / 1e6:.1f} MB)"))
    return 0
