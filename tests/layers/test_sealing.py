"""A sealed layer says what its upper says, to each reader that it is for, and says it once."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import UsageError
from harness.layers.sealing import Sealed, _is_users_own, seal
from harness.layers.targets import TARGETS
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.whiteouts.encodings import PRIVATE_PREFIXES, Encoding, Says
from harness.whiteouts.markers import find_markers
from harness.whiteouts.readers import EVERYONE, FUSE_ROOT, FUSE_USER, IMPORTER, KERNEL_ROOT, KERNEL_USERXATTR
from harness.whiteouts.union import merge
from tests.entries import file, folder, gone, snapshots, tree

READERS = {
    "oci": (IMPORTER,),
    "kernel": (KERNEL_ROOT,),
    "userxattr": (KERNEL_USERXATTR,),
    "fuse": (FUSE_ROOT, FUSE_USER),
    "all": (KERNEL_ROOT, KERNEL_USERXATTR, FUSE_ROOT, FUSE_USER),
}
LOWER = tree([file("d/old", "old"), file("d/sub/deep"), file("f", "f"), file("g/h/i", "i")])
FOUNDING = tree([folder("d/new", trusted_overlay_opaque="y"), gone("d/new/.wh..opq"), file("d/new/.wh..wh..opq")])


def literal(upper: Snapshot) -> Snapshot:
    """An upper in which somebody's own ``.wh.`` names mark nothing."""
    return Snapshot.of(replace(entry, literal=True) if _is_users_own(entry) else entry for entry in upper)


def sealed(upper: Snapshot, below: Snapshot | None, name: str) -> Sealed:
    """The layer; what cannot be kept is for other tests."""
    with contextlib.suppress(UsageError):
        return seal(upper, below, TARGETS[name])
    return reject()


def shown(layers: list[Snapshot], reader: object = EVERYONE) -> dict[bytes, Entry]:
    """The merged tree, without what a sealed mark is to tell a user's own name by, and without the marks of others.

    A layer for all carries each reader's xattr, and the kernel shows those that are not its own: to its users they are xattrs like others.
    """
    merged = merge(layers, reader=reader)  # type: ignore[arg-type]
    return {path: replace(entry, literal=False, xattrs=_own(entry)) for path, entry in merged.entries.items()}


def _own(entry: Entry) -> dict[bytes, bytes]:
    return {name: value for name, value in entry.xattrs.items() if not name.startswith(PRIVATE_PREFIXES)}


@given(snapshots(), snapshots(marked=True), st.sampled_from(sorted(TARGETS)), st.booleans())
@example(LOWER, FOUNDING, "oci", True)
@example(tree([file("a/b")]), tree([folder("a", trusted_overlay_opaque="y"), gone("a/b")]), "oci", False)
@example(tree([file("a/b")]), tree([file("a/.wh.b"), folder("a/b")]), "kernel", True)
def test_every_reader_sees_the_same_tree(lower: Snapshot, upper: Snapshot, name: str, known: bool) -> None:
    wanted = shown([lower, literal(upper)])
    layer = sealed(upper, lower if known else None, name)
    for reader in READERS[name]:
        assert shown([lower, layer.entries], reader) == wanted, (reader.name, layer)


@given(snapshots(), snapshots(marked=True), st.sampled_from(sorted(TARGETS)))
def test_nothing_is_said_twice_or_for_nothing(lower: Snapshot, upper: Snapshot, name: str) -> None:
    layer = sealed(upper, lower, name)
    target = TARGETS[name]
    markers = [one for one in find_markers(layer.entries) if not one.path.rpartition(b"/")[2].startswith(b".wh.")]
    said = [(one.path, one.says) for one in markers if one.encoding not in target.opaque[1:]]
    assert len(said) == len(set(said))
    for one in markers:
        if one.at in layer.made or one.encoding is not Encoding.FILE:
            assert one.encoding in {target.deletion, *target.opaque}
        if one.says is Says.GONE and one.at in layer.made:
            assert one.path in lower
            assert one.path not in layer.entries or target.deletion is Encoding.DEVICE
    wanted = shown([lower, layer.entries])
    for one in markers:  # without it the tree would be another one
        if one.says is Says.GONE and one.at in layer.made:
            less = Snapshot.of(entry for entry in layer.entries if entry.path != one.at)
            assert shown([lower, less]) != wanted, one


@given(snapshots(), snapshots(marked=True), st.sampled_from(sorted(TARGETS)))
def test_a_sealed_layer_sealed_again_is_itself(lower: Snapshot, upper: Snapshot, name: str) -> None:
    once = sealed(upper, lower, name)
    again = sealed(once.entries, lower, name)
    assert again.entries == once.entries
    assert not [one for one in again.dropped if "root" not in one.why]


@given(snapshots(), snapshots(marked=True), st.sampled_from(sorted(TARGETS)), st.sampled_from(sorted(TARGETS)))
def test_encodings_go_round(lower: Snapshot, upper: Snapshot, first: str, second: str) -> None:
    there = sealed(upper, lower, first)
    back = sealed(sealed(there.entries, lower, second).entries, lower, first)
    assert shown([lower, literal(back.entries)]) == shown([lower, literal(there.entries)])


def test_the_founding_upper_is_one_plain_directory_once_it_is_known_that_nothing_lies_below() -> None:
    layer = seal(FOUNDING, LOWER, TARGETS["oci"])
    assert [entry.path for entry in layer.entries] == [b"", b"d", b"d/new"]
    assert {(one.at, one.why.partition(",")[0]) for one in layer.dropped} == {
        ("d/new", "it is opaque"),
        ("d/new/.wh..opq", "it deletes a mark's own name"),
    }


def test_and_has_one_mark_where_that_is_not_known() -> None:
    layer = seal(FOUNDING, None, TARGETS["oci"])
    assert [entry.path for entry in layer.entries] == [b"", b"d", b"d/new", b"d/new/.wh..wh..opq"]
    kernel = seal(FOUNDING, None, TARGETS["all"])
    assert kernel.entries.entries[b"d/new"].xattrs == {
        b"trusted.overlay.opaque": b"y", b"user.overlay.opaque": b"y", b"user.fuseoverlayfs.opaque": b"y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "name", "words"),
    [
        (file(".wh.mine", "not empty"), "oci", "somebody's own"),
        (folder(".wh.mine"), "all", "somebody's own"),
        (file("m", "", xattrs={b"trusted.overlay.metacopy": b""}), "kernel", "its content or its place is in a layer below"),
        (folder("r", **{"user.overlay.redirect": "/x"}), "oci", "its content or its place is in a layer below"),
        (folder("n", **{"trusted.overlay.overlay.opaque": "y"}), "oci", "an overlay in the overlay"),
        (Entry(b"u", Kind.UNKNOWN), "oci", "could not be read"),
        (gone(b"n" * 253), "oci", "a name has 255 at most"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_an_error_with_its_place(entry: Entry, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        seal(tree([entry]), None, TARGETS[name])
    assert caught.value.where
    assert caught.value.remedy


def test_to_whom_a_name_is_a_name_it_stays() -> None:
    layer = seal(
        tree([file(".wh.mine", "not empty"), folder("n", **{"trusted.overlay.overlay.opaque": "y"})]),
        None,
        TARGETS["kernel"],
    )
    assert {b".wh.mine", b"n"} < set(layer.entries.entries)
    assert layer.entries.entries[b"n"].xattrs == {b"trusted.overlay.overlay.opaque": b"y"}


def test_an_opaque_root_is_said_name_by_name_where_no_reader_looks_for_its_mark() -> None:
    upper = tree([folder("", trusted_overlay_opaque="y"), file("d/new"), file("n")])
    layer = seal(upper, LOWER, TARGETS["kernel"])
    entries = layer.entries.entries
    assert entries[b""].xattrs == {}
    assert entries[b"d"].xattrs == {b"trusted.overlay.opaque": b"y"}
    assert [path for path, entry in entries.items() if entry.is_whiteout_device] == [b"f", b"g"]
    with pytest.raises(UsageError, match="name by name"):
        seal(upper, None, TARGETS["kernel"])
    assert b".wh..wh..opq" in seal(upper, None, TARGETS["oci"]).entries


def test_records_and_sockets_are_left_out_and_it_is_said() -> None:
    upper = tree([file(".wh..wh.aufs"), Entry(b"s", Kind.SOCKET, 0o755), folder("o", trusted_overlay_origin="x")])
    layer = seal(upper, EMPTY, TARGETS["oci"])
    assert set(layer.entries.entries) == {b"", b"o"}
    assert [one.at for one in layer.dropped] == [".wh..wh.aufs", "s"]


def test_hard_links_stay_linked_among_those_that_are_left() -> None:
    linked = [file(name, "x", same_as=b"a", links=3) for name in ("a", "b", "c")]
    layer = seal(tree([*linked, gone("z")]), None, TARGETS["oci"])
    assert [layer.entries.entries[name].same_as for name in (b"a", b"b", b"c")] == [b"a"] * 3
    whiteouts = [replace(gone(name), same_as=b"x", links=2) for name in ("x", "y")]
    entries = seal(tree(whiteouts), None, TARGETS["kernel"]).entries.entries
    assert [entries[name].same_as for name in (b"x", b"y")] == [None, None]


def test_of_names_that_share_an_inode_one_that_is_left_alone_is_linked_to_nothing() -> None:
    first = b".wh..wh.aufs"
    upper = tree([file(first, same_as=first, links=2), file("x", same_as=first, links=2)])
    left = next(one for one in seal(upper, None, TARGETS["oci"]).entries if one.path)
    assert (left.path, left.same_as, left.links) == (b"x", None, 1)


def test_a_users_own_name_that_is_deleted_stays_deleted_where_that_can_be_said() -> None:
    lower, upper = tree([file(".wh.mine", "somebody's")]), tree([gone(".wh.mine")])
    layer = seal(upper, lower, TARGETS["kernel"])
    assert layer.entries.entries[b".wh.mine"].is_whiteout_device
    with pytest.raises(UsageError, match="is deleted, and somebody's own"):
        seal(upper, lower, TARGETS["oci"])
    for known in (None, EMPTY):  # it may be a mark of a mark, and hides nothing
        assert [one.at for one in seal(upper, known, TARGETS["oci"]).dropped] == [".wh.mine"]


def test_a_name_that_is_deleted_and_there_is_told_unless_it_is_a_directory_that_is_opaque_so() -> None:
    upper = tree([file(".wh.f"), file("f"), file(".wh.d"), folder("d")])
    layer = seal(upper, LOWER, TARGETS["oci"])
    assert [(one.at, one.why.partition(":")[0]) for one in layer.dropped] == [("f", "it is deleted, and there")]
    assert b"d/.wh.old" in layer.entries


def test_for_importers_what_a_directory_hides_is_named_where_it_is_known() -> None:
    """The specification prefers it (layer.md), and an importer that knows no opaque mark reads it too: go-containerregistry#1897."""
    lower = tree([folder("d"), file("d/old"), file("d/both"), folder("d/sub"), file("d/sub/deep"), folder("d/gone")])
    upper = tree([folder("d", trusted_overlay_opaque="y"), file("d/both", "new"), folder("d/sub"), file("d/sub/new")])
    named = seal(upper, lower, TARGETS["oci"])
    assert named.made == {b"d/.wh.old", b"d/.wh.gone", b"d/sub/.wh.deep"}
    assert merge([lower, named.entries], reader=IMPORTER).entries.keys() == merge([lower, upper]).entries.keys()
    assert seal(upper, None, TARGETS["oci"]).made == {b"d/.wh..wh..opq"}
    assert seal(upper, lower, TARGETS["fuse"]).made == {b"d/.wh..wh..opq"}


def test_what_cannot_be_named_is_hidden_by_an_opaque_mark() -> None:
    upper = tree([folder("d", trusted_overlay_opaque="y")])
    for name in ("d/" + "n" * 252, "d/.wh.own"):
        lower = tree([folder("d"), file("d/old"), file(name, "own", literal=True)])
        assert seal(upper, lower, TARGETS["oci"]).made == {b"d/.wh..wh..opq"}
