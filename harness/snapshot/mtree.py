"""Snapshot export as mtree(5), with ``device=`` and ``xattr.`` keywords as libarchive writes them (values in base64)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from harness.snapshot.model import Entry, Kind, Snapshot

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!$%&()*+,-./:;<>@[]^_`{|}~?")


def vis(name: bytes) -> str:
    r"""A name as mtree wants it: what is not plain stands as ``\ooo``."""
    return "".join(chr(b) if b in _PLAIN else f"\\{b:03o}" for b in name)


def mtree(snapshot: Snapshot) -> Iterator[str]:
    """The lines of an mtree file, the root first."""
    yield "#mtree"
    for entry in snapshot:
        yield _line(entry)


def _line(entry: Entry) -> str:
    words = [f"./{vis(entry.path)}" if entry.path else "."]
    kind = "file" if entry.kind is Kind.UNKNOWN else entry.kind.value
    words += [f"type={kind}", f"mode={entry.mode:04o}", f"uid={entry.uid}", f"gid={entry.gid}"]
    if entry.kind is Kind.FILE:
        words += [f"size={entry.size}", f"sha256digest={entry.digest}"]
    if entry.device is not None:
        words.append(f"device=linux,{entry.device[0]},{entry.device[1]}")
    if entry.target is not None:
        words.append(f"link={vis(entry.target)}")
    if entry.links > 1:
        words.append(f"nlink={entry.links}")
    words += [f"xattr.{vis(k)}={base64.b64encode(v).decode().rstrip('=')}" for k, v in sorted(entry.xattrs.items())]
    if entry.kind is Kind.UNKNOWN:
        words.append("optional")
    return " ".join(words)
