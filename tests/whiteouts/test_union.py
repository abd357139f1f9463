"""What a reader sees of merged layers: the rules by examples, and all of it against the slow meaning, written down a second time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.whiteouts.encodings import WH, Encoding, Says
from harness.whiteouts.markers import Marker, markers_of
from harness.whiteouts.readers import (
    EVERYONE,
    FUSE_ROOT,
    FUSE_USER,
    KERNEL_NOUSERXATTR,
    KERNEL_ROOT,
    KERNEL_USERXATTR,
    Reader,
)
from harness.whiteouts.union import merge
from tests.entries import file, folder, gone, snapshots, tree


def names(snapshot: Snapshot) -> list[str]:
    return [entry.path.decode() for entry in snapshot if entry.path]


@given(snapshots())
def test_an_empty_upper_changes_nothing(lower: Snapshot) -> None:
    assert dict(merge([lower], EMPTY).entries) == dict(lower.entries)
    assert dict(merge([lower]).entries) == dict(lower.entries)


@given(snapshots(), snapshots())
def test_the_upper_always_wins(lower: Snapshot, upper: Snapshot) -> None:
    merged = merge([lower], upper)
    assert all(merged.entries[entry.path] == entry for entry in upper)


@given(snapshots(), snapshots(), snapshots())
def test_merging_layer_by_layer_is_merging_all_when_nothing_is_deleted(
    one: Snapshot, two: Snapshot, three: Snapshot
) -> None:
    assert dict(merge([merge([one, two]), three]).entries) == dict(merge([one, two, three]).entries)


@given(snapshots(), snapshots(devices=True))
def test_what_is_whited_out_is_gone_with_all_that_lies_below(lower: Snapshot, upper: Snapshot) -> None:
    merged = merge([lower], upper)
    for entry in upper:
        if entry.is_whiteout_device:
            assert entry.path not in merged
            assert not list(merged.below(entry.path))


@given(snapshots(devices=True), snapshots(devices=True), snapshots(devices=True))
def test_a_merged_tree_is_a_tree_without_markers(one: Snapshot, two: Snapshot, upper: Snapshot) -> None:
    merged = merge([one, two], upper)
    for entry in merged:
        assert not markers_of(entry)
        if entry.path:
            assert merged.entries[entry.parent].kind == "dir"


@given(snapshots(), snapshots())
def test_under_an_opaque_root_the_upper_is_all_there_is(lower: Snapshot, upper: Snapshot) -> None:
    marked = Snapshot.of([*upper, folder("", trusted_overlay_opaque="y")])
    assert dict(merge([lower], marked).entries) == dict(upper.entries)


_NEEDED = {
    Encoding.XATTR_TRUSTED: Encoding.HOLDS_TRUSTED,
    Encoding.XATTR_USER: Encoding.HOLDS_USER,
}


class Slow:
    """A layer that is asked anew for each name, by looking through all of it: how ``merge`` was once written, and what it still means."""

    def __init__(self, snapshot: Snapshot, reader: Reader, *, lower: bool) -> None:
        self.snapshot, self.reader, self.lower = snapshot, reader, lower

    def _heeded(self) -> Iterator[Marker]:
        for entry in self.snapshot:
            for marker in markers_of(entry):
                if marker.encoding in self.reader.honours and self._holds(marker):
                    yield marker

    def _holds(self, marker: Marker) -> bool:
        """An xattr whiteout holds in a lower layer's directory that says so, and in any lower root."""
        needed = _NEEDED.get(marker.encoding)
        parent = self.snapshot.entries[marker.at].parent
        held = {m.encoding for m in markers_of(self.snapshot.entries[parent]) if m.says is Says.HOLDS}
        return needed is None or (self.lower and (parent == b"" or needed in held))

    def gone(self, path: bytes) -> bool:
        return any(marker.says is Says.GONE and marker.path == path for marker in self._heeded())

    def opaque(self, path: bytes) -> bool:
        if path == b"" and not self.reader.opaque_root:
            return False
        return any(marker.says is Says.OPAQUE and marker.path == path for marker in self._heeded())

    def shows(self, path: bytes) -> bool:
        """Whether an entry is content: not one that is there only to mark."""
        marks = (m for m in self._heeded() if m.says is Says.GONE or (m.says is Says.OPAQUE and m.at != m.path))
        return path in self.snapshot and all(marker.at != path for marker in marks)

    def children(self, path: bytes) -> list[bytes]:
        return [entry.path for entry in self.snapshot if entry.path and entry.parent == path]


def slow_merge(  # noqa: C901 - as it was first written
    layers: Sequence[Snapshot], upper: Snapshot | None, reader: Reader
) -> dict[bytes, Entry]:
    stack = [Slow(one, reader, lower=True) for one in layers]
    stack += [Slow(upper, reader, lower=False)] if upper is not None else []
    merged: dict[bytes, Entry] = {}

    def folder_of(path: bytes, taking: list[Slow]) -> None:
        merged[path] = public(taking[0].snapshot.entries[path], reader)
        open_to: list[Slow] = []
        for one in taking:
            open_to.append(one)
            if one.opaque(path):
                break
        for name in sorted({name for one in open_to for name in one.children(path) if one.shows(name)}):
            name_of(name, open_to)

    def name_of(path: bytes, taking: list[Slow]) -> None:
        folders: list[Slow] = []
        for one in taking:
            if one.shows(path):
                if one.snapshot.entries[path].kind is not Kind.DIR:
                    if not folders:
                        merged[path] = public(one.snapshot.entries[path], reader)
                    break
                folders.append(one)
            if one.gone(path) or one.opaque(path):
                break
        if folders:
            folder_of(path, folders)

    folder_of(b"", stack[::-1])
    return merged


def public(entry: Entry, reader: Reader) -> Entry:
    return replace(entry, xattrs={k: v for k, v in entry.xattrs.items() if not k.startswith(reader.private)})


READERS = (EVERYONE, FUSE_ROOT, FUSE_USER, KERNEL_NOUSERXATTR, KERNEL_ROOT, KERNEL_USERXATTR)
MARKED = snapshots(marked=True)


_WHITE = file("f", xattrs={b"trusted.overlay.whiteout": b"y"})


@given(st.lists(MARKED, min_size=1, max_size=3), st.none() | MARKED, st.sampled_from(READERS))
@example(
    [tree([folder("d"), file("d/old")]), tree([folder("d", user_overlay_opaque="y"), gone("d/old")])], None, EVERYONE
)
@example([tree([file("f")])], tree([_WHITE]), KERNEL_ROOT)
@example([tree([file("f")]), tree([_WHITE])], None, KERNEL_ROOT)
def test_a_merge_is_what_looking_through_everything_for_each_name_gives(
    layers: list[Snapshot], upper: Snapshot | None, reader: Reader
) -> None:
    assert dict(merge(layers, upper, reader).entries) == slow_merge(layers, upper, reader)


@given(MARKED)
def test_what_marks_nothing_is_told_by_its_name_and_xattrs_alone(snapshot: Snapshot) -> None:
    """The short way past nearly every entry of a tree leaves none out."""
    for entry in snapshot:
        if markers_of(entry):
            assert entry.xattrs or WH in entry.path or entry.is_whiteout_device


LOWER = tree([folder("d"), file("d/old", "old"), folder("d/sub"), file("d/sub/deep"), file("f", "f")])


@pytest.mark.parametrize(
    ("upper", "left"),
    [
        ([gone("f")], ["d", "d/old", "d/sub", "d/sub/deep"]),
        ([file(".wh.f")], ["d", "d/old", "d/sub", "d/sub/deep"]),
        ([gone("d")], ["f"]),
        ([folder("d", trusted_overlay_opaque="y")], ["d", "f"]),
        ([folder("d"), file("d/.wh..wh..opq"), file("d/new")], ["d", "d/new", "f"]),
        ([folder("d"), gone("d/sub")], ["d", "d/old", "f"]),
        ([file("d", "now a file")], ["d", "f"]),
        (
            [file(".wh.f"), file("f", "new")],
            ["d", "d/old", "d/sub", "d/sub/deep", "f"],
        ),  # a whiteout hides lower layers only
        ([folder("d"), file("d/.wh.f")], ["d", "d/old", "d/sub", "d/sub/deep", "f"]),  # and in its own directory only
    ],
)
def test_what_is_left(upper: list[Entry], left: list[str]) -> None:
    assert names(merge([LOWER], tree(upper))) == left


def test_a_whiteout_in_the_middle_hides_what_lies_below_from_what_lies_above() -> None:
    top = tree([folder("d"), folder("d/sub")])
    assert names(merge([LOWER, tree([gone("d")]), top])) == ["d", "d/sub", "f"]


def test_an_opaque_directory_in_the_middle_keeps_its_own_content() -> None:
    middle = tree([folder("d", user_overlay_opaque="y"), file("d/keep")])
    assert names(merge([LOWER, middle], tree([folder("d"), file("d/new")]))) == ["d", "d/keep", "d/new", "f"]


def test_an_xattr_whiteout_needs_a_marked_directory_and_a_lower_layer() -> None:
    white = file("d/old", xattrs={b"trusted.overlay.whiteout": b"y"})
    marked = tree([folder("d", trusted_overlay_opaque="x"), white])
    assert "d/old" not in names(merge([LOWER, marked]))
    assert "d/old" in names(merge([LOWER, tree([folder("d"), white])]))
    assert "d/old" in names(merge([LOWER], marked))
    at_the_root = tree([file("f", xattrs={b"trusted.overlay.whiteout": b"y"})])
    assert "f" not in names(merge([LOWER, at_the_root]))


def test_private_xattrs_are_no_content() -> None:
    own = folder("d", user_overlay_origin="x", user_fuseoverlayfs_origin="x", user_mine="1")
    assert merge([tree([own])]).entries[b"d"].xattrs == {b"user.mine": b"1"}


@pytest.mark.parametrize(
    ("reader", "honours"),
    [
        (EVERYONE, {"c", "wh", "t", "u", "f", "opq"}),
        (KERNEL_ROOT, {"c", "t"}),
        (KERNEL_USERXATTR, {"c", "u"}),
        (KERNEL_NOUSERXATTR, {"c"}),
        (FUSE_ROOT, {"c", "wh", "t", "u", "f", "opq"}),
        (FUSE_USER, {"c", "wh", "u", "f", "opq"}),
    ],
)
def test_each_reader_honours_its_own_encodings_alone(reader: Reader, honours: set[str]) -> None:
    marks = {
        "c": [gone("n")],
        "wh": [file(".wh.n")],
        "t": [folder("n", trusted_overlay_opaque="y")],
        "u": [folder("n", user_overlay_opaque="y")],
        "f": [folder("n", user_fuseoverlayfs_opaque="y")],
        "opq": [folder("n"), file("n/.wh..wh..opq")],
    }
    lower = tree([folder("n"), file("n/old")])
    assert {key for key, upper in marks.items() if b"n/old" not in merge([lower], tree(upper), reader)} == honours
