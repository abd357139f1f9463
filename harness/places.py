"""The points of a cell at which somebody looks: of which kind, by whom, after what. Open: who else does the same has a place of its own.

``imported`` is the tree that podman makes of a pushed image; ``imported@docker`` is the one that docker makes, ``view@kernel-6.12`` what
that kernel shows: ``NAME@WHO`` is known wherever ``NAME`` is. A place stands as its name in files, JSON (there under the key ``station``,
as from the first day) and the signs of defects; whatever else is to be known of it is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import NewType

PlaceName = NewType("PlaceName", str)


class PlaceKind(StrEnum):
    """What is looked at."""

    VIEW = "view"  # the merged tree, as users see it
    UPPER = "upper"  # what lies in the upper
    LAYER = "layer"  # a layer that was made of it
    IMAGE = "image"  # the tree that an importer made of an image
    STEPS = "steps"  # no tree: the exit status of each step
    ORACLE = "oracle"  # the plain directory
    UNKNOWN = "unknown"  # a recording of a later version says so


@dataclass(frozen=True)
class Place:
    """One place. ``by``: the program that shows or makes it; empty: the tool under test."""

    name: PlaceName
    kind: PlaceKind
    after: str  # the action after which one looks
    by: str = ""
    form: str = ""  # of a layer: "tar", "squashfs"
    later: bool = False  # it comes after the last writable run, and so after a handover; no cell that mounts a stack has any of it
    head: str = ""  # over a column of a journey …
    note: str = ""  # … and what stands below that

    @property
    def shows(self) -> bool:
        """Whether somebody sees the tree; in an upper or a layer the marks count."""
        return self.kind not in {PlaceKind.UPPER, PlaceKind.LAYER}

    @property
    def order(self) -> tuple[int, str]:
        """Places in the order in which a cell comes to them."""
        return _ORDER.get(_base(self.name), len(_ORDER)), self.by


VIEW, UPPER, REMOUNT, READONLY = map(PlaceName, ("view", "upper", "remount", "readonly"))
SEALED, SEALED_VIEW, PUSHED, IMPORTED = map(PlaceName, ("sealed", "sealed-view", "pushed", "imported"))
STEPS, ORACLE, READ, FAULT = map(PlaceName, ("steps", "oracle", "read", "fault"))

_ROWS = (
    Place(VIEW, PlaceKind.VIEW, "the steps", head="run, writable", note="the view inside, after the steps"),
    Place(UPPER, PlaceKind.UPPER, "unmounting", head="upper", note="what lies in the overlay"),
    Place(REMOUNT, PlaceKind.VIEW, "mounting again", head="run again", note="the view inside, writable"),
    Place(READONLY, PlaceKind.VIEW, "mounting read-only", later=True, head="run, read-only", note="the view inside"),
    Place(SEALED, PlaceKind.LAYER, "sealing", form="squashfs", later=True, head="sealed layer", note="squashfs"),
    Place(SEALED_VIEW, PlaceKind.VIEW, "sealing", later=True, head="run, sealed", note="the view inside"),
    Place(PUSHED, PlaceKind.LAYER, "pushing", form="tar", later=True, head="pushed layer", note="OCI tar"),
    Place(
        IMPORTED,
        PlaceKind.IMAGE,
        "pulling",
        by="podman",
        later=True,
        head="imported",
        note="the tree that the importer has",
    ),
    Place(READ, PlaceKind.VIEW, "another has written it", head="read", note="the view of who was given the layers"),
    Place(FAULT, PlaceKind.VIEW, "a fault in the daemon", head="fault", note="the view after a fault in the daemon"),
    Place(STEPS, PlaceKind.STEPS, "each step"),
    Place(ORACLE, PlaceKind.ORACLE, "the steps", by="a plain directory"),
)
_BY_NAME = {row.name: row for row in _ROWS}
_ORDER = {row.name: number for number, row in enumerate(_ROWS)}
NAMES = tuple(_BY_NAME)  # without those of others
_AT = "@"


def _base(name: PlaceName) -> PlaceName:
    return PlaceName(name.partition(_AT)[0])


@cache
def place_of(name: PlaceName) -> Place:
    """The place of a name."""
    row = _BY_NAME.get(_base(name)) or Place(name, PlaceKind.UNKNOWN, "")
    return replace(row, name=name, by=name.partition(_AT)[2]) if name != row.name else row


def known(text: str) -> PlaceName | None:
    """The name of a place, or None for a word that is none."""
    base, at, who = text.partition(_AT)
    return PlaceName(text) if base in _BY_NAME and bool(at) is bool(who) else None


def is_of(name: PlaceName, named: Iterable[PlaceName]) -> bool:
    """Whether a place is one of those that were said; one that is said without *who* is everybody's."""
    return any(name == one or _base(name) == one for one in named)


def at_each(names: Iterable[PlaceName], *kinds: PlaceKind) -> list[Place]:
    """The places among names, in their order; of some kinds, or of all."""
    there = (place_of(name) for name in names)
    return sorted((one for one in there if not kinds or one.kind in kinds), key=lambda one: one.order)
