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
