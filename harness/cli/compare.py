"""``whiteout-lab compare``: what changed from one run to another; exit codes as diff has them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from harness.compare.change_words import text_lines
from harness.compare.changes import Changes, changes
from harness.errors import LabError
from harness.names import one_line
from harness.report.changes_page import write_page
from harness.runs.accounts import accounts
from harness.runs.results import read_results

SAME, DIFFERENT, TROUBLE = 0, 1, 2  # diff(1)

_EPILOG = """\
Compares what each cell gave: the keys of its findings, and the marks in its upper. A version that only one of the runs has is
compared with the nearest of the other, and said so.

exit codes: 0 the same; 1 something changed; 2 trouble
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``compare``."""
    parser.description = "What changed from one run to another: two nights, two machines, two kernels, two builds."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("before", metavar="RUN", type=Path, help="the folder of a run, such as reports/latest")
    parser.add_argument("now", metavar="RUN", type=Path, help="the folder of a later one")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page too")
    parser.set_defaults(handler=compare)


def compare(arguments: argparse.Namespace) -> int:
    """Print what changed."""
    try:
        runs = [read_results(folder) for folder in (arguments.before, arguments.now)]
        before, now = (accounts(one.cells) for one in runs)
        found = changes(before, now)
        if arguments.html is not None:
            write_page(found, [f"{one.run.id}, kernel {one.run.kernel}" for one in runs], arguments.html)
    except LabError as error:
        print(f"whiteout-lab: {error}", file=sys.stderr)
        return TROUBLE
    if arguments.json:
        sys.stdout.buffer.write(as_json(found))
    else:
        print("\n".join(map(one_line, text_lines(found))))
    return DIFFERENT if found.changes else SAME


def as_json(found: Changes) -> bytes:
    """What changed, for programs: cells with the lines that came and went."""
    table = {
        "schema": 1,
        "same": found.same,
        "changes": [
            {"cell": one.cell, **msgspec.to_builtins(one), "what": one.what.value} for one in found.changes
        ],
        "new_versions": msgspec.to_builtins(found.new_versions),
        "lost_versions": msgspec.to_builtins(found.lost_versions),
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n"
