"""Trees for Hypothesis: few names, so that layers meet; and names of any byte."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

from harness.snapshot.model import Entry, Kind, Snapshot

ROOT = Entry(b"", Kind.DIR, 0o755)
FEW = (b"a", b"b", b"c")
HOSTILE = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."} and not name.startswith(b".wh.")
)
LONGEST = st.just(b"\xff" * 255)


def text_file(path: bytes, text: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, mode, size=len(text), digest=hashlib.sha256(text).hexdigest(), text=text)


def _paths(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(names, min_size=1, max_size=3).map(b"/".join)


@st.composite
def snapshots(
    draw: st.DrawFn, names: st.SearchStrategy[bytes] | None = None, *, devices: bool = False, modes: bool = False
) -> Snapshot:
    """A tree of directories, files, links and FIFOs (and whiteouts, when *devices*), every parent a directory."""
    entries: dict[bytes, Entry] = {b"": ROOT}
    kinds = [Kind.FILE, Kind.LINK, Kind.FIFO, Kind.DIR] + ([Kind.CHAR] if devices else [])
    for path in draw(st.lists(_paths(names if names is not None else st.sampled_from(FEW)), max_size=8)):
        parents = [path[:index] for index, byte in enumerate(path) if byte == ord("/")]
        if path in entries or any(parent in entries and entries[parent].kind is not Kind.DIR for parent in parents):
            continue
        for parent in parents:
            entries.setdefault(parent, Entry(parent, Kind.DIR, 0o755))
        entries[path] = _entry(draw, path, draw(st.sampled_from(kinds)), modes=modes)
    return Snapshot.of(entries.values())


def _entry(draw: st.DrawFn, path: bytes, kind: Kind, *, modes: bool) -> Entry:
    mode = draw(st.sampled_from([0o644, 0o600, 0o444, 0o000, 0o4755])) if modes else 0o644
    if kind is Kind.DIR:
        return Entry(path, Kind.DIR, draw(st.sampled_from([0o755, 0o700, 0o1777, 0o2755])) if modes else 0o755)
    if kind is Kind.LINK:
        target = draw(st.binary(min_size=1, max_size=20).filter(lambda text: b"\0" not in text))
        return Entry(path, Kind.LINK, 0o777, target=target)
    if kind is Kind.CHAR:
        return Entry(path, Kind.CHAR, 0, device=(0, 0))
    if kind is Kind.FIFO:
        return Entry(path, Kind.FIFO, mode)
    return text_file(path, draw(st.binary(max_size=30).filter(lambda text: b"\0" not in text)), mode)
