"""A snapshot as mtree(5), line by line; and on disk, where it is long."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.snapshot.jsonl import read_jsonl, write_entries, write_jsonl
from harness.snapshot.lab import below_lab
from harness.snapshot.limits import TIMES, Budget
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.mtree import mtree

ROOT = Entry(b"", Kind.DIR, 0o755)


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (ROOT, ". type=dir mode=0755 uid=0 gid=0"),
        (Entry(b"a b\n\xff", Kind.FIFO, 0o600, 1, 2), "./a\\040b\\012\\377 type=fifo mode=0600 uid=1 gid=2"),
        (
            Entry(b"f", Kind.FILE, 0o4644, size=3, digest="00ff", same_as=b"f", links=2),
            "./f type=file mode=4644 uid=0 gid=0 size=3 sha256digest=00ff nlink=2",
        ),
        (Entry(b"c", Kind.CHAR, device=(1, 300)), "./c type=char mode=0000 uid=0 gid=0 device=linux,1,300"),
        (Entry(b"l", Kind.LINK, 0o777, target=b"t o"), "./l type=link mode=0777 uid=0 gid=0 link=t\\040o"),
        (
            Entry(b"d", Kind.DIR, 0o700, xattrs={b"user.b": b"y", b"trusted.a": b""}),
            "./d type=dir mode=0700 uid=0 gid=0 xattr.trusted.a= xattr.user.b=eQ",
        ),
        (Entry(b"u", Kind.UNKNOWN), "./u type=file mode=0000 uid=0 gid=0 optional"),
    ],
)
def test_a_line_says_what_an_entry_has_and_nothing_else(entry: Entry, line: str) -> None:
    lines = list(mtree(Snapshot.of({b"": ROOT, entry.path: entry}.values())))
    assert lines[0] == "#mtree"
    assert lines[-1] == line


@pytest.mark.parametrize("count", [0, 998, 999, 1000, 1999, 2500])
def test_a_long_snapshot_is_written_whole(count: int, tmp_path: Path) -> None:
    tree = Snapshot.of([ROOT, *(Entry(b"%05d" % number, Kind.FIFO) for number in range(count))])
    writes: list[bytes] = []
    write_jsonl(tree, tmp_path / "x.jsonl")
    assert read_jsonl(tmp_path / "x.jsonl") == tree
    write_entries(tree, writes.append)
    assert [chunk.count(b"\n") for chunk in writes] == [1000] * ((count + 1) // 1000) + [(count + 1) % 1000] * (
        (count + 1) % 1000 > 0
    )


def test_the_tree_under_test_is_what_lies_below_lab() -> None:
    there = [Entry(path, Kind.DIR) for path in (b"lab", b"lab/d", b"lab/d/f", b"label", b"etc", b"d/lab/x")]
    assert list(below_lab(there).entries) == [b"", b"d", b"d/f"]


def test_what_a_file_takes_on_disk_is_given_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x" * 100_000)
    each = TIMES * 512 * (tmp_path / "one").stat().st_blocks
    budget = Budget("x", content=0)
    for name in ("one", "one", "two"):
        budget.allow((tmp_path / name).stat())
    assert budget.content == 2 * each
