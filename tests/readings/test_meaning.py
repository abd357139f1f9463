"""What layers mean: the sentences of the specification by examples, and where nothing is open, the union that the project knows."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.readings.applied import Reading
from harness.readings.archives import archive
from harness.readings.meaning import Meaning, meaning
from harness.readings.points import REFUSE, Point
from harness.scenario.archive import ArchiveLayer, Member, as_member
from harness.snapshot.model import Snapshot
from harness.snapshot.tar import entries_of_tar
from harness.whiteouts.readers import IMPORTER
from harness.whiteouts.union import merge
from tests.readings.layered import layer, parents_first, plain_layers


def names(reading: Reading) -> list[str]:
    return [entry.path.decode() + "/" * (entry.kind == "dir") for entry in reading.tree if entry.path]


def trees(computed: Meaning) -> list[list[str]]:
    return [names(one) for one in computed.readings]


def text(path: str, content: str) -> Member:
    return Member(path, text=content)


def link(path: str, target: str) -> Member:
    return Member(path, hardlink=target)


def symlink(path: str, target: str) -> Member:
    return Member(path, symlink=target)


def _bare(tree: Snapshot) -> list[object]:
    return [replace(entry, same_as=None, links=1) for entry in tree]


def _tar(one: ArchiveLayer) -> Snapshot:
    return Snapshot.of([*merge([]), *entries_of_tar(io.BytesIO(archive(one)), "it")])


@given(st.lists(plain_layers(), min_size=1, max_size=3))
@example([layer("x"), layer(".wh.x", "x")])
def test_where_nothing_is_open_it_is_the_union_of_the_layers(layers: Sequence[ArchiveLayer]) -> None:
    computed = meaning(layers)
    assert (computed.points, computed.refusal, len(computed.readings)) == ((), "", 1)
    assert _bare(computed.readings[0].tree) == _bare(merge([_tar(one) for one in layers], reader=IMPORTER))


@given(plain_layers(), plain_layers(), st.data())
def test_the_order_of_siblings_and_whiteouts_says_nothing(
    lower: ArchiveLayer, one: ArchiveLayer, data: st.DataObject
) -> None:
    members = [as_member(member) for member in one.members]
    other = replace(one, members=parents_first(data.draw(st.permutations(members))))
    assert meaning([lower, one]) == meaning([lower, other])


@given(plain_layers(), plain_layers())
def test_a_layer_applied_twice_changes_nothing(lower: ArchiveLayer, one: ArchiveLayer) -> None:
    assert meaning([lower, one]) == meaning([lower, one, one])


LOWER = layer("d/", text("d/x", "old\n"), "d/y", symlink("l", "d"), text("f", "file\n"))
KEPT = ["d/", "d/x", "d/y", "f", "l"]


@pytest.mark.parametrize(
    ("upper", "readings", "refused", "points"),
    [
        (layer("d/", "d/.wh.x"), [["d/", "d/y", "f", "l"]], "", []),
        (layer(".wh.d"), [["f", "l"]], "", []),
        (layer(".wh..wh..opq"), [[]], "", []),
        (layer("d/", "d/.wh..wh..opq", "d/n"), [["d/", "d/n", "f", "l"]], "", []),
        (layer("d"), [["d", "f", "l"]], "", []),
        (layer("f/"), [["d/", "d/x", "d/y", "f/", "l"]], "", []),
        (layer("l/"), [["d/", "d/x", "d/y", "f", "l/"]], "", []),
        (layer("l/", "l/.wh.x"), [["d/", "d/x", "d/y", "f", "l/"]], "", []),
        (layer("l/.wh.x"), [["d/", "d/y", "f", "l"], KEPT, ["d/", "d/x", "d/y", "f", "l/"]], "a whiteout is followed",
         [Point.MARKER_BELOW_LINK]),
        (layer("l/n"), [["d/", "d/n", "d/x", "d/y", "f", "l"], ["d/", "d/x", "d/y", "f", "l/", "l/n"]],
         "an entry is followed", [Point.LINK_ABOVE]),
        (layer("f/n"), [["d/", "d/x", "d/y", "f/", "f/n", "l"]], "below a file", [Point.FILE_ABOVE]),
        (layer("f/.wh.n"), [KEPT, ["d/", "d/x", "d/y", "f/", "l"]], "below a file", [Point.MARKER_BELOW_FILE]),
        (layer("n/.wh.x"), [KEPT, ["d/", "d/x", "d/y", "f", "l", "n/"]], "", [Point.MARKER_PARENT]),
        (layer("n/m/.wh.x"), [KEPT, ["d/", "d/x", "d/y", "f", "l", "n/", "n/m/"]], "", [Point.MARKER_PARENT]),
        (layer("d/.wh."), [], "without a base name", []),
        (layer("d/", "d/.wh.."), [KEPT], "base name of no path", [Point.DOTS]),
        (layer(".wh.d/"), [["f", "l"], KEPT], "empty regular file", [Point.MARKER]),
        (layer(".wh.d/n"), [["f", "l"], KEPT], "empty regular file", [Point.MARKER]),
        (layer(text(".wh.f", "x")), [["d/", "d/x", "d/y", "l"], KEPT], "empty regular file", [Point.MARKER]),
        (layer(link(".wh.f", "f")), [["d/", "d/x", "d/y", "l"], KEPT], "empty regular file", [Point.MARKER]),
        (layer("d/", "/d/.wh.x"), [["d/", "d/y", "f", "l"]], "absolute", [Point.ABSOLUTE]),
        (layer("d/", "../d/.wh.x"), [["d/", "d/y", "f", "l"]], "'..'", [Point.DOTDOT]),
        (layer("f", "./f"), [KEPT], "twice", [Point.REPEATED]),
        (layer(link("n", "none")), [], "nowhere", []),
        (layer(link("n", "d")), [], "to a directory", []),
        (layer("e/", link("n", "e")), [], "to a directory", []),
        (layer(link("n", "m"), link("m", "n")), [], "a tar is unpacked", [Point.LINK_BEFORE]),
        (layer("./.wh.f", link("n", ".wh.f")), [["d/", "d/x", "d/y", "l", "n"]], "content is", [Point.LINK_TO_MARKER]),
        (layer("a", "."), [], "root of a tree", []),
        (layer(Member("n", char=(1, 3))), [[*KEPT, "n"], KEPT], "supported", [Point.DEVICE]),
        (layer(Member("f", char=(0, 0))), [KEPT, ["d/", "d/x", "d/y", "l"]], "supported", [Point.DEVICE]),
        (layer("n", ends=False), [[*KEPT, "n"]], "without the two blocks", [Point.NO_END]),
        (layer(text("n", "x"), names="records"), [[*KEPT, "n"]], "", []),
        (layer("\\xc3\\xa9", names="records"), [[*KEPT, "é"]], "", []),
        (layer(Member("n", text="x", size=1 << 20)), [], "no tar", []),
    ],
)  # fmt: skip
def test_what_a_layer_makes_of_another(
    upper: ArchiveLayer, readings: list[list[str]], refused: str, points: list[Point]
) -> None:
    computed = meaning([LOWER, upper])
    assert trees(computed) == readings
    assert all(word in computed.refusal for word in refused.split(" is "))
    assert bool(computed.refusal) is bool(refused)
    assert list(computed.points) == points


def at(layers: Sequence[ArchiveLayer], path: bytes, number: int = 0) -> object:
    return meaning(layers).readings[number].tree.entries[path]


def test_a_directory_that_stands_again_is_replaced_in_its_attributes_alone() -> None:
    red = Member("d/", mode="0700", xattrs={"user.colour": "red"})
    entry = at([layer(red, "d/x"), layer(Member("d/", mode="0711", owner=(1, 2)))], b"d")
    assert (entry.mode, entry.uid, entry.gid, entry.xattrs) == (0o711, 1, 2, {})  # type: ignore[attr-defined]
    root = at([layer(Member("./", mode="0700")), layer("x")], b"")
    assert root.mode == 0o700  # type: ignore[attr-defined]


def test_directories_that_nothing_made_are_told() -> None:
    (one,) = meaning([layer("a/b/c")]).readings
    assert one.unsaid == {b"a", b"a/b"}
    (one,) = meaning([layer("a/b/c"), layer("a/b/")]).readings
    assert one.unsaid == {b"a"}
    (one,) = meaning([layer("a/b/c", "a/")]).readings
    assert one.unsaid == {b"a/b"}


@pytest.mark.parametrize("member", ["d/n", "d/.wh.x", "d/.wh..wh..opq", "d/e/n", "d/e/.wh.n"])
def test_a_lower_directory_that_is_only_passed_keeps_its_attributes_or_not(member: str) -> None:
    lower = layer(Member("d/", mode="0700", owner=(1, 2)), "d/e/", "d/x")
    kept, anew = meaning([lower, layer("d/e/", member)]).readings
    assert (kept.tree.entries[b"d"].mode, kept.tree.entries[b"d"].uid, kept.unsaid) == (0o700, 1, frozenset())
    assert (anew.tree.entries[b"d"].mode, anew.unsaid) == (0o755, frozenset({b"d"}))
    assert kept.tree.entries.keys() == anew.tree.entries.keys()
    (said,) = meaning([lower, layer("d/e/", member, Member("d/", mode="0711"))]).readings
    assert (said.tree.entries[b"d"].mode, said.unsaid) == (0o711, frozenset())


def test_what_its_own_layer_or_nobody_made_is_passed_without_a_question() -> None:
    assert meaning([layer("d/x"), layer("d/y")]).points == ()
    assert meaning([layer("d/", "d/x", "d/y")]).points == ()
    assert meaning([layer("d/"), layer(".wh.d", "d/y")]).points == ()


def test_names_of_one_file_are_one_group_until_one_of_them_is_replaced() -> None:
    group = layer(text("b", "x"), link("a", "b"), link("c", "a"))
    for path in (b"a", b"b", b"c"):
        entry = at([group], path)
        assert (entry.same_as, entry.links, entry.text) == (b"a", 3, b"x")  # type: ignore[attr-defined]
    entry = at([group, layer("a")], b"c")
    assert (entry.same_as, entry.links) == (b"b", 2)  # type: ignore[attr-defined]


def test_a_link_to_a_lower_name_is_linked_or_copied_also_where_that_is_deleted() -> None:
    lower = layer(text("a", "x"))
    linked = meaning([lower, layer(link("b", "a"))])
    assert [one.tree.entries[b"b"].same_as for one in linked.readings] == [b"a", None]
    (deleted,) = meaning([lower, layer(".wh.a", link("b", "a"))]).readings
    assert (names(deleted), deleted.tree.entries[b"b"].text) == (["b"], b"x")


def test_a_link_before_its_target_shares_it() -> None:
    (one,) = meaning([layer(link("a", "b"), text("b", "x"))]).readings
    assert (one.tree.entries[b"a"].same_as, one.tree.entries[b"b"].links) == (b"a", 2)


@pytest.mark.parametrize(
    ("target", "lands"),
    [("d", "d/n"), ("./d/../d/", "d/n"), ("/d", "d/n"), ("../../d", "d/n"), ("m", "d/n"), ("d/none", "d/none/n"), ("/", "n")],
)  # fmt: skip
def test_a_symbolic_link_that_is_followed_stays_inside(target: str, lands: str) -> None:
    lower = layer("d/", "d/x", symlink("m", "d"), symlink("l", target))
    computed = meaning([lower, layer(text("l/n", "new"))])
    assert computed.readings[0].tree.entries[lands.encode()].text == b"new"


def test_a_symbolic_link_begins_at_the_root_or_in_its_own_directory() -> None:
    lower = layer("d/", "d/d/", symlink("d/whole", "/d"), symlink("d/own", "d"))
    (whole, *_) = meaning([lower, layer("d/whole/n")]).readings
    (own, *_) = meaning([lower, layer("d/own/n")]).readings
    assert (b"d/n" in whole.tree, b"d/d/n" in own.tree) == (True, True)


def test_symbolic_links_without_an_end_are_refused_or_replaced() -> None:
    loop = layer(symlink("a", "b"), symlink("b", "a"))
    assert trees(meaning([loop, layer("a/n")])) == [["a/", "a/n", "b"]]
    assert trees(meaning([loop, layer("a/.wh.n")])) == [["a", "b"], ["a/", "b"]]


@pytest.mark.parametrize("private", ["trusted.overlay.opaque", "user.overlay.origin", "user.fuseoverlayfs.opaque"])
def test_marks_of_overlays_are_xattrs_and_hide_nothing(private: str) -> None:
    upper = layer(Member("d/", xattrs={private: "y", "user.a": "b"}))
    computed = meaning([LOWER, upper])
    kept = [set(one.tree.entries[b"d"].xattrs) for one in computed.readings]
    assert kept == [{private.encode(), b"user.a"}, {b"user.a"}]
    assert trees(computed) == [KEPT, KEPT]


def test_xattrs_of_libarchive_are_kept_or_left_out() -> None:
    computed = meaning([layer(Member("f", xattrs={"user.a": "b"}), "g", xattrs="libarchive")])
    assert [one.tree.entries[b"f"].xattrs for one in computed.readings] == [{b"user.a": b"b"}, {}]
    assert meaning([layer("g", xattrs="libarchive")]).points == ()


def test_each_answer_is_tried_with_each_other() -> None:
    computed = meaning([LOWER, layer("n/.wh.x", text(".wh.f", "x"))])
    assert set(computed.points) == {Point.MARKER_PARENT, Point.MARKER}
    assert len(computed.readings) == 4


@pytest.mark.parametrize("point", list(Point))
def test_a_point_is_open_because_there_are_answers(point: Point) -> None:
    assert len(set(point.answers)) == len(point.answers) >= 2
    assert point.why
    assert not point.why.endswith(".")
    assert set(point.answers) - {REFUSE}
