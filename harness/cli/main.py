"""``whiteout-lab``: finds the command, and turns every error into one message and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from harness import __version__
from harness.cli.streams import Parser, ready
from harness.errors import EXIT_INTERRUPTED, LabError, of_system

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
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.handler(arguments))
    except LabError as error:
        print(f"whiteout-lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("whiteout-lab: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        told = of_system(error)
        print(f"whiteout-lab: {told}", file=sys.stderr)
        return told.exit_code
