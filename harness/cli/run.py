"""``run``: plan, run, record, report."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.cli.script import find_cell
from harness.cli.worlds import unasked
from harness.errors import EXIT_BROKEN, EXIT_INTERRUPTED, EXIT_USAGE, MissingProgram, UsageError, WorldError
from harness.names import printable
from harness.progress import Progress
from harness.session import project_folder, scenario_files
from harness.worlds.asked import HELP as TOOL_HELP
from harness.worlds.build import ensure

_EPILOG = """\
examples:
  whiteout-lab run                                        everything that this machine can run
  whiteout-lab run ghost-marker --profile user            one scenario, one profile
  whiteout-lab run --tool fuse-overlayfs=./fuse-overlayfs --tool kernel
                                                          a program that you built, beside the kernel
  whiteout-lab run --tool fuse-overlayfs:1.14:patched=./fuse-overlayfs
                                                          its version, where it says another one, and a name for it
  whiteout-lab run --only 'ghost-marker[kernel-6.12-root]'  one cell

exit codes: 0 as expected; 1 an unexpected finding; 2 usage or scenario error; 3 broken machinery; 77 everything skipped
"""


def register(commands: Any) -> None:
    """Add ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="run scenarios on tools, and write the report",
        description="Run scenarios on every tool that is here, record what each wrote, and write one HTML report.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="a scenario's name, a file or a folder (default: all)"
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="the cell with this id alone (see: list)"
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=(os.cpu_count() or 1) + 1,
        metavar="N",
        help="cells side by side (default: processors and one more, since a cell waits a quarter of its time)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the run's folder (default: reports/<time>-<short id>)"
    )
    parser.add_argument(
        "--keep",
        choices=["never", "failed", "always"],
        default="always",
        help="which recordings stay (default: always)",
    )
    parser.add_argument("--strict", action="store_true", help="a tool or world that is missing is a failure")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds for one cell (default: 60)")
    parser.add_argument("--build-worlds", action="store_true", help="first build the worlds that are not in place yet")
    parser.add_argument("-x", "--exitfirst", action="store_true", help="stop at the first cell that is not as expected")
    parser.set_defaults(handler=run)


def _jobs(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(text)


def _build_worlds(tools: Sequence[str], *, strict: bool) -> None:
    """Build what is missing; a world that cannot be had is told of, and the run goes on without it unless it is strict."""
    for world in ensure(unasked(tools), lambda line: print(printable(line), flush=True)).values():
        if isinstance(world, WorldError):
            if strict:
                raise world
            print(f"whiteout-lab: {world}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    """Run through pytest, with output of our own; returns the exit code."""
    if arguments.out is not None and arguments.out.exists() and any(arguments.out.iterdir()):
        raise UsageError(
            "the run's folder is not empty", where=str(arguments.out), remedy="name a new folder with --out"
        )
    if arguments.build_worlds:
        _build_worlds(arguments.tool, strict=arguments.strict or os.environ.get("WHITEOUT_LAB_STRICT") == "1")
    named = [find_cell(cell, arguments.tool).scenario.name for cell in arguments.only]
    files = [str(path.absolute()) for path in scenario_files(arguments.scenarios or named)]
    words = [
        *files, "-p", "harness.pytest_plugin", f"--rootdir={project_folder()}", "-p", "no:cacheprovider", "--tb=short",
        f"--lab-keep={arguments.keep}", f"--lab-timeout={arguments.timeout}",
        *(f"--lab-tool={tool}" for tool in arguments.tool),
        *(f"--lab-profile={profile}" for profile in arguments.profile),
        *(f"--lab-only={cell}" for cell in arguments.only),
        *([f"--lab-out={arguments.out}"] if arguments.out else []),
        *(["--lab-strict"] if arguments.strict else []),
        *(["-x"] if arguments.exitfirst else []),
        *(["-n", str(arguments.jobs), "--dist=worksteal"] if arguments.jobs > 1 and not arguments.only else []),
    ]  # fmt: skip
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins of the user's environment cost a second of start
    progress = Progress(sys.stdout)
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet):
        code = int(
            pytest.main([*words, "-p", "xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"], plugins=[progress])
        )
    if progress.error is not None:
        raise progress.error
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        if progress.missing:
            raise MissingProgram(
                "nothing to run: no tool that was asked for is here", remedy="\n".join(progress.missing)
            )
        raise UsageError("nothing to run: every cell is excluded", remedy="see why: whiteout-lab list")
    if progress.ended is None:
        if code not in {EXIT_INTERRUPTED, pytest.ExitCode.INTERRUPTED}:
            print(quiet.getvalue(), file=sys.stderr)
        return EXIT_USAGE if code == pytest.ExitCode.USAGE_ERROR else EXIT_BROKEN
    if code == pytest.ExitCode.INTERRUPTED and progress.interrupted:
        return EXIT_INTERRUPTED
    return progress.exit_code()
