"""How a packer's layer is judged: by itself, and by the tree that it makes; one statement in other words is no finding."""

from __future__ import annotations

import pytest
from hypothesis import given as given_some
from hypothesis import strategies as st

from harness.layers.sealing import seal
from harness.layers.targets import TARGETS
from harness.places import PUSHED, SEALED
from harness.readings.given import Given
from harness.readings.packed import judge_packed
from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.whiteouts.union import merge
from tests.entries import file, folder, gone, tree

LOWER = tree([folder("d"), file("d/x", "x"), file("d/y", "y"), file("f", "f"), file("keep", "k")])
OPAQUE = folder("d", trusted_overlay_opaque="y")
FOUNDING = (folder("new", trusted_overlay_opaque="y"), gone("new/.wh..opq"), file("new/.wh..wh..opq"))


def given(*upper: Entry, lower: Snapshot = LOWER) -> Given:
    top = tree(upper)
    return Given("some", (tar_of(lower), tar_of(top)), merge([lower], top))


def found(upper: list[Entry], packed: list[Entry], form: str = "tar", lower: Snapshot = LOWER) -> list[tuple[str, str]]:
    return [(one.code, one.path) for one in judge_packed(given(*upper, lower=lower), packed, form)]


@pytest.mark.parametrize(
    "packed",
    [
        [folder("d"), file("d/.wh..wh..opq"), file("d/z", "z")],
        [file("d/.wh.x"), file("d/.wh.y"), file("d/z", "z")],  # as containerd says it, without an entry for d
        [folder("d"), file("d/.wh..wh..opq"), file("d/.wh.x"), file("d/.wh.y"), file("d/z", "z")],
    ],
)
def test_an_opaque_mark_may_be_said_in_other_words(packed: list[Entry]) -> None:
    assert found([OPAQUE, file("d/z", "z")], packed) == []


def test_a_whiteout_of_what_is_not_there_may_be_left_away() -> None:
    assert found([gone("f"), gone("nothing")], [file(".wh.f")]) == []


def test_a_mark_is_lost_where_what_it_hid_is_back() -> None:
    assert found([OPAQUE, gone("f")], [folder("d"), file("d/.wh.x")]) == [("WL302", "d"), ("WL302", "f")]
    (lost,) = judge_packed(given(gone("f")), [], "tar")
    assert lost.message == "the image says that f is gone; the OCI tar layer says nothing of it"


def test_a_mark_that_readers_do_not_honour_is_told_with_how_it_looks() -> None:
    one, other = judge_packed(given(gone("f")), [file(".wh.f")], "squashfs")
    assert "carries .wh. file alone, which readers of such a layer do not honour" in one.message
    assert other.message == ".wh.f is in the tree that the squashfs layer makes, and must not be"


def test_a_mark_that_the_packer_adds_is_told_where_it_hides_something() -> None:
    assert found([file("a")], [file("a"), file(".wh.keep")]) == [("WL302", "keep")]
    assert found([file("a")], [file("a"), file(".wh.nothing")]) == []


def test_the_founding_upper_stands_twice_in_a_tar_and_shows_its_file_in_a_squashfs() -> None:
    twice = [folder("new"), file("new/.wh..wh..opq"), file("new/.wh..wh..opq")]
    assert found([*FOUNDING], twice) == [("WL301", "new/.wh..wh..opq")]
    assert found([*FOUNDING], [*FOUNDING], "squashfs") == [("WL308", "new/.wh..wh..opq")]
    assert found([*FOUNDING], [*FOUNDING]) == [("WL107", "new"), ("WL306", "new/.wh..opq")]


def test_what_else_is_another_tree_is_told_entry_by_entry() -> None:
    linked = [file("a", "a", same_as=b"a", links=2), file("b", "a", same_as=b"a", links=2)]
    apart = [file("a", "a"), file("b", "a")]
    assert found(linked, apart) == [("WL308", "a"), ("WL308", "b")]
    assert found([file("a", xattrs={b"user.own": b"v"})], [file("a")]) == [("WL308", "a")]
    assert found([file("a", "a")], []) == [("WL308", "a")]
    assert found([], [folder("more"), file("more/a")]) == [("WL308", "more")], "the topmost alone"


def test_a_lower_that_is_hidden_without_a_mark_is_told_as_absent() -> None:
    assert found([], [file("d", "a file in its place")]) == [
        ("WL308", "d"),
        ("WL308", "d/x"),
        ("WL308", "d/y"),
    ]


def test_the_place_says_who_packed() -> None:
    upper = given(gone("f"))
    assert {one.place for one in judge_packed(upper, [], "tar")} == {PUSHED}
    assert {one.place for one in judge_packed(upper, [], "squashfs")} == {SEALED}
    assert {one.place for one in judge_packed(upper, [], "tar", by="bsdtar")} == {"pushed@bsdtar"}


@given_some(
    st.lists(
        st.sampled_from(
            [OPAQUE, file("d/z", "z"), gone("d/x"), gone("f"), gone("nothing"), file(".wh.keep"), file("a", "1")]
        ),
        unique_by=lambda one: one.path,
    ),
    st.sampled_from([("oci", "tar"), ("kernel", "squashfs")]),
)
def test_what_seal_makes_of_an_upper_has_no_finding(upper: list[Entry], made: tuple[str, str]) -> None:
    target, form = made
    layer = seal(tree(upper), LOWER, TARGETS[target])
    assert found(upper, list(layer.entries), form) == []
