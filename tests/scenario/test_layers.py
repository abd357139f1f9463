from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.names import escape
from harness.profile import Profile
from harness.scenario.layers import layer, native
from harness.scenario.model import Node, Opaque, Tree, Whiteout
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import Says
from harness.whiteouts.markers import find_markers
from harness.whiteouts.union import merge
from tests.entries import HOSTILE, snapshots


def one(tree: Tree, path: bytes, profile: Profile = Profile.ROOT) -> Entry:
    return layer(tree, profile).entries[path]


def as_tree(snapshot: Snapshot) -> Tree:
    """The tree of a scenario file that says a snapshot."""
    tree: Tree = {}
    for entry in snapshot:
        key = escape(entry.path) or "."
        if entry.kind is Kind.DIR:
            tree[f"{key}/" if entry.path else "."] = Node(mode=f"{entry.mode:04o}")
        elif entry.kind is Kind.LINK:
            tree[key] = Node(symlink=escape(entry.target or b""))
        elif entry.kind is Kind.FIFO:
            tree[key] = Node(fifo=True, mode=f"{entry.mode:04o}")
        else:
            tree[key] = Node(text=escape(entry.text or b""), mode=f"{entry.mode:04o}")
    return tree


@given(snapshots(HOSTILE, modes=True), st.sampled_from(list(Profile)))
def test_a_tree_that_is_written_down_is_the_same_tree(snapshot: Snapshot, profile: Profile) -> None:
    assert dict(layer(as_tree(snapshot), profile).entries) == dict(snapshot.entries)


def test_directories_on_the_way_need_not_be_named() -> None:
    assert [entry.path for entry in layer({"a/b/c": "text"}, Profile.ROOT)] == [b"", b"a", b"a/b", b"a/b/c"]


def test_a_string_is_the_text_of_a_file() -> None:
    entry = one({"f": "two\\nlines"}, b"f")
    assert (entry.kind, entry.text, entry.size, entry.mode) == (Kind.FILE, b"two\nlines", 9, 0o644)


def test_types_owners_modes_and_xattrs() -> None:
    tree: Tree = {
        "l": Node(symlink="../\\xff"),
        "c": Node(char=(1, 3), mode="0666", owner=(7, 8)),
        "b": Node(block=(7, 0)),
        "p": Node(fifo=True),
        "f": Node(text="x", xattrs={"user.k": "v\\x00"}),
        ".": Node(mode="0700"),
    }
    entries = layer(tree, Profile.ROOT).entries
    assert entries[b"l"].target == b"../\xff"
    assert (entries[b"c"].device, entries[b"c"].mode, entries[b"c"].uid, entries[b"c"].gid) == ((1, 3), 0o666, 7, 8)
    assert entries[b"b"].kind is Kind.BLOCK
    assert entries[b"p"].kind is Kind.FIFO
    assert entries[b"f"].xattrs == {b"user.k": b"v\0"}
    assert entries[b""].mode == 0o700


def test_hard_links_are_one_group_also_through_a_chain() -> None:
    entries = layer({"m": "text", "a": Node(link="z"), "z": Node(link="m")}, Profile.ROOT).entries
    assert {(entry.same_as, entry.links, entry.text) for entry in entries.values() if entry.path} == {
        (b"a", 3, b"text")
    }


def test_every_encoding_of_a_deletion_says_the_same() -> None:
    for profile in Profile:
        for form in Whiteout:
            (marker,) = find_markers(layer({"d/f": Node(whiteout=form)}, profile))
            assert (marker.path, marker.says) == (b"d/f", Says.GONE)


def test_a_literal_name_deletes_nothing() -> None:
    lower: Tree = {"f": "old", "g": "old"}
    upper: Tree = {".wh.f": Node(literal=True, text="mine"), ".wh.g": ""}
    merged = merge([layer(lower, Profile.ROOT), layer(upper, Profile.ROOT)])
    assert set(merged.entries) == {b"", b"f", b".wh.f"}


def test_every_encoding_of_an_opaque_mark_says_the_same() -> None:
    for profile in Profile:
        for form in Opaque:
            (marker,) = find_markers(layer({"d/": Node(opaque=(form,))}, profile))
            assert (marker.path, marker.says) == (b"d", Says.HOLDS if form is Opaque.HOLDS else Says.OPAQUE)


def test_native_is_what_the_kernel_reads_for_the_profile() -> None:
    assert (native(Profile.ROOT), native(Profile.USER)) == (b"trusted.", b"user.")
    marked: Tree = {"d/": Node(opaque=(Opaque.NATIVE,))}
    assert one(marked, b"d", Profile.ROOT).xattrs == {b"trusted.overlay.opaque": b"y"}
    assert one(marked, b"d", Profile.USER).xattrs == {b"user.overlay.opaque": b"y"}
    fixed: Tree = {"d/": Node(opaque=(Opaque.TRUSTED, Opaque.FUSE))}
    assert set(one(fixed, b"d", Profile.USER).xattrs) == {b"trusted.overlay.opaque", b"user.fuseoverlayfs.opaque"}


def test_an_xattr_whiteout_with_text_is_no_whiteout() -> None:
    snapshot = layer({"f": Node(whiteout=Whiteout.XATTR, text="x")}, Profile.ROOT)
    assert find_markers(snapshot) == []
    assert snapshot.entries[b"f"].xattrs == {b"trusted.overlay.whiteout": b"y"}
