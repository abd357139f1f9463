"""Conversion between encodings. Pure."""

from __future__ import annotations

import hashlib

import msgspec

from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, PRIVATE_PREFIXES, WH
from harness.whiteouts.markers import beside
from harness.whiteouts.readers import EVERYONE
from harness.whiteouts.union import read_layer

_EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()


def to_oci(layer: Snapshot) -> Snapshot:
    """A layer as an OCI image has it (image-spec, layer.md): every deletion ``.wh.NAME``, every opaque mark ``.wh..wh..opq``.

    The xattrs in which other encodings stand are dropped: they mean nothing in an OCI layer.
    """
    read = read_layer(layer, EVERYONE, lower=True)
    marks = [beside(path, WH + path.rpartition(b"/")[2]) for path in read.gone]
    marks += [path + b"/" + OPAQUE_NAME if path else OPAQUE_NAME for path in read.opaque]
    entries = [_without_marks(entry) for entry in layer if entry.path not in read.hidden]
    return Snapshot.of([*entries, *(Entry(at, Kind.FILE, 0o644, digest=_EMPTY_DIGEST, text=b"") for at in marks)])


def _without_marks(entry: Entry) -> Entry:
    xattrs = {name: value for name, value in entry.xattrs.items() if not name.startswith(PRIVATE_PREFIXES)}
    return msgspec.structs.replace(entry, xattrs=xattrs)
