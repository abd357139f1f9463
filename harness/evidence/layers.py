"""From what a cell of containers left to the trees of its further places: the ext3 upper, the layers that were made, the imported images.

Everything that a layer holds is kept in the order of its archive, doubles too, as ``raw``; the tree is what lies below the folder ``lab``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.places import PlaceKind, PlaceName, at_each, known
from harness.snapshot.ext import read_ext
from harness.snapshot.lab import below_lab
from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.squash import read_squash
from harness.snapshot.tar import entries_of_tar, join_links

_SUFFIXES = {"tar", "layer", "sqfs"}


def archives(names: Iterable[str], *kinds: PlaceKind) -> dict[PlaceName, str]:
    """The archives of places of these kinds among the names of a cell's files, in the order of places: as ``PLACE.SUFFIX``.

    A layer is a ``.layer`` (a tar) or a ``.sqfs``; in recordings of before ``sealed.tar``, what sqfs2tar made of the squashfs.
    """
    found = {}
    for name in names:
        stem, _, suffix = name.rpartition(".")
        place = known(stem)
        if place is not None and suffix in _SUFFIXES:
            found[place] = name
    return {place.name: found[place.name] for place in at_each(found, *kinds)}


def read_upper_image(out: Path) -> Snapshot | None:
    """The upper in an ext3 image, read without mounting it. Raises BrokenMachinery when it is no such image."""
    image = out / "upper.img"
    if not image.exists():
        return None
    with image.open("rb") as file:
        tree = read_ext(file, "the overlay's ext3 image", top=b"upper")
    snapshot = below_lab(tree.entries)
    return Snapshot.of(snapshot, unseen=tree.unseen)


def raw_layers(folder: Path) -> dict[PlaceName, tuple[Entry, ...]]:
    """Every entry of the layers that were made. What is no tar is left out: the tool's words say why.

    Raises BrokenMachinery for a squashfs that cannot be read: that it is not whole, or not known here, was said by nobody.
    """
    found: dict[PlaceName, tuple[Entry, ...]] = {}
    for place, name in archives(_files(folder), PlaceKind.LAYER).items():
        path = folder / name
        if not path.stat().st_size:
            continue
        with path.open("rb") as file:
            if path.suffix == ".sqfs":
                found[place] = tuple(read_squash(file, str(path)))
            else:
                with contextlib.suppress(BrokenMachinery):
                    found[place] = tuple(entries_of_tar(file, str(path)))
    return found


def trees_of_layers(raw: Mapping[PlaceName, tuple[Entry, ...]]) -> dict[PlaceName, Snapshot]:
    """The trees below ``lab`` of layers."""
    return {place: below_lab(join_links(list(entries))) for place, entries in raw.items()}


def imported(out: Path) -> dict[PlaceName, Snapshot]:
    """The trees of the imported images, from their exports."""
    found = {}
    for place, name in archives(_files(out), PlaceKind.IMAGE).items():
        path = out / name
        if path.stat().st_size:
            with path.open("rb") as file:
                found[place] = below_lab(join_links(list(entries_of_tar(file, str(path)))))
    return found


def _files(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return [path.name for path in folder.iterdir()]
    return []
