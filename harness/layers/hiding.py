"""What each mark of an upper hides of what lies below it: how many names, and the first few of them. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from harness.snapshot.model import Snapshot
from harness.whiteouts.encodings import Says
from harness.whiteouts.markers import Marker, is_marker_entry

FEW = 3  # names that are kept of each


@dataclass(frozen=True)
class Hides:
    """What a mark hides. ``count``: of every name; ``names``: the first few, of which none lies below another."""

    count: int = 0
    names: tuple[bytes, ...] = ()


NOTHING = Hides()


def hidden_by(markers: Iterable[Marker], upper: Snapshot, below: Snapshot) -> dict[Marker, Hides]:
    """For each mark that says something what it hides of what lies *below*, merged. What the upper has too is replaced, and not hidden.

    The names are looked up in a sorted list, so that a mark costs the same, however much lies under it.
    """
    left = [path for path in below.entries if path and not _has(upper, path)]
    return {one: _hides(one, left) for one in markers if one.says is not Says.HOLDS}


def _has(upper: Snapshot, path: bytes) -> bool:
    entry = upper.get(path)
    return entry is not None and not is_marker_entry(entry)


def _hides(marker: Marker, left: list[bytes]) -> Hides:
    first, last = _span(left, marker.path)
    at = bisect_left(left, marker.path)
    if marker.says is Says.GONE and left[at : at + 1] == [marker.path]:
        return Hides(1 + last - first, (marker.path,))
    names: list[bytes] = []
    at = first
    while at < last and len(names) < FEW:
        above = next((one for one in names if left[at].startswith(one + b"/")), None)
        if above is not None:
            at = _span(left, above)[1]
        else:
            names.append(left[at])
            at += 1
    return Hides(last - first, tuple(names))


def _span(left: list[bytes], folder: bytes) -> tuple[int, int]:
    """Where the names below a folder stand."""
    if not folder:
        return 0, len(left)
    return bisect_left(left, folder + b"/"), bisect_left(left, folder + b"0")  # "0" comes after "/"
