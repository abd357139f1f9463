"""What a cell leaves on disk at a station, as it was left: the trees as PAX tars, the layers, and the images themselves.

Images are large, and nearly all of them is holes: they are kept together in one compressed tar that knows of holes, and ``tar xzf`` puts
them back as they were. Reading an artifact never changes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.machine.process import run
from harness.places import Station

IMAGES = "images.tar.gz"
_LONGEST = 120  # seconds to pack the images of one cell

# The files that may be there besides the trees: of which station, and in which form.
_FORMS = {
    "upper.img": (Station.UPPER, "ext3 image"),
    "written.sif": (Station.UPPER, "OCI-SIF"),
    "synced.sif": (Station.UPPER, "OCI-SIF"),
    "sealed.sif": (Station.SEALED, "OCI-SIF"),
    "sealed.tar": (Station.SEALED, "tar of the squashfs"),
    "pushed.layer": (Station.PUSHED, "OCI layer"),
    "imported.tar": (Station.IMPORTED, "tar"),
}


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file that a cell left. ``file`` lies in the recording's folder; ``member``: its name in that tar, where it is kept in one."""

    station: Station
    form: str
    file: str
    member: str = ""


def artifacts(names: Iterable[str]) -> tuple[Artifact, ...]:
    """The artifacts among the names of a cell's files, before its images are packed, in the order of stations."""
    trees = {f"{station}.tar": (station, "PAX tar") for station in Station}
    known = trees | _FORMS
    order = list(Station)
    found = [Artifact(*known[name], *_kept(name)) for name in names if name in known]
    return tuple(sorted(found, key=lambda one: (order.index(one.station), one.file, one.member)))


def _kept(name: str) -> tuple[str, str]:
    return (IMAGES, name) if _is_image(name) else (name, "")


def _is_image(name: str) -> bool:
    return name.endswith((".img", ".sif"))


def pack_images(folder: Path) -> None:
    """Put the images of a cell's files into one tar, and only then let them go. Raises BrokenMachinery, OSError."""
    names = [name for name in _FORMS if _is_image(name) and (folder / name).exists()]
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
