"""Any tree that somebody may have at hand, told by its first bytes: a folder, a tar, an ext image, a squashfs, a SIF, an OCI image."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BrokenMachinery, MissingProgram, UsageError
from harness.launch.process import run, which
from harness.snapshot.ext import is_ext, read_ext
from harness.snapshot.folder import read_folder
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.oci import Blob, OciImage, copy_blob, image_in_archive, image_in_folder, image_in_sif
from harness.snapshot.sif import is_sif, read_sif
from harness.snapshot.tar import entries_of_tar, join_links

_HEAD = 2048
_ZSTD = b"\x28\xb5\x2f\xfd"
_PACKER = "sqfs2tar"


@dataclass(frozen=True)
class Layer:
    """One tree. ``raw``: its entries in the order of the archive, doubles too; ``notes``: what was cut or not looked at."""

    name: str
    form: str  # "folder", "tar", "ext image", "squashfs"
    snapshot: Snapshot
    raw: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """What lies at a path: one tree, or the layers of an image, the lowest first."""

    kind: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def open_tree(path: Path) -> Opened:
    """Read whatever lies at *path*.

    Raises UsageError when nothing is there, BrokenMachinery when it is of no known kind or damaged, MissingProgram when a program that
    reads it is not installed.
    """
    if path.is_dir():
        if (path / "oci-layout").is_file() and (path / "index.json").is_file():
            return _oci("OCI layout", image_in_folder(path))
        return Opened("folder", (Layer("", "folder", read_folder(os.fsencode(path))),))
    if not path.exists():
        raise UsageError("there is nothing", where=str(path), remedy="name a folder, a layer or an image")
    if not path.is_file():
        raise UsageError("is no file and no folder", where=str(path), remedy="name a folder, a layer or an image")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if is_sif(head):
        return _sif(path)
    blob = Blob(path, 0, path.stat().st_size)
    if head[257:262] == b"ustar" and _holds_a_layout(path):
        return _oci("OCI archive", image_in_archive(path))
    layer = read_blob(blob, "", str(path))
    return Opened(layer.form, (layer,))


def _holds_a_layout(path: Path) -> bool:
    try:
        image_in_archive(path)
    except BrokenMachinery as error:
        return "no OCI archive" not in error.what and "no tar" not in error.what
    return True


def _sif(path: Path) -> Opened:
    with path.open("rb") as file:
        objects = read_sif(file, str(path))
    if any(one.kind == "OCI index" for one in objects):
        return _oci("OCI-SIF", image_in_sif(path, objects))
    parts = [one for one in objects if one.kind == "partition"]
    layers = tuple(read_blob(Blob(path, one.offset, one.size), f"partition {one.number}", str(path)) for one in parts)
    others = ", ".join(one.kind for one in objects if one.kind != "partition")
    return Opened("SIF", layers, (f"not looked at: {others}",) if others else ())


def _oci(kind: str, image: OciImage) -> Opened:
    layers = []
    for number, one in enumerate(image.layers, 1):
        layer = read_blob(one.blob, "", f"layer {number} of {one.blob.path}")
        name = f"layer {number} of {len(image.layers)}, {layer.form}, {one.digest[:19]}…"
        layers.append(Layer(name, layer.form, layer.snapshot, layer.raw, layer.notes))
    return Opened(kind, tuple(layers), image.notes)


def read_blob(blob: Blob, name: str, where: str) -> Layer:
    """The tree in a part of a file, told by its first bytes."""
    head = blob.read(_HEAD)
    if is_ext(head):
        return _ext(blob, name, where)
    if head[:4] == b"hsqs":
        return _squashfs(blob, name, where)
    if head[:4] == _ZSTD:
        raise BrokenMachinery("is compressed with zstd", where=where, remedy="unpack it first: zstd -d")
    with tempfile.TemporaryFile() as part:
        copy_blob(blob, part)
        part.seek(0)
        raw = tuple(entries_of_tar(part, where))
    if not raw and not any(head):
        raise BrokenMachinery(
            "is of no kind that is known here", where=where, remedy="see: whiteout-lab inspect --help"
        )
    return Layer(name, "tar", _tree(raw), raw)


def _tree(raw: tuple[Entry, ...]) -> Snapshot:
    """The tree of an archive, which may leave the root away."""
    return Snapshot.of([Entry(b"", Kind.DIR, 0o755), *join_links(list(raw))])


def _ext(blob: Blob, name: str, where: str) -> Layer:
    with blob.path.open("rb") as file:
        whole = read_ext(file, where, offset=blob.offset, size=blob.size)
        paths = {entry.path for entry in whole.entries}
        if not {b"upper", b"work"} <= paths:
            return Layer(name, "ext image", Snapshot.of(whole.entries, unseen=whole.unseen))
        upper = read_ext(file, where, offset=blob.offset, size=blob.size, top=b"upper")
    notes = ("an overlay: this is its folder upper",)
    return Layer(name, "ext image", Snapshot.of(upper.entries, unseen=upper.unseen), (), notes)


def _squashfs(blob: Blob, name: str, where: str) -> Layer:
    if which(_PACKER) is None:
        raise MissingProgram(
            f"reading a squashfs needs {_PACKER}", where=where, remedy="apt-get install squashfs-tools-ng"
        )
    with tempfile.TemporaryDirectory(prefix="whiteout-lab-") as folder:
        copy, tar = Path(folder, "image"), Path(folder, "tar")
        with copy.open("wb") as target:
            copy_blob(blob, target)
        # The output is a tar, so not for a pipe that decodes; without -r the root's own attributes are lost.
        done = run(["sh", "-c", '"$0" -L -r . "$1" >"$2"', _PACKER, copy, tar], timeout=600)
        if not done.ok:
            words = (done.err.strip().splitlines() or ["no words"])[-1].replace(str(copy), "it")
            raise BrokenMachinery(f"the squashfs cannot be read: {words}", where=where, remedy="is it whole?")
        with tar.open("rb") as file:
            raw = tuple(entries_of_tar(file, where))
    skipped = tuple(
        f"sqfs2tar: {line.strip()}".replace(str(copy), "it") for line in done.err.splitlines() if line.strip()
    )
    return Layer(name, "squashfs", _tree(raw), raw, skipped)
