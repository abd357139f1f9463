"""The edge to the terminal: what is written there is text that its encoding has, whatever the locale says, and is inert."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import NoReturn

from harness.names import one_line


class Parser(argparse.ArgumentParser):
    """argparse, which repeats a wrong word in its error as it was typed, made to say it without a character that a terminal obeys."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))


def ready() -> None:
    """See to the encodings, once, at the start of the program.

    A character that the terminal's encoding has not is written as an escape and stops nothing. Paths are UTF-8 whatever the locale,
    as the names in a tree are: Python can only be told so when it starts, so where it was told otherwise (``de_DE.ISO-8859-1``) it
    starts again, and goes on writing in the terminal's encoding.
    """
    if sys.getfilesystemencoding() != "utf-8":
        shown = f"{sys.stdout.encoding if sys.stdout else 'ascii'}:backslashreplace"
        os.environ |= {"PYTHONUTF8": "1", "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", shown)}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this program itself
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
