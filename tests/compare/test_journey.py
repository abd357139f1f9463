"""The journey of an image: where marks are made, carried and lost, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from harness.compare.classes import Seen
from harness.compare.describe import looks
from harness.compare.journey import Journey, answer, conclusion, journeys
from harness.compare.words import Column
from harness.judge.findings import Finding
from harness.places import IMPORTED, PUSHED, READONLY, SEALED, SEALED_VIEW, UPPER, VIEW, PlaceName
from harness.snapshot.model import Entry
from tests.judge.evidence import file, folder, gone, tree

COLUMN = Column("singularity-ce+oci", "singularity-ce+oci", "4.5.0", "root")
OPAQUE = folder("d", trusted_overlay_opaque="y")
OPQ = file("d/.wh..wh..opq")
GHOST = gone("d/.wh..opq")


def seen(findings: tuple[Finding, ...] = (), **places: list[Entry]) -> Seen:
    trees = {}
    for name, entries in {"oracle": [folder("d")], **places}.items():
        place = PlaceName(name.replace("_", "-"))
        layer = place in {UPPER, SEALED, PUSHED}
        trees[place] = looks(tree(entries), view=not layer)
    return Seen("cell", COLUMN, trees, findings)


GHOST_FOUND = Finding("WL101", "d/.wh..opq", UPPER, "a ghost")
FOUNDING = seen(
    (
        GHOST_FOUND,
        Finding("WL301", "d/.wh..wh..opq", PUSHED, "twice"),
        Finding("WL304", "/", IMPORTED, "podman pull failed: duplicates"),
    ),
    view=[folder("d")], upper=[OPAQUE, OPQ, GHOST], readonly=[folder("d")], sealed=[OPAQUE, OPQ],
    sealed_view=[folder("d")], pushed=[folder("d"), OPQ],
)  # fmt: skip
TAKEN = seen(
    (GHOST_FOUND, Finding("WL201", "d/f", READONLY, "back", carried=(SEALED_VIEW,))),
    view=[folder("d")], upper=[folder("d"), OPQ, GHOST], readonly=[folder("d"), file("d/f", "old")], sealed=[folder("d"), OPQ],
    sealed_view=[folder("d")], pushed=[folder("d"), OPQ], imported=[folder("d")],
)  # fmt: skip


def words(journey: Journey, path: str) -> list[str]:
    return [stop.word for stop in dict(journey.rows)[path]]


def test_a_mark_is_made_carried_changed_and_lost() -> None:
    (journey,) = journeys([FOUNDING], [COLUMN])
    assert [place.name for place in journey.heads] == ["view", "upper", "readonly", "sealed", "sealed-view", "pushed"]
    assert words(journey, "d") == ["", "made here", "", "carried", "", "changed"]
    assert words(journey, "d/.wh..opq") == ["", "made here", "", "lost here", "", ""]


def test_a_view_goes_wrong_and_right_again() -> None:
    (journey,) = journeys([TAKEN], [COLUMN])
    assert words(journey, "d/f") == ["", "", "wrong here", "", "right again", "", ""]


def test_as_root_leaving_the_ghost_out_is_not_enough() -> None:
    said = answer(FOUNDING)
    assert "no valid OCI layer and podman refuses it" in said
    assert said.endswith("when sealing is not enough for the image.")
    assert conclusion(FOUNDING)[1] == "podman pull failed: duplicates."


def test_as_a_user_it_is_enough_and_the_views_are_wrong_all_the_same() -> None:
    said = answer(TAKEN)
    assert "a valid OCI layer and podman takes it; run read-only or sealed, the container shows" in said
    assert said.endswith("when sealing is enough for the image.")


def test_a_ghost_that_sealing_carries_on_is_said() -> None:
    carried = seen((GHOST_FOUND,), upper=[OPAQUE, OPQ, GHOST], sealed=[OPAQUE, OPQ, GHOST], pushed=[OPQ])
    assert answer(carried).endswith("sealing carries the whiteout of a marker on.")


def test_a_cell_that_mounts_a_stack_has_no_way() -> None:
    sealed_alone = seen(upper=[OPAQUE], sealed=[OPAQUE])  # native mode seals, and pushes nothing
    assert answer(sealed_alone) == ""
    plain = seen(view=[folder("d")], upper=[OPAQUE], remount=[folder("d")])
    assert journeys([plain], [COLUMN]) == ()
    assert answer(plain) == ""


def test_what_another_backend_showed_is_another_way() -> None:
    first = replace(FOUNDING, backends={VIEW: "fuse-overlayfs"})
    twin = replace(first, id="twin")
    assert len(journeys([first, twin], [COLUMN])) == 1
    assert len(journeys([first, replace(twin, backends={VIEW: "kernel overlay"})], [COLUMN])) == 2
