"""A run in parts, for machines that work side by side: which cells are whose. Stable, and even by how long cells take. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from harness.errors import UsageError

_WORD = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")
USUAL = 0.3  # seconds: of a tool whose cells nobody has timed


def parse_shard(text: str) -> tuple[int, int]:
    """``2/4`` as its two numbers. Raises UsageError."""
    found = _WORD.fullmatch(text)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"{text[:40]!r} is no part of a run", where="--shard", remedy="write I/N, from 1/N to N/N")
    return int(found[1]), int(found[2])


def shard(cells: Iterable[tuple[str, str]], part: int, parts: int, seconds: Mapping[str, float]) -> list[str]:
    """The ids of one part. *cells*: id and tool's name; *seconds*: what a cell of a tool takes, as it was once measured.

    The longest come first, each to the part that has least; equal ones by a digest of their ids, so that a new scenario moves few others.
    """
    weighed = sorted(
        ((-seconds.get(tool, USUAL), hashlib.sha256(cell_id.encode()).digest(), cell_id) for cell_id, tool in cells)
    )
    loads = [0.0] * parts
    mine = []
    for weight, _, cell_id in weighed:
        least = min(range(parts), key=lambda number: (round(loads[number], 6), number))
        loads[least] -= weight
        if least == part - 1:
            mine.append(cell_id)
    return mine
