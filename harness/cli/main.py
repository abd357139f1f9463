"""``whiteout-lab``: finds the command, and turns every error into one message and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from harness import __version__
from harness.cli import endings
from harness.cli.streams import Parser, ready
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_INTERRUPTED, LabError, of_system

COMMANDS = ("run", "list", "script", "report", "inspect", "explain", "doctor", "worlds", "schema")

_EPILOG = """\
Start with:
  whiteout-lab doctor                 what this machine can run, and the remedy for what it cannot
  whiteout-lab run ghost-marker       one scenario on every tool that is here, with a report
  whiteout-lab explain WL101          what a finding means and what to do

exit codes: 0 as expected; 1 an unexpected finding; 2 usage or scenario error; 3 broken machinery;
            77 everything skipped; 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line, ready to parse."""
    top = Parser(
        prog="whiteout-lab",
        description="Reproduce and diagnose whiteout bugs of container overlays on real tools.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"whiteout-lab {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"harness.cli.{name}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    ready()
    out, _ = endings.guard()
    code = EXIT_INTERRUPTED
    try:
        with endings.listening():
            code = _command(argv)
            if out is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        _say("whiteout-lab: interrupted")
    if out is not None and out.lost is not None:
        _say(f"whiteout-lab: not all of the output could be written: {out.lost.strerror}")
        return code or EXIT_BROKEN
    return code


def _command(argv: Sequence[str] | None) -> int:
    try:
        arguments = parser().parse_args(argv)
        return int(arguments.handler(arguments))
    except SystemExit as asked:  # argparse has said its word: help, a version, or what it did not understand
        return asked.code if isinstance(asked.code, int) else EXIT_AS_EXPECTED
    except LabError as error:
        _say(f"whiteout-lab: {error}")
        return error.exit_code
    except (OSError, RuntimeError, MemoryError) as error:
        trouble = of_system(error)
        if trouble is None:
            raise
        _say(f"whiteout-lab: {trouble}")
        return trouble.exit_code


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
