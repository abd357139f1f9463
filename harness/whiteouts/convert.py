"""Conversion between encodings. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, PRIVATE_PREFIXES, WH, Says
from harness.whiteouts.markers import beside, markers_of

_EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()


def to_oci(layer: Snapshot) -> Snapshot:
    """A layer as an OCI image has it (image-spec, layer.md): every deletion ``.wh.NAME``, every opaque mark ``.wh..wh..opq``.

    The xattrs in which other encodings stand are dropped: they mean nothing in an OCI layer.
    """
    kept: list[Entry] = []
    made: dict[bytes, Entry] = {}
    for entry in layer:
        marks = markers_of(entry)
        for mark in marks:
            if mark.says is Says.GONE:
                at = beside(mark.path, WH + mark.path.rpartition(b"/")[2])
            elif mark.says is Says.OPAQUE:
                at = mark.path + b"/" + OPAQUE_NAME if mark.path else OPAQUE_NAME
            else:
                continue
            made[at] = Entry(at, Kind.FILE, 0o644, digest=_EMPTY_DIGEST, text=b"")
        if not any(mark.says is Says.GONE or mark.at != mark.path for mark in marks):
            xattrs = {name: value for name, value in entry.xattrs.items() if not name.startswith(PRIVATE_PREFIXES)}
            kept.append(msgspec.structs.replace(entry, xattrs=xattrs))
    return Snapshot.of([*kept, *made.values()])
