"""Colours for people at a terminal. ``NO_COLOR`` (no-color.org), set and not empty, turns them off, and so does ``TERM=dumb``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

_CODES = {"green": 32, "red": 31, "yellow": 33, "dim": 2, "bold": 1}

Paint = Callable[[str, str], str]
"""``paint("red", words)``. The words are safe for a terminal already: what is painted holds escapes that are meant."""


def painter(stream: TextIO) -> Paint:
    """Paint for what is written to *stream*; where that is no terminal, or colours are not wanted, words stay as they are."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return (lambda colour, words: f"\x1b[{_CODES[colour]}m{words}\x1b[0m") if wanted else (lambda _colour, words: words)
