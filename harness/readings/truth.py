"""The truth table: each encoding alone, in each place where readers were seen to differ, as layers that are read by everybody. Pure.

What is measured here is what ``harness.whiteouts.readers`` states from documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import msgspec

from harness.readings.given import Given
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.whiteouts.encodings import ENCODINGS, OPAQUE_NAME, WH, Encoding
from harness.whiteouts.union import merge

E = Encoding
GONE = (E.DEVICE, E.FILE, E.XATTR_TRUSTED, E.XATTR_USER)
OPAQUE = (E.OPAQUE_TRUSTED, E.OPAQUE_USER, E.OPAQUE_FUSE, E.OPAQUE_FILE)
_HOLDS = {E.XATTR_TRUSTED: E.HOLDS_TRUSTED, E.XATTR_USER: E.HOLDS_USER}
# Where a deletion stands, by name: how people say it, the deleted path, and what the layer has besides.
_GONE_AT = {
    "file": ("a file in a directory", b"d/f"),
    "folder": ("a directory in a directory", b"d/sub"),
    "root": ("a name at the root", b"e"),
    "middle": ("in a middle layer", b"d/f"),
    "unmarked": ("in a directory that is not marked for it", b"d/f"),
}
_OPAQUE_AT = {
    "folder": ("a directory", b"d"),
    "below": ("a directory in a merged one", b"d/sub"),
    "root": ("the root of the layer", b""),
    "middle": ("in a middle layer", b"d"),
}


@dataclass(frozen=True)
class Case:
    """One row: an encoding at a place. ``also``: the opaque form of the directory that a deletion stands in."""

    encoding: Encoding
    at: str
    also: Encoding | None = None

    @property
    def name(self) -> str:
        """``device at file``, ``device in opaque-user``: the same from night to night."""
        return f"{self.encoding} in {self.also}" if self.also else f"{self.encoding} at {self.at}"

    @property
    def where(self) -> str:
        """As people say it."""
        if self.also:
            return f"in a directory that is opaque by {ENCODINGS[self.also].badge}"
        return (_GONE_AT if self.encoding in GONE else _OPAQUE_AT)[self.at][0]


def cases() -> Iterator[Case]:
    """Every row, in its order."""
    for encoding, at in product(GONE, _GONE_AT):
        if at != "unmarked" or encoding in _HOLDS:
            yield Case(encoding, at)
    for encoding, at in product(OPAQUE, _OPAQUE_AT):
        yield Case(encoding, at)
    for encoding, also in product((E.DEVICE, E.FILE), OPAQUE):
        yield Case(encoding, "opaque", also)


def names() -> list[str]:
    """What signs of defects may call scenarios."""
    return [case.name for case in cases()]


def given_of(case: Case) -> Given:
    """The layers of a row, and what they mean."""
    marked = {b"": _folder(b""), b"d": _folder(b"d"), b"d/new": _file(b"d/new", b"new\n")}
    if case.also:
        _make_opaque(marked, b"d", case.also)
    if case.encoding in GONE:
        _delete(marked, _GONE_AT.get(case.at, ("", b"d/f"))[1], case.encoding, holds=case.at != "unmarked")
    else:
        path = _OPAQUE_AT[case.at][1]
        if path:
            marked.setdefault(path, _folder(path))
        _make_opaque(marked, path, case.encoding)
    layers = [_BASE, Snapshot.of(marked.values())]
    if case.at == "middle":
        layers.append(_TOP)
    return Given(case.name, tuple(map(tar_of, layers)), _meaning(case, layers))


def _meaning(case: Case, layers: Sequence[Snapshot]) -> Snapshot:
    """What the layers mean; a file whose directory does not say that it holds xattr whiteouts is a file, to who follows the documents."""
    meant = merge(layers)
    if case.at != "unmarked":
        return meant
    return Snapshot.of(msgspec.structs.replace(entry, xattrs={}) for entry in meant)


def _file(path: bytes, text: bytes = b"") -> Entry:
    return Entry(path, Kind.FILE, 0o644, size=len(text), digest=hashlib.sha256(text).hexdigest(), text=text)


def _folder(path: bytes) -> Entry:
    return Entry(path, Kind.DIR, 0o755)


_BASE = Snapshot.of(
    [
        _folder(b""), _folder(b"d"), _file(b"d/f", b"f\n"), _file(b"d/keep", b"keep\n"), _folder(b"d/sub"),
        _file(b"d/sub/g", b"g\n"), _file(b"e", b"e\n"),
    ]
)  # fmt: skip
_TOP = Snapshot.of([_folder(b""), _folder(b"d"), _file(b"d/top", b"top\n")])


def _with(entry: Entry, encoding: Encoding, value: bytes) -> Entry:
    return msgspec.structs.replace(entry, xattrs={**entry.xattrs, ENCODINGS[encoding].xattr: value})


def _delete(tree: dict[bytes, Entry], path: bytes, encoding: Encoding, *, holds: bool) -> None:
    parent, _, name = path.rpartition(b"/")
    if encoding is E.DEVICE:
        tree[path] = Entry(path, Kind.CHAR, 0, device=(0, 0))
    elif encoding is E.FILE:
        at = (parent + b"/" if parent else b"") + WH + name
        tree[at] = _file(at)
    else:
        tree[path] = _with(_file(path), encoding, b"y")
        if holds:
            tree[parent] = _with(tree[parent], _HOLDS[encoding], b"x")


def _make_opaque(tree: dict[bytes, Entry], path: bytes, encoding: Encoding) -> None:
    if encoding is E.OPAQUE_FILE:
        at = path + b"/" + OPAQUE_NAME if path else OPAQUE_NAME
        tree[at] = _file(at)
    else:
        tree[path] = _with(tree[path], encoding, b"y")
