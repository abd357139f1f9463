"""``whiteout-lab merge``: the parts of a run put together, with one report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.compare.words import count
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING
from harness.judge.findings import Outcome
from harness.names import one_line
from harness.report.html import write_report
from harness.runs.merge import merge as put_together
from harness.runs.results import taken_back

_MOST = 5  # ids that are named


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``merge``."""
    parser.description = (
        "Puts runs together: the parts that run --shard I/N made, or runs of different tools. Their recordings stay where they are. "
        "Says what is missing and what is doubled, of which the latest is taken. Exit code 3 where something is missing."
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="the folder of a run")
    parser.add_argument("--output", "-o", metavar="FOLDER", required=True, type=Path, help="the merged run's folder")
    parser.set_defaults(handler=merge)


def merge(arguments: argparse.Namespace) -> int:
    """Put runs together."""
    merged = put_together(arguments.runs, arguments.output)
    damaged = write_report(arguments.output, arguments.output / "report.html").damaged
    results = taken_back(merged.results, [cell.result for cell in damaged], arguments.output)
    for error in merged.unread:
        print(f"whiteout-lab: left out: {error}", file=sys.stderr)
    for cell in damaged:
        print(one_line(f"whiteout-lab: {cell.folder}: {cell.damage}"), file=sys.stderr)
    for what, ids in (("missing", merged.missing), ("doubled", merged.doubled)):
        if ids:
            more = f" and {len(ids) - _MOST} more" if len(ids) > _MOST else ""
            print(one_line(f"{count(len(ids), 'cell')} {what}: {', '.join(ids[:_MOST])}{more}"))
    cells = [cell for cell in results.cells if not cell.excluded]
    print(
        one_line(
            f"{count(len(cells), 'cell')} of {count(len(arguments.runs), 'run')} · {arguments.output / 'report.html'}"
        )
    )
    if merged.unread or merged.missing or damaged or any(cell.outcome is Outcome.BROKEN for cell in cells):
        return EXIT_BROKEN
    return EXIT_FINDING if any(cell.outcome is Outcome.FINDING for cell in cells) else EXIT_AS_EXPECTED
