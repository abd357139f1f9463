"""``whiteout-lab``: finds the command, and turns every error into one message and an exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence

from harness import __version__
from harness.cli import endings
from harness.cli.streams import Parser, ready
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_INTERRUPTED, LabError, of_system

COMMANDS = {
    "run": "run scenarios on tools, and write the report",
    "list": "the scenarios with their titles; their cells, and why some do not run",
    "script": "print the shell program of a cell",
    "baseline": "what each cell gave when somebody last said that this is so",
    "bundle": "the attachment and the text of a bug report",
    "check": "what a new build of a program changes",
    "compare": "what changed from one run to another",
    "merge": "put the parts of a run together",
    "nightly": "what changed since the baseline was written: run, compare, run again what changed",
    "report": "write the HTML report of one or several runs, from their recordings alone",
    "inspect": "the markers in an upper directory, a layer or an image, and what is wrong with them",
    "seal": "an upper as a layer that says each deletion once",
    "defects": "which versions of each program show which defects",
    "why": "which step, which request and which system calls made each marker of a cell",
    "minimise": "the smallest scenario that still shows a finding",
    "bisect": "since which version, or which commit, a finding shows, or no longer does",
    "faults": "what users have after a daemon was killed, or told of an error, at any of its system calls",
    "explain": "what a finding means and what to do; one defect whole",
    "doctor": "what this machine can run, and the remedy for every obstacle",
    "worlds": "the userlands that tools come from",
    "schema": "the JSON schema of scenario or defect files",
    "completion": "what bash or zsh needs to complete this command line",
}

_EPILOG = """\
Start with:
  whiteout-lab doctor                 what this machine can run, and the remedy for what it cannot
  whiteout-lab run ghost-marker       one scenario on every tool that is here, with a report
  whiteout-lab explain WL101          what a finding means and what to do

exit codes: 0 as expected; 1 an unexpected finding; 2 usage or scenario error; 3 broken machinery;
            77 everything skipped; 130 interrupted
"""


def called(words: Sequence[str]) -> str:
    """The command among the words of a command line; what stands before it are options without a value."""
    return next((word for word in words if not word.startswith("-")), "")


def parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The command line, ready to parse *words*: a command that is not called there is not imported. None: all of it."""
    top = Parser(
        prog="whiteout-lab",
        description="Reproduce and diagnose whiteout bugs of container overlays on real tools.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"whiteout-lab {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, says in COMMANDS.items():
        command = commands.add_parser(name, help=says)
        if words is None or name == called(words):
            with (
                endings.held()
            ):  # Python makes another error of one that is raised while a class is made (__set_name__)
                module = importlib.import_module(f"harness.cli.{name}")
            module.register(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    ready()
    out, _ = endings.guard()
    code = EXIT_INTERRUPTED
    try:
        with endings.listening():
            code = _command(words)
            if out is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        _say("whiteout-lab: interrupted")
    if out is not None and out.lost is not None:
        if out.lost.errno == errno.EPIPE and called(words) != "run":
            return code  # who reads has read enough: list | head
        _say(f"whiteout-lab: not all of the output could be written: {out.lost.strerror}")
        return code or EXIT_BROKEN
    return code


def _command(words: Sequence[str]) -> int:
    try:
        arguments = parser(words).parse_args(words)
        return int(arguments.handler(arguments))
    except SystemExit as asked:  # argparse has said its word: help, a version, or what it did not understand
        return asked.code if isinstance(asked.code, int) else EXIT_AS_EXPECTED
    except LabError as error:
        _say(f"whiteout-lab: {error}")
        return error.exit_code
    except (OSError, RuntimeError, MemoryError) as error:
        error_of_ours = of_system(error)
        if error_of_ours is None:
            raise
        _say(f"whiteout-lab: {error_of_ours}")
        return error_of_ours.exit_code


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
