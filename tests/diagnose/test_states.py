"""What changed below an overlay from one state of the disk to the next, in words."""

from __future__ import annotations

import pytest

from harness.diagnose.states import changed
from harness.snapshot.model import Entry, Kind, Snapshot


def below(*entries: Entry, work: tuple[Entry, ...] = ()) -> dict[str, Snapshot]:
    return {"upper": Snapshot.of(entries), "work": Snapshot.of(work)}


def folder(path: str, **xattrs: bytes) -> Entry:
    return Entry(path.encode(), Kind.DIR, 0o755, xattrs={f"trusted.overlay.{k}".encode(): v for k, v in xattrs.items()})


def file(path: str, size: int = 2, mode: int = 0o644) -> Entry:
    return Entry(path.encode(), Kind.FILE, mode, size=size, digest=str(size))


def gone(path: str) -> Entry:
    return Entry(path.encode(), Kind.CHAR, 0o600, device=(0, 0))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (below(), below(), ""),
        (below(), below(folder("d", opaque=b"y"), file("d/f")), "upper/d made: dir, trusted.overlay.opaque=y"),
        (below(folder("d"), file("d/f")), below(), "upper/d removed"),
        (below(file("a")), below(gone("a")), "upper/a: file is whiteout now"),
        (below(file("a")), below(file("a", 9, 0o600)), "upper/a: 2 → 9 bytes, mode 0644 → 0600"),
        (below(folder("d", origin=b"\0\xfb" * 9)), below(folder("d")), "upper/d: trusted.overlay.origin removed"),
        (below(folder("d")), below(folder("d", origin=b"\0\xfb" * 9)), "upper/d: trusted.overlay.origin"),
        # by rename(2), with all that is below
        (below(work=(folder("#1"), file("#1/f"))), below(folder("d"), file("d/f")), "work/#1 → upper/d"),
        # by RENAME_EXCHANGE: a directory for a whiteout; and where it became opaque besides
        (below(folder("d"), work=(gone("#1"),)), below(gone("d"), work=(folder("#1"),)), "upper/d ↔ work/#1"),
        (
            below(folder("d", impure=b"y"), file("d/f"), work=(folder("#1"),)),
            below(folder("d", opaque=b"y"), work=(folder("#1", impure=b"y"), file("#1/f"))),
            "upper/d ↔ work/#1; upper/d: trusted.overlay.opaque=y",
        ),
        (
            below(),
            below(file("a\x1b"), file("b"), file("c"), file("d")),
            "upper/a\\x1b made: file; upper/b made: file; upper/c made: file and 1 more",
        ),
    ],
)  # fmt: skip
def test_what_changed(before: dict[str, Snapshot], after: dict[str, Snapshot], words: str) -> None:
    assert changed(before, after) == words
