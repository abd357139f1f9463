"""For commands that run cells outside of a run: the words that they have in common, where they work, and what they say meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import platform
import secrets
import sys
from collections.abc import Iterator, Mapping

from harness.cli.limits import seconds
from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.names import one_line
from harness.runs.folders import work_parent


def a_finding(parser: argparse.ArgumentParser) -> None:
    """The word by which a user says what is meant of all that a cell shows."""
    parser.add_argument(
        "--finding",
        default="",
        metavar="KEY",
        help="a code, the beginning of a key, or a defect (default: the first new one)",
    )


def a_limit(parser: argparse.ArgumentParser) -> None:
    """How long a run may take."""
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="seconds for one run (default: 60)")


@contextlib.contextmanager
def working(command: str, timeout: float, environment: Mapping[str, str] | None = None) -> Iterator[CellContext]:
    """A work folder of the command's own, and how cells are run there. Raises BrokenMachinery where there is no room."""
    with work_folder(work_parent(), f"{command}-{secrets.token_hex(4)}") as work:
        yield CellContext(work, platform.release(), dict(environment or {}), timeout)


def say(line: str) -> None:
    """One line more of what goes on."""
    print(one_line(line), file=sys.stderr, flush=True)
