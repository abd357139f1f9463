"""Markers: every statement ("this name is gone", "this directory is opaque") that lies in a snapshot, with its encoding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import AUFS_OWN, OPAQUE_NAME, WH, Encoding, Says

_OPAQUE_XATTRS = {
    b"trusted.overlay.opaque": (Encoding.OPAQUE_TRUSTED, Encoding.HOLDS_TRUSTED),
    b"user.overlay.opaque": (Encoding.OPAQUE_USER, Encoding.HOLDS_USER),
    b"user.fuseoverlayfs.opaque": (Encoding.OPAQUE_FUSE, Encoding.OPAQUE_FUSE),
}
_WHITEOUT_XATTRS = {
    b"trusted.overlay.whiteout": Encoding.XATTR_TRUSTED,
    b"user.overlay.whiteout": Encoding.XATTR_USER,
}


@dataclass(frozen=True, order=True)
class Marker:
    """One statement. ``path`` is what it speaks of (the deleted name, or the directory); ``at`` is the entry that makes it."""

    path: bytes
    at: bytes
    encoding: Encoding
    says: Says


def beside(entry: bytes, name: bytes) -> bytes:
    """A sibling's path: ``beside(b"a/.wh.f", b"f")`` is ``a/f``."""
    parent = entry.rpartition(b"/")[0]
    return parent + b"/" + name if parent else name


def markers_of(entry: Entry) -> list[Marker]:
    """The statements that one entry makes, whoever honours them."""
    found: list[Marker] = []
    if not entry.xattrs and WH not in entry.path and entry.kind is not Kind.CHAR:
        return found  # nearly every entry of a large tree
    if entry.is_whiteout_device:
        found.append(Marker(entry.path, entry.path, Encoding.DEVICE, Says.GONE))
    elif entry.kind is Kind.FILE:
        found.extend(_of_file(entry))
    elif entry.kind is Kind.DIR:
        for xattr, (opaque, holds) in _OPAQUE_XATTRS.items():
            value = entry.xattrs.get(xattr)
            if value == b"y":
                found.append(Marker(entry.path, entry.path, opaque, Says.OPAQUE))
            elif value == b"x" and holds is not opaque:
                found.append(Marker(entry.path, entry.path, holds, Says.HOLDS))
    return found


def _of_file(entry: Entry) -> Iterable[Marker]:
    name = entry.name
    if entry.literal:
        pass
    elif name == OPAQUE_NAME:
        yield Marker(entry.parent, entry.path, Encoding.OPAQUE_FILE, Says.OPAQUE)
    elif name.startswith(WH) and name != WH and name not in AUFS_OWN:
        yield Marker(beside(entry.path, name[len(WH) :]), entry.path, Encoding.FILE, Says.GONE)
    if entry.size == 0:
        for xattr, encoding in _WHITEOUT_XATTRS.items():
            if xattr in entry.xattrs:
                yield Marker(entry.path, entry.path, encoding, Says.GONE)


def find_markers(snapshot: Snapshot) -> list[Marker]:
    """Every marker of a snapshot, ordered by what it speaks of."""
    return sorted(marker for entry in snapshot for marker in markers_of(entry))


def is_marker_entry(entry: Entry) -> bool:
    """Whether an entry is there only to mark (a directory with an xattr is not)."""
    return any(m.says is Says.GONE or m.encoding is Encoding.OPAQUE_FILE for m in markers_of(entry))
