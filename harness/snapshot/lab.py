"""Where the tree under test lies in an image: the folder ``lab``. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from harness.snapshot.model import Entry, Kind, Snapshot

LAB = b"lab"
_PREFIX = LAB + b"/"


def below_lab(entries: Iterable[Entry]) -> Snapshot:
    """The tree under test: what lies below ``lab`` of an image or a layer, which need not have it."""
    inside = (named_in_lab(entry) for entry in entries if entry.path == LAB or entry.path.startswith(_PREFIX))
    return Snapshot.of([Entry(b"", Kind.DIR, 0o755), *inside])


def named_in_lab(entry: Entry) -> Entry:
    """An entry of an image with its path as the scenario says it; what lies beside ``lab`` keeps its name behind ``..``."""
    same = _in_lab(entry.same_as) if entry.same_as is not None else None
    return msgspec.structs.replace(entry, path=_in_lab(entry.path), same_as=same)


def _in_lab(path: bytes) -> bytes:
    if path == LAB:
        return b""
    return path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else b"../" + path
