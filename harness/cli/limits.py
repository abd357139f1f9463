"""Words of the command line that are numbers."""

from __future__ import annotations

import argparse
import math

_LONGEST = 86400  # seconds


def seconds(text: str) -> float:
    """A time limit of the command line. Raises argparse.ArgumentTypeError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of seconds above 0 and up to {_LONGEST} (a day)")
    return value


def at_least_one(text: str) -> int:
    """A number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(text)
