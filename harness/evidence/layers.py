"""From what a cell of containers left to the trees of its further stations: the ext3 upper, the sealed and the pushed layer, the import.

Everything that a layer holds is kept in the order of its archive, doubles too, as ``raw``; the tree is what lies below the folder ``lab``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.recording import Import, LayerRecord, Manifest
from harness.names import escape
from harness.places import Station
from harness.protocol import ANSWER
from harness.snapshot.ext import read_ext
from harness.snapshot.lab import below_lab
from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.oci import image_in_sif
from harness.snapshot.sif import read_sif
from harness.snapshot.tar import entries_of_tar, join_links

# What merged a tree, in the words of ``Recording.engines``; others are the file system's own name.
KERNEL, KERNEL_USERXATTR, FUSE = "kernel overlay", "kernel overlay, userxattr", "fuse-overlayfs"
LAYERS = {Station.SEALED: "sealed.tar", Station.PUSHED: "pushed.layer"}
_STATES = (
    ("written", "written.sif"), ("synced", "synced.sif"), ("sealed", "sealed.sif"),
    ("pushed as tar", "pushed.manifest"), ("pushed as squashfs", "pushed.squashfs.manifest"),
)  # fmt: skip


def read_upper_image(out: Path) -> Snapshot | None:
    """The upper in an ext3 image, read without mounting it. Raises BrokenMachinery when it is no such image."""
    image = out / "upper.img"
    if not image.exists():
        return None
    with image.open("rb") as file:
        tree = read_ext(file, "the overlay's ext3 image", top=b"upper")
    snapshot = below_lab(tree.entries)
    return Snapshot.of(snapshot, unseen=tree.unseen)


def raw_layers(folder: Path) -> dict[Station, tuple[Entry, ...]]:
    """Every entry of the layers that were sealed and pushed. What is no tar is left out: the tool's words say why."""
    found: dict[Station, tuple[Entry, ...]] = {}
    for station, name in LAYERS.items():
        path = folder / name
        if path.exists() and path.stat().st_size:
            with contextlib.suppress(BrokenMachinery), path.open("rb") as file:
                found[station] = tuple(entries_of_tar(file, str(path)))
    return found


def trees_of_layers(raw: Mapping[Station, tuple[Entry, ...]]) -> dict[Station, Snapshot]:
    """The trees below ``lab`` of layers."""
    return {station: below_lab(join_links(list(entries))) for station, entries in raw.items()}


def imported(out: Path) -> Snapshot | None:
    """The tree of the imported image, from its export."""
    path = out / "imported.tar"
    if not path.exists() or not path.stat().st_size:
        return None
    with path.open("rb") as file:
        return below_lab(join_links(list(entries_of_tar(file, str(path)))))


def engines(out: Path) -> dict[Station, str]:
    """Which overlay merged the tree of each container: the program's own choice, as the mount table inside tells it."""
    found = {}
    for station in (Station.VIEW, Station.REMOUNT, Station.READONLY, Station.SEALED_VIEW):
        with contextlib.suppress(OSError):
            lines = (out / f"{station}.mounts").read_bytes().splitlines()
            roots = [words for line in lines if (words := line.split(b" "))[4:5] == [b"/"]]
            if roots:
                found[station] = _engine(roots[-1])
    return found


def _engine(words: list[bytes]) -> str:
    """Of a line of mountinfo (proc(5)): after the lone dash come the file system's type, its source and its options."""
    kind, _, options = [*words[words.index(b"-") + 1 :], b"", b"", b""][:3]
    if kind == b"overlay":
        return KERNEL_USERXATTR if b"userxattr" in options.split(b",") else KERNEL
    return escape(kind.removeprefix(b"fuse."))


def manifests(out: Path) -> tuple[Manifest, ...]:
    """What the image said of its layers, state by state."""
    found = []
    for state, name in _STATES:
        path = out / name
        if not path.exists():
            continue
        try:
            found.append(Manifest(state, _in_a_sif(path) if path.suffix == ".sif" else _in_a_manifest(path)))
        except (BrokenMachinery, OSError, msgspec.MsgspecError) as error:
            found.append(Manifest(state, unread=escape(os.fsencode(str(error)))))
    return tuple(found)


def _in_a_sif(path: Path) -> tuple[LayerRecord, ...]:
    with path.open("rb") as file:
        image = image_in_sif(path, read_sif(file, path.name))
    return tuple(LayerRecord(one.media_type, one.digest, one.blob.size, one.true) for one in image.layers)


class _Layer(msgspec.Struct, rename={"media_type": "mediaType"}):
    media_type: str = ""
    digest: str = ""
    size: int = 0  # bytes


class _Said(msgspec.Struct):
    """A manifest of an image, as a registry has it."""

    layers: list[_Layer]


def _in_a_manifest(path: Path) -> tuple[LayerRecord, ...]:
    said = msgspec.json.decode(path.read_bytes(), type=_Said)
    return tuple(LayerRecord(one.media_type, one.digest, one.size) for one in said.layers)


def answers(out: Path) -> tuple[Import, ...]:
    """What the programs on the way answered: exit code and words, escaped."""
    try:
        raw = (out / "answers").read_bytes()
    except OSError:
        return ()
    return tuple(
        Import(who.decode("utf-8", "replace"), int(code), _words(words.splitlines()))
        for who, code, words in ANSWER.findall(raw)
    )


def _words(lines: Sequence[bytes]) -> str:
    return "\n".join(escape(line.removeprefix(b"  ")) for line in lines)
