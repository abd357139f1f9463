"""Noise: what differs from run to run, or between tools, without meaning anything. A named list, and the function that drops it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from harness.names import escape
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import NOISE_XATTRS
from harness.whiteouts.markers import is_marker_entry


@dataclass(frozen=True)
class Noise:
    """One thing that is not compared. ``recorded``: it lies in the snapshot and is dropped; otherwise it is never taken."""

    what: str
    why: str
    recorded: bool = True


NOISE: tuple[Noise, ...] = (
    Noise("times", "every run has its own", recorded=False),
    Noise("inode and device numbers of files", "every file system gives its own", recorded=False),
    Noise("sizes and link counts of directories", "they depend on the file system below", recorded=False),
    Noise(
        "link count and hard-link group of a whiteout",
        "the kernel may link its whiteouts together, and nobody reads it",
    ),
    Noise("mode of a whiteout or of an opaque file", "0000 or 0700, by tool and version; no reader looks at it"),
    Noise(
        "xattrs " + ", ".join(escape(name) for name in sorted(NOISE_XATTRS)),
        "bookkeeping of the tool that wrote them; they mark nothing",
    ),
)


def normalise(snapshot: Snapshot) -> Snapshot:
    """The snapshot without its noise; what is left is compared. Doing it twice changes nothing."""
    return Snapshot.of(
        (_normalised(entry) for entry in snapshot),
        listed=snapshot.listed,
        unseen=snapshot.unseen,
    )


def _normalised(entry: Entry) -> Entry:
    if not NOISE_XATTRS.isdisjoint(entry.xattrs):
        xattrs = {name: value for name, value in entry.xattrs.items() if name not in NOISE_XATTRS}
        entry = msgspec.structs.replace(entry, xattrs=xattrs)
    if is_marker_entry(entry):
        return msgspec.structs.replace(entry, mode=0, links=1, same_as=None)
    if entry.kind is Kind.DIR and (entry.size or entry.links != 1):
        return msgspec.structs.replace(entry, size=0, links=1)
    return entry
