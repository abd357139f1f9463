"""Grouping: what is equal is together, what differs is apart, and noise does neither."""

from __future__ import annotations

import random
from itertools import combinations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.classes import Seen, class_rows, classify, letter, rows, tree_key, with_place
from harness.compare.describe import NOTHING, looks
from harness.compare.noise import normalise
from harness.compare.words import Column
from harness.places import UPPER
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import NOISE_XATTRS
from tests.entries import file, folder, gone, tree

_NAMES = st.sampled_from([b"a", b"b", b".wh.a", b".wh..wh..opq", b".wh..opq", b"\xff", b"<b>", b"l" * 100])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(b"/".join)
_XATTRS = st.dictionaries(
    st.sampled_from([
        b"user.overlay.opaque", b"trusted.overlay.opaque", b"user.fuseoverlayfs.opaque", b"user.overlay.whiteout",
        b"trusted.overlay.origin", b"user.note",
    ]),
    st.sampled_from([b"", b"x", b"y", b"z" * 70, b"z" * 71]),
    max_size=2,
)  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any entry that a snapshot may hold, with the fields of its kind alone."""
    path, kind = draw(_PATHS), draw(st.sampled_from(list(Kind)))
    text = draw(st.sampled_from([b"", b"\0", b"\0\0", b"old", b"o" * 60, b"p" * 60])) if kind is Kind.FILE else None
    return Entry(
        path, kind, draw(st.sampled_from([0, 0o644, 0o700, 0o755])), draw(st.sampled_from([0, 7])), 0,
        len(text or b""), draw(st.sampled_from([(0, 0), (1, 3)])) if kind in {Kind.CHAR, Kind.BLOCK} else None,
        (text or b"").hex().rjust(12, "0")[:64] + str(len(text or b"")) if kind is Kind.FILE else "", text,
        draw(st.sampled_from([b"t", b"u" * 60, b"u" * 61])) if kind is Kind.LINK else None,
        draw(st.sampled_from([None, b"a"])) if kind is Kind.FILE else None, draw(_XATTRS),
    )  # fmt: skip


snapshots = st.lists(entries(), max_size=4).map(tree)


def seen(number: int, snapshot: Snapshot) -> Seen:
    column = Column("fuse-overlayfs", "fuse-overlayfs", f"1.{number}", "root")
    return Seen(str(number), column, {UPPER: looks(normalise(snapshot))})


@given(st.lists(snapshots, max_size=6), st.randoms(use_true_random=False))
def test_classes_partition_the_cells_whatever_their_order(trees: list[Snapshot], rng: random.Random) -> None:
    cells = [seen(number, one) for number, one in enumerate(trees)]
    classes = classify(cells, tree_key(UPPER))
    assert sorted(member.id for one in classes for member in one.members) == sorted(cell.id for cell in cells)
    mixed = list(cells)
    rng.shuffle(mixed)
    again = classify(mixed, tree_key(UPPER))
    assert [[m.id for m in one.members] for one in again] == [[m.id for m in one.members] for one in classes]
    assert [one.letter for one in classes] == [letter(number) for number in range(len(classes))]


def comparable(snapshot: Snapshot) -> dict[bytes, Entry]:
    """What is left without noise, with what no look needs: the first of a group is the same file as itself."""
    drop = {"links": 1}
    out = {}
    for entry in normalise(snapshot):
        kept: dict[str, object] = dict(drop)
        if entry.same_as == entry.path:
            kept["same_as"] = None
        if entry.kind is Kind.UNKNOWN:
            kept["mode"] = 0
        out[entry.path] = msgspec.structs.replace(entry, **kept)
    return out


@given(snapshots, snapshots)
def test_equal_snapshots_are_one_class_and_different_ones_are_two(one: Snapshot, other: Snapshot) -> None:
    classes = classify([seen(0, one), seen(1, other)], tree_key(UPPER))
    assert (len(classes) == 1) == (comparable(one) == comparable(other))


@given(snapshots)
def test_normalising_twice_changes_nothing(snapshot: Snapshot) -> None:
    once = normalise(snapshot)
    assert dict(normalise(once).entries) == dict(once.entries)


def test_noise_does_not_part_what_is_equal() -> None:
    plain = tree([folder(b"d"), gone(b"d/f", 0)])
    noisy = tree(
        [
            msgspec.structs.replace(folder(b"d"), xattrs=dict.fromkeys(NOISE_XATTRS, b"\x01"), links=4),
            msgspec.structs.replace(gone(b"d/f", 0o700), links=9, same_as=b"d/e"),
        ]
    )
    assert len(classify([seen(0, plain), seen(1, noisy)], tree_key(UPPER))) == 1


def test_each_kind_of_difference_parts() -> None:
    different = [
        tree([folder(b"d")]),
        tree([folder(b"d", trusted_overlay_opaque=b"y")]),
        tree([folder(b"d", user_overlay_opaque=b"y")]),
        tree([folder(b"d", user_overlay_opaque=b"x")]),
        tree([file(b"d")]),
        tree([file(b"d", b"text")]),
        tree([gone(b"d")]),
        tree([folder(b"d"), file(b".wh.d")]),
    ]
    for one, other in combinations(different, 2):
        assert len(classify([seen(0, one), seen(1, other)], tree_key(UPPER))) == 2


def test_a_row_says_what_stands_at_a_path_in_each_class() -> None:
    classes = classify([seen(0, tree([gone(b"d/f")])), seen(1, tree([file(b"d/.wh.f")]))], tree_key(UPPER))
    by_path = {row.path: row for row in class_rows(classes, UPPER)}
    assert by_path[b"d"].equal
    assert not by_path[b"d/f"].equal
    device, by_file = by_path[b"d/f"].looks
    assert device.text == "whiteout, whiteout [c 0:0]"
    assert (by_file.word, by_file.text) == ("", "whiteout [.wh. file]")  # only a marker beside it speaks of it
    assert by_path[b"d/.wh.f"].looks[0] == NOTHING


def test_users_see_files_and_no_markers() -> None:
    view = looks(tree([file(b".wh.f"), gone(b"g")]), view=True)
    assert view[b".wh.f"].text == "file"
    assert view[b"g"].text == "char device, 0:0"
    assert b"f" not in view


def test_a_name_that_is_not_listed_looks_different() -> None:
    whole = tree([file(b"f")])
    hidden = Snapshot.of(whole, listed=[])
    assert looks(hidden)[b"f"].details[-1].text == "not listed"


def test_cells_without_a_tree_are_not_compared() -> None:
    bare = Seen("x", Column("kernel", "kernel", "6.18", "root"))
    assert with_place([bare, seen(0, tree([]))], UPPER)[0].id == "0"
    assert rows([]) == []


def test_letters_go_on_after_z() -> None:
    assert [letter(number) for number in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


def test_sizes_and_link_counts_of_directories_are_noise_and_those_of_files_are_not() -> None:
    one = Snapshot.of([Entry(b"", Kind.DIR, 0o755, size=4096, links=3), Entry(b"f", Kind.FILE, 0o644, size=1, links=2)])
    other = Snapshot.of([Entry(b"", Kind.DIR, 0o755, size=80), Entry(b"f", Kind.FILE, 0o644, size=1, links=2)])
    assert normalise(one) == normalise(other)
    assert [(entry.size, entry.links) for entry in normalise(one)] == [(0, 1), (1, 2)]
