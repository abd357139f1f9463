"""Who would see what of an upper."""

from __future__ import annotations

from hypothesis import given

from harness.layers.seen import READERS, seen_by_all
from harness.snapshot.model import Snapshot
from harness.whiteouts.readers import FUSE_ROOT, FUSE_USER, IMPORTER, KERNEL_ROOT, KERNEL_USERXATTR
from tests.entries import file, folder, gone, snapshots, tree

LOWER = tree([file("d/old", "old"), file("f", "f")])


def test_a_mark_that_a_reader_does_not_honour_brings_back_what_it_hides_or_is_shown() -> None:
    upper = tree([folder("d", user_fuseoverlayfs_opaque="y"), file(".wh.f")])
    seen = {one.reader: one for one in seen_by_all(upper, LOWER)}
    assert (seen[KERNEL_ROOT].back, seen[KERNEL_ROOT].marks) == ((b"d/old", b"f"), (b".wh.f",))
    assert seen[FUSE_USER].same
    assert (seen[IMPORTER].back, seen[IMPORTER].marks) == ((b"d/old",), ())


def test_what_everybody_honours_is_the_same_to_all_but_who_takes_no_devices() -> None:
    upper = tree([gone("f")])
    assert [one.reader for one in seen_by_all(upper, LOWER) if not one.same] == [IMPORTER]
    marked = tree([folder("d", trusted_overlay_opaque="y")])
    assert {one.reader for one in seen_by_all(marked, LOWER) if one.same} == {KERNEL_ROOT, FUSE_ROOT}
    assert {one.reader for one in seen_by_all(tree([folder("d", user_overlay_opaque="y")]), LOWER) if one.same} == {
        KERNEL_USERXATTR, FUSE_ROOT, FUSE_USER,
    }  # fmt: skip


@given(snapshots(), snapshots())
def test_without_marks_all_see_the_same(lower: Snapshot, upper: Snapshot) -> None:
    assert [one.reader for one in seen_by_all(upper, lower) if one.same] == list(READERS)


@given(snapshots(), snapshots(marked=True))
def test_what_differs_is_told_once(lower: Snapshot, upper: Snapshot) -> None:
    for one in seen_by_all(upper, lower):
        every = [*one.back, *one.marks, *one.lost]
        assert len(every) == len(set(every))
