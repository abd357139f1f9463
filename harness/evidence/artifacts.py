"""What a cell leaves on disk at a place, as it was left: the trees as PAX tars, the layers, and the images themselves.

Images are large, and nearly all of them is holes: they are kept together in one compressed tar that knows of holes, and ``tar xzf`` puts
them back as they were. Reading an artifact never changes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.layers import archives
from harness.machine.process import run
from harness.places import SEALED, UPPER, Place, PlaceKind, PlaceName, place_of

IMAGES = "images.tar.gz"
_LONGEST = 120  # seconds to pack the images of one cell

# The images that may be there: of which place, and in which form.
_IMAGES = {
    "upper.img": (UPPER, "ext3 image"),
    "written.sif": (UPPER, "OCI-SIF"),
    "synced.sif": (UPPER, "OCI-SIF"),
    "sealed.sif": (SEALED, "OCI-SIF"),
}


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file that a cell left. ``file`` lies in the recording's folder; ``member``: its name in that tar, where it is kept in one."""

    place: PlaceName = msgspec.field(name="station")
    form: str
    file: str
    member: str = ""


def artifacts(names: Iterable[str]) -> tuple[Artifact, ...]:
    """The artifacts among the names of a cell's files, before its images are packed, in the order of places."""
    every = list(names)
    found = [Artifact(*_IMAGES[name], IMAGES, name) for name in every if name in _IMAGES]
    found += [Artifact(place, _form(place_of(place)), name) for place, name in archives(every).items()]
    return tuple(sorted(found, key=lambda one: (place_of(one.place).order, one.file, one.member)))


def _form(place: Place) -> str:
    if place.kind is PlaceKind.LAYER:
        return "OCI layer" if place.form == "tar" else place.form
    return "tar" if place.kind is PlaceKind.IMAGE else "PAX tar"


def pack_images(folder: Path) -> None:
    """Put the images of a cell's files into one tar, and only then let them go. Raises BrokenMachinery, OSError."""
    names = [name for name in _IMAGES if (folder / name).exists()]
    if not names:
        return
    done = run(["tar", "-C", folder, "--sparse", "-czf", folder / IMAGES, "--", *names], timeout=_LONGEST)
    if not done.ok:
        raise BrokenMachinery(
            f"the images cannot be kept: {done.err.strip()[-300:]}",
            where=str(folder / IMAGES),
            remedy="is tar installed, and is there room?",
        )
    for name in names:
        (folder / name).unlink()
