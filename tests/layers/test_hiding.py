"""What each mark hides: counted by the sorted names, and the same as walking them all."""

from __future__ import annotations

from hypothesis import given

from harness.layers.hiding import FEW, Hides, hidden_by
from harness.snapshot.model import Snapshot, ancestors
from harness.whiteouts.encodings import Encoding, Says
from harness.whiteouts.markers import find_markers, is_marker_entry
from tests.entries import file, folder, gone, snapshots, tree

LOWER = tree([file("d/x"), file("d/sub/a"), file("d/sub/b"), file("d-side"), file("f"), file("e/1"), file("e-")])


def hides(*upper: object, below: Snapshot = LOWER) -> dict[str, Hides]:
    top = tree(upper)  # type: ignore[arg-type]
    return {one.at.decode(): what for one, what in hidden_by(find_markers(top), top, below).items()}


def test_a_whiteout_hides_its_name_and_all_that_lies_below_it() -> None:
    assert hides(gone("f"), gone("d"), gone("nothing")) == {
        "f": Hides(1, (b"f",)),
        "d": Hides(5, (b"d",)),
        "nothing": Hides(),
    }


def test_an_opaque_mark_hides_what_the_upper_does_not_have_itself() -> None:
    assert hides(folder("d", trusted_overlay_opaque="y")) == {"d": Hides(4, (b"d/sub", b"d/x"))}
    assert hides(folder("d", trusted_overlay_opaque="y"), file("d/x"), folder("d/sub")) == {
        "d": Hides(2, (b"d/sub/a", b"d/sub/b"))
    }
    assert hides(folder("d"), file("d/.wh..wh..opq"), gone("d/x"))["d/.wh..wh..opq"].count == 4, (
        "a mark replaces nothing"
    )


def test_at_the_root_everything_is_hidden() -> None:
    assert hides(file(".wh..wh..opq")) == {".wh..wh..opq": Hides(10, (b"d", b"d-side", b"e"))}


def test_a_neighbour_whose_name_sorts_between_a_folder_and_what_is_in_it_is_named_once() -> None:
    below = tree([file("r/e/1"), file("r/e-"), file("r/e.x"), file("r/z")])
    assert hides(folder("r", user_overlay_opaque="y"), below=below) == {"r": Hides(5, (b"r/e", b"r/e-", b"r/e.x"))}
    below = tree([file("r/e/1"), file("r/e-"), file("r/z")])
    assert hides(folder("r", user_overlay_opaque="y"), below=below) == {"r": Hides(4, (b"r/e", b"r/e-", b"r/z"))}


def test_what_only_holds_hides_nothing_and_is_not_told() -> None:
    assert hides(folder("d", trusted_overlay_opaque="x")) == {}


@given(snapshots(), snapshots(marked=True))
def test_it_is_what_a_walk_over_all_names_finds(lower: Snapshot, upper: Snapshot) -> None:
    markers = find_markers(upper)
    found = hidden_by(markers, upper, lower)
    assert set(found) == {one for one in markers if one.says is not Says.HOLDS}
    for one, what in found.items():
        kept = {path for path in upper.entries if not is_marker_entry(upper.entries[path])}
        at = {one.path} if one.says is Says.GONE else set()
        every = [p for p in lower.entries if p and p not in kept and (p in at or one.path in ancestors(p))]
        top = [path for path in every if not any(above in every for above in ancestors(path))]
        assert what == Hides(len(every), tuple(top[:FEW])), one
        assert one.encoding in Encoding
