from __future__ import annotations

import pytest
from hypothesis import given

from harness.snapshot.model import EMPTY, Entry, Snapshot
from harness.whiteouts.markers import markers_of
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
from tests.judge.evidence import file, folder, gone, tree
from tests.trees import snapshots


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
