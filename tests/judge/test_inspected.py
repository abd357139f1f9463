"""A layer that no cell made: what is said of it is true of what was seen, and what could not be judged is named."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from harness.judge.inspected import NO_LAYERS, NO_TRUSTED, UNREAD_BELOW, Below, Judged, judge_layer
from harness.judge.rules.layer import layer_findings, when_converted
from harness.snapshot.image import Layer
from harness.snapshot.model import Entry, Kind
from tests.judge.evidence import file, folder, gone, tree


def layer(*entries: Entry, form: str = "folder", unseen: tuple[str, ...] = ()) -> Layer:
    snapshot = tree(entries)
    seen = type(snapshot)(snapshot.entries, None, unseen)
    return Layer("", form, seen, entries if form in {"tar", "squashfs"} else ())


def judged(upper: Layer, *lower: Layer) -> Judged:
    below = Below()
    for one in lower:
        below.add(one)
    return judge_layer(upper, below)


def codes(found: Judged) -> list[tuple[str, str]]:
    return [(one.code, one.path) for one in found.findings]


LOWER = layer(folder("d"), file("d/f", "old"), file("g", "old"))
FOUNDING = (
    folder("d", trusted_overlay_opaque="y"), file("d/.wh..wh..opq"), gone("d/.wh..opq"), file("d/.wh.h"), gone("d/h"),
)  # fmt: skip


def without_trusted(entries: Iterable[Entry]) -> list[Entry]:
    return [
        msgspec.structs.replace(e, xattrs={k: v for k, v in e.xattrs.items() if not k.startswith(b"trusted.")})
        for e in entries
    ]


@pytest.mark.parametrize("origin", [{}, {"user_fuseoverlayfs_origin": "x"}])
def test_what_hangs_on_marks_that_could_not_be_seen_is_not_said(origin: dict[str, str]) -> None:
    upper = [folder("d", trusted_overlay_opaque="y", **origin), file("d/.wh..wh..opq")]
    assert codes(judged(layer(*upper), LOWER)) == []
    found = judged(layer(*without_trusted(upper), unseen=("trusted",)), LOWER)
    assert codes(found) == []
    assert dict(found.unjudged) == {"WL105": NO_TRUSTED, "WL108": NO_TRUSTED}


def test_what_a_user_wrote_is_told_to_a_user() -> None:
    found = judged(layer(folder("d", user_fuseoverlayfs_opaque="y"), unseen=("trusted",)), LOWER)
    assert codes(found) == [("WL108", "d")]
    assert "userxattr" in found.findings[0].message


def test_an_unseen_mark_of_a_lower_layer_counts_too() -> None:
    lower = layer(folder("d"), file("d/f"), unseen=("trusted",))
    assert codes(judged(layer(folder("d"), file("d/.wh.f")), lower)) == []


def test_what_needs_layers_is_named_when_there_are_none_or_not_all_of_one_was_read() -> None:
    upper = layer(gone("no"), folder("new", trusted_overlay_opaque="y"))
    alone = judged(upper)
    assert codes(alone) == []
    assert dict(alone.unjudged) == dict.fromkeys(("WL103", "WL106", "WL108"), NO_LAYERS)
    unread = judged(upper, LOWER, layer(folder("e"), Entry(b"e/?", Kind.UNKNOWN)))
    assert codes(unread) == []
    assert set(dict(unread.unjudged).values()) == {UNREAD_BELOW}
    assert codes(judged(upper, LOWER)) == [("WL103", "no"), ("WL106", "new")]
    assert judged(upper, LOWER).unjudged == ()


def test_in_a_tar_whiteouts_are_for_importers() -> None:
    found = judged(layer(folder("d", trusted_overlay_opaque="y"), file(".wh.g"), form="tar"), LOWER)
    assert codes(found) == [("WL107", "d"), ("WL108", "d")]
    assert "importer" in found.findings[1].message
    both = layer(folder("d", trusted_overlay_opaque="y"), file("d/.wh..wh..opq"), file(".wh.g"), form="tar")
    assert codes(judged(both, LOWER)) == [("WL107", "d")]


def test_what_marks_nothing_in_a_tar_is_told_once() -> None:
    assert codes(judged(layer(folder("d"), gone("d/.wh..opq"), form="tar"), LOWER)) == [("WL306", "d/.wh..opq")]
    assert codes(judged(layer(gone("g"), file(".wh..wh.odd"), form="tar"), LOWER)) == [
        ("WL306", ".wh..wh.odd"), ("WL306", "g")
    ]  # fmt: skip
    # importers do not honour the xattr: the whiteout below it has something to hide
    opaque = layer(folder("d", trusted_overlay_opaque="y"), file("d/.wh.f"), form="tar")
    assert "WL102" not in [code for code, _ in codes(judged(opaque, LOWER))]


def test_two_marks_that_become_one_path_when_they_are_converted() -> None:
    found = {one.path: one.message for one in when_converted(FOUNDING)}
    assert list(found) == ["d/.wh..wh..opq", "d/.wh.h"]
    for said in ("trusted.overlay.opaque of d", "the file d/.wh..wh..opq", "the device d/.wh..opq"):
        assert said in found["d/.wh..wh..opq"]
    assert ("WL307", "d/.wh..wh..opq") in codes(judged(layer(*FOUNDING, form="squashfs"), LOWER))
    assert layer_findings(FOUNDING, form="squashfs") == []  # in a cell the tar itself is looked at


@pytest.mark.parametrize(
    "entries",
    [
        [folder("d", trusted_overlay_opaque="y"), gone("d/f")],
        [folder("d", user_overlay_opaque="y", trusted_overlay_opaque="x"), file("d/.wh..wh..opq"), gone("f")],
        [file(".wh.f"), file(".wh.f")],  # one path twice already: WL301 says it
        [folder("", trusted_overlay_opaque="y"), folder("d"), gone("d/.wh..opq")],
    ],
)
def test_marks_of_different_names_stay_apart(entries: list[Entry]) -> None:
    assert list(when_converted(entries)) == []


def test_the_root_can_be_marked_twice_too() -> None:
    found = list(when_converted([folder("", trusted_overlay_opaque="y"), file(".wh..wh..opq")]))
    assert [one.path for one in found] == [".wh..wh..opq"]


def test_layers_are_merged_as_they_come() -> None:
    below = Below()
    below.add(layer(file("a"), file("b")))
    assert list(below.tree.entries) == [b"", b"a", b"b"]
    below.add(layer(gone("a")))
    below.add(layer(file("c")))
    assert list(below.tree.entries) == [b"", b"b", b"c"]
