"""Union semantics, pure: the tree that a reader sees when layers are merged.

Rules (kernel documentation, "Upper and lower"; OCI image-spec, layer.md): a name is looked for from the top layer down; a
whiteout ends the search with "not there"; a directory merges with the directories of its name below it until it is opaque; anything
that is not a directory hides what lies below it. Markers hide lower layers only, never their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.whiteouts.encodings import Encoding, Says
from harness.whiteouts.markers import Marker, markers_of
from harness.whiteouts.readers import EVERYONE, Reader

_NEED_HOLDS = {Encoding.XATTR_TRUSTED: Encoding.HOLDS_TRUSTED, Encoding.XATTR_USER: Encoding.HOLDS_USER}


@dataclass(frozen=True)
class ReadLayer:
    """One layer as one reader takes it: who is gone, who is opaque, and which entries are no content."""

    snapshot: Snapshot
    gone: frozenset[bytes]
    opaque: frozenset[bytes]
    hidden: frozenset[bytes]


def read_layer(snapshot: Snapshot, reader: Reader, *, lower: bool) -> ReadLayer:
    """What a layer says to a reader."""
    gone: set[bytes] = set()
    opaque: set[bytes] = set()
    hidden: set[bytes] = set()
    markers = [marker for entry in snapshot for marker in markers_of(entry)]
    holds = {(marker.path, marker.encoding) for marker in markers if marker.says is Says.HOLDS}
    for marker in markers:
        if not _honoured(marker, reader, holds, lower=lower):
            continue
        if marker.says is Says.GONE:
            gone.add(marker.path)
            hidden.add(marker.at)
        elif marker.says is Says.OPAQUE:
            if marker.path or reader.opaque_root:
                opaque.add(marker.path)
            if marker.at != marker.path:
                hidden.add(marker.at)
    return ReadLayer(snapshot, frozenset(gone), frozenset(opaque), frozenset(hidden))


def _honoured(marker: Marker, reader: Reader, holds: set[tuple[bytes, Encoding]], *, lower: bool) -> bool:
    if marker.encoding not in reader.honours:
        return False
    needed = _NEED_HOLDS.get(marker.encoding)
    if needed is None:
        return True
    parent = marker.at.rpartition(b"/")[0]
    return lower and ((parent, needed) in holds or parent == b"")


def merge(layers: Sequence[Snapshot], upper: Snapshot | None = None, reader: Reader = EVERYONE) -> Snapshot:
    """The merged tree of *layers* (the lowest first) and an *upper*, as *reader* sees it.

    Private xattrs of the overlay are no content and are left out; hard links are kept where all their names are.
    """
    stack = [read_layer(snapshot, reader, lower=True) for snapshot in layers]
    if upper is not None:
        stack.append(read_layer(upper, reader, lower=False))
    stack.reverse()  # the top first
    merged: dict[bytes, Entry] = {}
    folders: list[_Part] = [(b"", stack)]
    while folders:  # a list and no recursion: a tree may be thousands of folders deep
        path, taking = folders.pop()
        folders += _merge_folder(path, taking, merged)
    return Snapshot.of(_public(entry, reader.private) for entry in merged.values())


_Part = tuple[bytes, Sequence[ReadLayer]]  # a directory, and the layers that take part in it, the top first


def _merge_folder(path: bytes, stack: Sequence[ReadLayer], merged: dict[bytes, Entry]) -> list[_Part]:
    """Merge one directory; returns the directories in it that are still to be merged."""
    top = next((found for one in stack if (found := one.snapshot.get(path)) is not None), EMPTY.entries[b""])
    merged[path] = top
    taking: list[ReadLayer] = []
    for one in stack:
        here = one.snapshot.get(path)
        if here is not None and here.kind is Kind.DIR:
            taking.append(one)
        if path in one.opaque:
            break
    names = {e.path for one in taking for e in one.snapshot.inside(path) if e.path not in one.hidden}
    return [(name, below) for name in names if (below := _merge_name(name, taking, merged))]


def _merge_name(path: bytes, stack: Sequence[ReadLayer], merged: dict[bytes, Entry]) -> list[ReadLayer]:
    """Merge one name: what is no directory is taken from its layer; for a directory, the layers that take part in it."""
    folders: list[ReadLayer] = []
    for one in stack:
        here = one.snapshot.get(path)
        if here is not None and path not in one.hidden:
            if here.kind is not Kind.DIR:
                if not folders:
                    merged[path] = here
                break
            folders.append(one)
        if path in one.gone or path in one.opaque:
            break
    return folders


def _public(entry: Entry, private: tuple[bytes, ...]) -> Entry:
    if not entry.xattrs:
        return entry
    xattrs = {k: v for k, v in entry.xattrs.items() if not k.startswith(private)}
    return msgspec.structs.replace(entry, xattrs=xattrs)
