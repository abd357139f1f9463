"""Entries and trees, made of a few words: the one factory of all tests. Paths, texts and values may be text or bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hypothesis import strategies as st

from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, WH

ROOT = Entry(b"", Kind.DIR, 0o755)
FEW = (b"a", b"b", b"c")
HOSTILE = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."} and not name.startswith(WH)
)
_NO_XATTRS: dict[bytes, bytes] = {}
_MARKS = [_NO_XATTRS, _NO_XATTRS] + [
    {name: value}
    for name in (b"trusted.overlay.opaque", b"user.overlay.opaque", b"user.fuseoverlayfs.opaque")
    for value in (b"y", b"x")
]
_DELETIONS = [_NO_XATTRS, {b"trusted.overlay.whiteout": b"y"}, {b"user.overlay.whiteout": b"y"}]


def _raw(words: str | bytes) -> bytes:
    return words.encode() if isinstance(words, str) else words


def folder(path: str | bytes, **xattrs: str | bytes) -> Entry:
    """A directory; ``trusted_overlay_opaque="y"`` is the xattr ``trusted.overlay.opaque``."""
    named = {key.replace("_", ".").encode(): _raw(value) for key, value in xattrs.items()}
    return Entry(_raw(path), Kind.DIR, 0o755, xattrs=named)


def file(path: str | bytes, text: str | bytes = "", mode: int = 0o644, **changes: object) -> Entry:
    """A regular file with its text and that text's digest; *changes*: further fields of the entry, or other values of these."""
    raw = _raw(text)
    fields: dict[str, object] = {"size": len(raw), "digest": hashlib.sha256(raw).hexdigest(), "text": raw} | changes
    return Entry(_raw(path), Kind.FILE, mode, **fields)  # type: ignore[arg-type]


def gone(path: str | bytes, mode: int = 0) -> Entry:
    """A whiteout as the kernel writes it: a character device 0:0."""
    return Entry(_raw(path), Kind.CHAR, mode, device=(0, 0))


def tree(entries: Iterable[Entry], listed: Iterable[str | bytes] | None = None) -> Snapshot:
    """A snapshot with its root and the directories on the way."""
    given = {entry.path: entry for entry in entries}
    for path in list(given):
        parent = path.rpartition(b"/")[0]
        while parent and parent not in given:
            given[parent] = folder(parent)
            parent = parent.rpartition(b"/")[0]
    given.setdefault(b"", ROOT)
    return Snapshot.of(given.values(), listed=None if listed is None else [_raw(name) for name in listed])


def _paths(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(names, min_size=1, max_size=3).map(b"/".join)


@st.composite
def snapshots(
    draw: st.DrawFn,
    names: st.SearchStrategy[bytes] | None = None,
    *,
    devices: bool = False,
    modes: bool = False,
    marked: bool = False,
) -> Snapshot:
    """A tree of directories, files, links and FIFOs, every parent a directory. Few names by default, so that layers meet.

    *devices*: whiteouts too; *marked*: markers in every encoding, right places and wrong ones.
    """
    entries: dict[bytes, Entry] = {b"": ROOT}
    kinds = [Kind.FILE, Kind.LINK, Kind.FIFO, Kind.DIR] + ([Kind.CHAR] if devices or marked else [])
    taken = (
        names if names is not None else st.sampled_from((*FEW, WH + b"a", WH + b"b", OPAQUE_NAME) if marked else FEW)
    )
    for path in draw(st.lists(_paths(taken), max_size=8)):
        parents = [path[:index] for index, byte in enumerate(path) if byte == ord("/")]
        if path in entries or any(parent in entries and entries[parent].kind is not Kind.DIR for parent in parents):
            continue
        for parent in parents:
            entries.setdefault(parent, _entry(draw, parent, Kind.DIR, modes=False, marked=marked))
        entries[path] = _entry(draw, path, draw(st.sampled_from(kinds)), modes=modes, marked=marked)
    return Snapshot.of(entries.values())


def _entry(draw: st.DrawFn, path: bytes, kind: Kind, *, modes: bool, marked: bool) -> Entry:
    mode = draw(st.sampled_from([0o644, 0o600, 0o444, 0o000, 0o4755])) if modes else 0o644
    if kind is Kind.DIR:
        xattrs = draw(st.sampled_from(_MARKS)) if marked else {}
        mode = draw(st.sampled_from([0o755, 0o700, 0o1777, 0o2755])) if modes else 0o755
        return Entry(path, Kind.DIR, mode, xattrs=xattrs)
    if kind is Kind.LINK:
        target = draw(st.binary(min_size=1, max_size=20).filter(lambda text: b"\0" not in text))
        return Entry(path, Kind.LINK, 0o777, target=target)
    if kind is Kind.CHAR:
        return gone(path)
    if kind is Kind.FIFO:
        return Entry(path, Kind.FIFO, mode)
    if marked:
        xattrs = draw(st.sampled_from(_DELETIONS))
        return file(path, draw(st.sampled_from([b"", b"", b"text"])), xattrs=xattrs)
    return file(path, draw(st.binary(max_size=30).filter(lambda text: b"\0" not in text)), mode)
