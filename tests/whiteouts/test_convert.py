"""A layer in OCI form says what it said before."""

from __future__ import annotations

from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.model import Node, Opaque, Whiteout
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.convert import to_oci
from harness.whiteouts.encodings import Encoding
from harness.whiteouts.markers import find_markers
from harness.whiteouts.union import merge

LOWER = layer({"d/f": "old", "d/g": "old", "e/f": "old", "x": "old"}, Profile.ROOT)
MARKED = layer(
    {
        "x": Node(whiteout=Whiteout.DEVICE),
        "d/": Node(opaque=(Opaque.HOLDS,)),
        "d/f": Node(whiteout=Whiteout.XATTR),
        "e/": Node(opaque=(Opaque.NATIVE, Opaque.FILE), xattrs={"user.own": "kept"}),
        "e/new": "new",
        "y": Node(whiteout=Whiteout.FILE),
    },
    Profile.ROOT,
)


def test_every_statement_is_an_oci_whiteout() -> None:
    made = to_oci(MARKED)
    assert {marker.encoding for marker in find_markers(made)} == {Encoding.FILE, Encoding.OPAQUE_FILE}
    assert [entry.path for entry in made] == [
        b"", b".wh.x", b".wh.y", b"d", b"d/.wh.f", b"e", b"e/.wh..wh..opq", b"e/new"
    ]  # fmt: skip


def test_the_merged_tree_is_the_same() -> None:
    def names(upper: Snapshot) -> list[bytes]:
        return [entry.path for entry in merge([LOWER, upper])]

    assert names(to_oci(MARKED)) == names(MARKED) == [b"", b"d", b"d/g", b"e", b"e/new"]


def test_only_the_overlays_own_xattrs_go() -> None:
    assert to_oci(MARKED).entries[b"e"].xattrs == {b"user.own": b"kept"}


def test_a_layer_without_markers_is_itself() -> None:
    assert to_oci(LOWER) == LOWER


def test_an_xattr_whiteout_that_nobody_honours_is_an_empty_file() -> None:
    plain = [Entry(b"", Kind.DIR, 0o755), Entry(b"d", Kind.DIR, 0o755)]
    unmarked = Entry(b"d/x", Kind.FILE, 0o644, xattrs={b"user.overlay.whiteout": b"y"})
    assert list(to_oci(Snapshot.of([*plain, unmarked]))) == [*plain, Entry(b"d/x", Kind.FILE, 0o644)]
    holds = Entry(b"d", Kind.DIR, 0o755, xattrs={b"user.overlay.opaque": b"x"})
    assert b"d/.wh.x" in to_oci(Snapshot.of([plain[0], holds, unmarked]))
