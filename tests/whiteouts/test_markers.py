from __future__ import annotations

import pytest
from hypothesis import given

from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import ENCODINGS, Encoding, Says
from harness.whiteouts.markers import beside, find_markers, is_marker_entry, markers_of
from tests.entries import file, folder, gone, snapshots, tree


def _one(entry: Entry) -> tuple[Encoding, bytes]:
    (marker,) = markers_of(entry)
    return marker.encoding, marker.path


@pytest.mark.parametrize(
    ("entry", "encoding", "speaks_of"),
    [
        (gone("d/f"), Encoding.DEVICE, b"d/f"),
        (file("d/.wh.f"), Encoding.FILE, b"d/f"),
        (file(".wh.f"), Encoding.FILE, b"f"),
        (file("d/.wh..wh..opq"), Encoding.OPAQUE_FILE, b"d"),
        (file(".wh..wh..opq"), Encoding.OPAQUE_FILE, b""),
        (folder("d", trusted_overlay_opaque="y"), Encoding.OPAQUE_TRUSTED, b"d"),
        (folder("d", user_overlay_opaque="y"), Encoding.OPAQUE_USER, b"d"),
        (folder("d", user_fuseoverlayfs_opaque="y"), Encoding.OPAQUE_FUSE, b"d"),
        (folder("d", trusted_overlay_opaque="x"), Encoding.HOLDS_TRUSTED, b"d"),
        (folder("d", user_overlay_opaque="x"), Encoding.HOLDS_USER, b"d"),
        (file("f", xattrs={b"trusted.overlay.whiteout": b""}), Encoding.XATTR_TRUSTED, b"f"),
        (file("f", xattrs={b"user.overlay.whiteout": b"y"}), Encoding.XATTR_USER, b"f"),
    ],
)
def test_every_encoding_is_read(entry: Entry, encoding: Encoding, speaks_of: bytes) -> None:
    assert _one(entry) == (encoding, speaks_of)


@pytest.mark.parametrize(
    "entry",
    [
        file("f"),
        file(".wh."),  # invalid: image-spec, layer.md
        file(".wh..wh.aufs"),
        file(".wh..wh.plnk"),
        folder(".wh.d"),
        Entry(b"f", Kind.CHAR, 0o666, device=(1, 3)),
        Entry(b"f", Kind.BLOCK, 0, device=(0, 0)),
        folder("d", trusted_overlay_opaque="n"),
        folder("d", user_fuseoverlayfs_opaque="x"),
        file("f", "not empty", xattrs={b"trusted.overlay.whiteout": b""}),
        file("f", xattrs={b"trusted.overlay.opaque": b"y"}),
    ],
)
def test_what_only_looks_like_a_marker(entry: Entry) -> None:
    assert markers_of(entry) == []


def test_a_directory_may_be_marked_in_several_encodings() -> None:
    both = folder("d", trusted_overlay_opaque="y", user_overlay_opaque="x")
    assert {marker.encoding for marker in markers_of(both)} == {Encoding.OPAQUE_TRUSTED, Encoding.HOLDS_USER}


def test_only_entries_that_are_there_to_mark_are_marker_entries() -> None:
    assert is_marker_entry(gone("f"))
    assert is_marker_entry(file("d/.wh..wh..opq"))
    assert not is_marker_entry(folder("d", trusted_overlay_opaque="y"))
    assert not is_marker_entry(file("f"))


def test_every_encoding_has_its_row() -> None:
    assert set(ENCODINGS) == set(Encoding)
    assert all(row.sentence and row.badge and row.written_by and row.read_by for row in ENCODINGS.values())


def test_a_sibling_stays_in_its_directory() -> None:
    assert beside(b"a/.wh.f", b"f") == b"a/f"
    assert beside(b".wh.f", b"f") == b"f"


@given(snapshots(devices=True))
def test_every_device_is_one_whiteout_and_nothing_else_is(snapshot: Snapshot) -> None:
    devices = [entry.path for entry in snapshot if entry.is_whiteout_device]
    assert [marker.path for marker in find_markers(snapshot)] == sorted(devices)
    assert all(marker.says is Says.GONE for marker in find_markers(tree(snapshot)))
