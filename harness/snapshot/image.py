"""Any tree that somebody may have at hand, told by its first bytes: a folder, a tar, an ext image, a squashfs, a SIF, an OCI image."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BrokenMachinery, MissingProgram, UsageError
from harness.launch.process import package_of, pouring, which
from harness.snapshot import oci
from harness.snapshot.ext import is_ext, read_ext
from harness.snapshot.folder import read_folder
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.snapshot.oci import Blob, OciImage
from harness.snapshot.sif import is_sif, read_sif
from harness.snapshot.tar import entries_of_tar, join_links

_HEAD = 2048
_ZSTD = b"\x28\xb5\x2f\xfd"
_EMPTY_TARS = (1024, 10240)  # bytes, all of them zero: what docker and GNU tar write for no files at all
_LONGEST = 600.0  # seconds for a program that unpacks; a hole of a terabyte takes as long as a terabyte


@dataclass(frozen=True)
class Layer:
    """One tree. ``raw``: its entries in the order of the archive, doubles too; ``notes``: what was cut or not looked at.

    ``unread``: why this layer of an image could not be read, while others were; its tree is empty then.
    """

    name: str
    form: str  # "folder", "tar", "ext image", "squashfs"
    snapshot: Snapshot
    raw: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True)
class Opened:
    """What lies at a path: one tree, or the layers of an image, the lowest first."""

    kind: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def open_tree(path: Path) -> Opened:
    """Read whatever lies at *path*.

    Raises UsageError when nothing is there, BrokenMachinery when it is of no known kind or damaged, MissingProgram when a program that
    reads it is not installed. Of an image some of whose layers can be read, the others are ``unread``.
    """
    if path.is_dir():
        if (path / "oci-layout").is_file() and (path / "index.json").is_file():
            return _image("OCI layout", oci.image_in_folder(path))
        return Opened("folder", (Layer("", "folder", read_folder(os.fsencode(path))),))
    if not path.exists():
        raise UsageError("there is nothing", where=str(path), remedy="name a folder, a layer or an image")
    if not path.is_file():
        raise UsageError("is no file and no folder", where=str(path), remedy="name a folder, a layer or an image")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if is_sif(head):
        return _sif(path)
    if head[257:262] == b"ustar":
        blobs = oci.blobs_in_archive(path)
        if oci.is_oci_archive(blobs):
            return _image("OCI archive", oci.image_in_archive(blobs, str(path)))
        saved = oci.image_in_docker_archive(blobs)
        if saved is not None:
            return _image("docker archive", saved)
    layer = read_blob(Blob(path, 0, path.stat().st_size), "", str(path))
    return Opened(layer.form, (layer,))


def _sif(path: Path) -> Opened:
    with path.open("rb") as file:
        objects = read_sif(file, str(path))
    if any(one.kind == "OCI index" for one in objects):
        return _image("OCI-SIF", oci.image_in_sif(path, objects))
    parts = [one for one in objects if one.kind == "partition"]
    others = ", ".join(one.kind for one in objects if one.kind != "partition")
    if not parts:
        raise BrokenMachinery(
            f"this SIF holds no partition and no OCI image, only: {others or 'nothing'}",
            where=str(path),
            remedy="whiteouts lie in the image that this was made for",
        )
    blobs = [(f"partition {one.number}", Blob(path, one.offset, one.size)) for one in parts]
    return Opened("SIF", _layers(blobs, str(path)), (f"not looked at: {others}",) if others else ())


def _image(kind: str, image: OciImage) -> Opened:
    count = len(image.layers)
    blobs = [
        (f"layer {number} of {count}{f', {one.digest[:19]}…' if one.digest else ''}", one.blob)
        for number, one in enumerate(image.layers, 1)
    ]
    return Opened(kind, _layers(blobs, ""), image.notes)


def _layers(blobs: list[tuple[str, Blob]], where: str) -> tuple[Layer, ...]:
    """Every tree that can be read, by its name. Raises BrokenMachinery of the first when there is none."""
    layers, errors = [], []
    for name, blob in blobs:
        try:
            layers.append(read_blob(blob, name, f"{name} of {where or blob.path}"))
        except BrokenMachinery as error:
            errors.append(error)
            layers.append(Layer(name, "unread", EMPTY, unread=f"{error.what} ({error.remedy})"))
    if errors and len(errors) == len(layers):
        raise errors[0]
    return tuple(layers)


def read_blob(blob: Blob, name: str, where: str) -> Layer:
    """The tree in a part of a file, told by its first bytes."""
    head = blob.read(_HEAD)
    if is_ext(head):
        return _ext(blob, name, where)
    if head[:4] == b"hsqs":
        # without -r the root's own attributes are lost
        return _unpacked(["sqfs2tar", "-r", "."], "squashfs", blob, name, where)
    if head[:4] == _ZSTD:
        return _unpacked(["zstd", "-dcq"], "tar", blob, name, where)
    if not any(head) and blob.size not in _EMPTY_TARS:
        raise BrokenMachinery(
            "is of no kind that is known here", where=where, remedy="see: whiteout-lab inspect --help"
        )
    with blob.open() as part:
        raw = tuple(entries_of_tar(part, where))
    return _tar(name, "tar", raw)


def _tar(name: str, form: str, raw: tuple[Entry, ...], notes: tuple[str, ...] = ()) -> Layer:
    """The tree of an archive, which may leave the root away."""
    names = {entry.path.decode("latin-1") for entry in raw}
    if oci.is_image_archive(names):
        notes += ("this is an image whose archive is compressed: uncompress it, and its layers are read",)
    return Layer(name, form, Snapshot.of([Entry(b"", Kind.DIR, 0o755), *join_links(list(raw))]), raw, notes)


def _ext(blob: Blob, name: str, where: str) -> Layer:
    with blob.path.open("rb") as file:
        whole = read_ext(file, where, offset=blob.offset, size=blob.size)
        paths = {entry.path for entry in whole.entries}
        if not {b"upper", b"work"} <= paths:
            return Layer(name, "ext image", Snapshot.of(whole.entries, unseen=whole.unseen))
        upper = read_ext(file, where, offset=blob.offset, size=blob.size, top=b"upper")
    notes = ("an overlay: this is its folder upper",)
    return Layer(name, "ext image", Snapshot.of(upper.entries, unseen=upper.unseen), (), notes)


def _unpacked(argv: list[str], form: str, blob: Blob, name: str, where: str) -> Layer:
    """The tree of what a program makes a tar of. What it says beside that are notes: sqfs2tar leaves out what no tar can hold."""
    program = argv[0]
    if which(program) is None:
        raise MissingProgram(
            f"reading it needs {program}", where=where, remedy=f"apt-get install {package_of(program)}"
        )
    raw: tuple[Entry, ...] = ()
    unread = None
    with _as_file(blob) as path:
        with pouring([*argv, path], timeout=_LONGEST) as poured:
            try:
                raw = tuple(entries_of_tar(poured.out, where))
            except BrokenMachinery as error:  # what the program says of it comes first
                unread = error
        assert poured.ended is not None
        said = [line.strip().replace(str(path), "it") for line in poured.ended.err.splitlines() if line.strip()]
    if not poured.ended.ok:
        words = f"{program} took more than {_LONGEST:.0f} s" if poured.ended.code == -9 else (said or ["no words"])[-1]
        raise BrokenMachinery(f"the {form} cannot be read: {words}", where=where, remedy="is it whole?")
    if unread is not None:
        raise unread
    return _tar(name, form, raw, tuple(f"{program}: {line}" for line in said))


@contextlib.contextmanager
def _as_file(blob: Blob) -> Iterator[Path]:
    """A blob as a file of its own."""
    if blob.is_whole_file:
        yield blob.path
        return
    with tempfile.NamedTemporaryFile(prefix="whiteout-lab-") as copy:
        blob.copy(copy)
        copy.flush()
        yield Path(copy.name)
