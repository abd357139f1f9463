"""Any tree that somebody may have at hand, by its first bytes: a folder, a tar, an ext image, a squashfs, a SIF, an OCI image."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import BrokenMachinery, LabError, LimitReached, MissingProgram, UsageError
from harness.machine.packages import package_of
from harness.machine.process import pouring, which
from harness.names import escape
from harness.snapshot import oci
from harness.snapshot.contents import Source
from harness.snapshot.ext import folders_of_ext, is_ext, read_ext
from harness.snapshot.folder import read_folder
from harness.snapshot.limits import Budget
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot, ancestors
from harness.snapshot.oci import Blob, OciImage
from harness.snapshot.overlay import SEALED_AS_IT_LIES, UPPER, UPPER_OF_OVERLAY, WORK, holds_overlay, upper_of
from harness.snapshot.sif import is_sif, read_sif
from harness.snapshot.tar import entries_of_tar, join_links

_HEAD = 2048
_NO_NAME = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
_ZSTD = b"\x28\xb5\x2f\xfd"
_EMPTY_TARS = (1024, 10240)  # bytes, all of them zero: what docker and GNU tar write for no files at all
_LONGEST = 300.0  # seconds for a program that unpacks; a hole of a terabyte takes as long as a terabyte


@dataclass(frozen=True)
class Layer:
    """One tree. ``raw``: its entries in the order of the archive, doubles too; ``notes``: what was cut or not looked at.

    ``missed``: some of its entries could not be read, and ``snapshot.unseen`` says which; ``reached``: what was left out since a limit
    of reading was reached. ``unread``: why this layer of an image could not be read at all, while others were; its tree is empty then.
    """

    name: str
    form: (
        str  # "folder", "tar", "ext image", "squashfs"; of a tar or squashfs that holds an overlay: "overlay in a tar"
    )
    snapshot: Snapshot
    raw: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    unread: str = ""
    missed: bool = False
    reached: tuple[str, ...] = ()
    source: Source | None = None  # where its contents are


@dataclass(frozen=True)
class Opened:
    """What lies at a path: one tree, or the layers of an image, the lowest first."""

    kind: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()


def open_tree(path: Path, *, digests: bool = True) -> Opened:
    """Read whatever lies at *path*. *digests*: whether files are read too, so that each has the digest of its content.

    Raises UsageError when nothing is there or no name can be like that, BrokenMachinery when it is of no known kind, damaged, or may not be
    read, LimitReached when reading it would cost too much, MissingProgram when a program that reads it is not installed. Of an image
    some of whose layers can be read, the others are ``unread``.
    """
    where = escape(os.fsencode(path))
    try:
        return _open(path, where, Budget(where, digests=digests))
    except OSError as error:
        if error.errno in _NO_NAME:
            raise UsageError(
                f"there is nothing: {error.strerror}", where=where, remedy="name a folder, a layer or an image"
            ) from error
        raise BrokenMachinery(
            f"cannot be read: {error.strerror or error}", where=where, remedy="may you read it, and all that is in it?"
        ) from error
    except ValueError as error:  # a NUL in a name
        raise UsageError(
            f"is no name of a file: {error}", where=where, remedy="name a folder, a layer or an image"
        ) from error


def _open(path: Path, where: str, budget: Budget) -> Opened:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return _folder(path, budget)
    if not stat.S_ISREG(mode):
        raise UsageError("is no file and no folder", where=where, remedy="name a folder, a layer or an image")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if is_sif(head):
        return _sif(path, where, budget)
    if head[257:262] == b"ustar":
        blobs = oci.blobs_in_archive(path)
        if oci.is_oci_archive(blobs):
            return _image("OCI archive", oci.image_in_archive(blobs, where, budget), budget)
        saved = oci.image_in_docker_archive(blobs, where, budget)
        if saved is not None:
            return _image("docker archive", saved, budget)
    layer = read_blob(Blob(path, 0, path.stat().st_size), where, budget)
    if layer.form in {"tar", "squashfs"} and holds_overlay(layer.snapshot):
        upper = Snapshot.of(upper_of(layer.snapshot), unseen=layer.snapshot.unseen)
        layer = replace(
            layer,
            form=f"overlay in a {layer.form}",
            snapshot=upper,
            raw=(),
            notes=(*layer.notes, UPPER_OF_OVERLAY),
            source=replace(layer.source, top=UPPER) if layer.source is not None else None,
        )
    return Opened(layer.form, (layer,))


def _folder(path: Path, budget: Budget) -> Opened:
    if (path / "oci-layout").is_file() and (path / "index.json").is_file():
        return _image("OCI layout", oci.image_in_folder(path, budget), budget)
    parts = [path / os.fsdecode(name) for name in (UPPER, WORK)]
    notes: tuple[str, ...] = ()
    if all(part.is_dir() and not part.is_symlink() for part in parts):
        path, notes = parts[0], (UPPER_OF_OVERLAY,)
    snapshot = read_folder(os.fsencode(path), budget)
    missed = any(words != "trusted" for words in snapshot.unseen)
    layer = Layer(
        "", "folder", snapshot, (), notes, missed=missed, reached=tuple(budget.reached), source=Source("folder", path)
    )
    return Opened("folder", (layer,))


def _sif(path: Path, where: str, budget: Budget) -> Opened:
    with path.open("rb") as file:
        objects = read_sif(file, where)
    if any(one.kind == "OCI index" for one in objects):
        return _image("OCI-SIF", oci.image_in_sif(path, objects, budget), budget)
    parts = [one for one in objects if one.kind == "partition"]
    others = ", ".join(one.kind for one in objects if one.kind != "partition")
    if not parts:
        raise BrokenMachinery(
            f"this SIF holds no partition and no OCI image, only: {others or 'nothing'}",
            where=where,
            remedy="whiteouts lie in the image that this was made for",
        )
    blobs = [(f"partition {one.number}", Blob(path, one.offset, one.size)) for one in parts]
    return Opened("SIF", _layers(blobs, where, budget), (f"not looked at: {others}",) if others else ())


def _image(kind: str, image: OciImage, budget: Budget) -> Opened:
    count = len(image.layers)
    blobs = [
        (f"layer {number} of {count}{f', {escape(one.digest.encode())[:19]}…' if one.digest else ''}", one.blob)
        for number, one in enumerate(image.layers, 1)
    ]
    return Opened(kind, _layers(blobs, "", budget), image.notes)


def _layers(blobs: list[tuple[str, Blob]], where: str, budget: Budget) -> tuple[Layer, ...]:
    """Every tree that can be read, by its name. Raises the error of the first when there is none."""
    layers: list[Layer] = []
    errors: list[LabError] = []
    known: dict[Blob, Layer] = {}  # an image may name a layer many times
    for name, blob in blobs:
        try:
            if blob in known:
                layer = known[blob]
                for entry in layer.snapshot:  # read once, and judged as often as it is named
                    budget.keep(entry)
            else:
                layer = known[blob] = read_blob(blob, f"{name} of {where or blob.path}", budget)
            layer = replace(layer, name=name)
            if layer.form in {"tar", "squashfs"} and holds_overlay(layer.snapshot):
                layer = replace(layer, notes=(*layer.notes, SEALED_AS_IT_LIES))
            layers.append(layer)
        except (BrokenMachinery, LimitReached) as error:
            errors.append(error)
            limit = (error.what,) if isinstance(error, LimitReached) else ()
            layers.append(Layer(name, "unread", EMPTY, unread=f"{error.what} ({error.remedy})", reached=limit))
    if errors and len(errors) == len(layers):
        raise errors[0]
    return tuple(layers)


def read_blob(blob: Blob, where: str, budget: Budget) -> Layer:
    """The tree in a part of a file, recognized by its first bytes."""
    before = len(budget.reached)
    layer = _read_blob(blob, where, budget)
    top = UPPER if UPPER_OF_OVERLAY in layer.notes else b""
    layer = replace(layer, source=Source(layer.form, blob, top))
    unknown = [entry for entry in layer.snapshot if entry.kind is Kind.UNKNOWN]
    if unknown and not layer.snapshot.unseen:
        unknown_entries = tuple(
            f"{escape(entry.path)}: a type, or a link, that leads to nothing here" for entry in unknown
        )
        layer = replace(layer, snapshot=replace(layer.snapshot, unseen=unknown_entries))
    return replace(layer, missed=bool(unknown), reached=tuple(budget.reached[before:]))


def _read_blob(blob: Blob, where: str, budget: Budget) -> Layer:
    budget.allow(blob.path.stat())
    head = blob.read(_HEAD)
    if is_ext(head):
        return _ext(blob, where, budget)
    if head[:4] == b"hsqs":
        # without -r the root's own attributes are lost
        return _unpacked(["sqfs2tar", "-r", "."], "squashfs", blob, where, budget)
    if head[:4] == _ZSTD:
        return _unpacked(["zstd", "-dcq"], "tar", blob, where, budget)
    if not any(head) and blob.size not in _EMPTY_TARS:
        raise BrokenMachinery(
            "is of no kind that is known here", where=where, remedy="see: whiteout-lab inspect --help"
        )
    with blob.open() as part:
        raw = tuple(entries_of_tar(part, where, budget))
    return _tar("tar", raw, budget)


def _tar(form: str, raw: tuple[Entry, ...], budget: Budget, notes: tuple[str, ...] = ()) -> Layer:
    """The tree of an archive, which may leave folders away: the root, and those above a name."""
    names = {entry.path.decode("latin-1") for entry in raw}
    if oci.is_image_archive(names):
        notes += ("this is an image whose archive is compressed: uncompress it, and its layers are read",)
    given = {entry.path for entry in raw}
    above: set[bytes] = {b""} - given
    for path in given:
        for folder in ancestors(path):
            if folder in given or folder in above:
                break
            budget.keep(Entry(folder, Kind.DIR))
            above.add(folder)
    folders = [Entry(path, Kind.DIR, 0o755) for path in above]
    return Layer("", form, Snapshot.of([*folders, *join_links(list(raw))]), raw, notes)


def _ext(blob: Blob, where: str, budget: Budget) -> Layer:
    with blob.path.open("rb") as file:
        at = {"offset": blob.offset, "size": blob.size}
        overlay = {UPPER, WORK} <= folders_of_ext(file, where, budget=budget, **at)
        tree = read_ext(file, where, top=UPPER if overlay else b"", budget=budget, **at)
    return Layer(
        "", "ext image", Snapshot.of(tree.entries, unseen=tree.unseen), (), (UPPER_OF_OVERLAY,) if overlay else ()
    )


def _unpacked(argv: list[str], form: str, blob: Blob, where: str, budget: Budget) -> Layer:
    """The tree of what a program makes a tar of. What it says beside that are notes: sqfs2tar leaves out what no tar can hold."""
    program = argv[0]
    if which(program) is None:
        raise MissingProgram(
            f"reading it needs {program}", where=where, remedy=f"apt-get install {package_of(program)}"
        )
    raw: tuple[Entry, ...] = ()
    unread = None
    with _as_file(blob, budget) as path:
        with pouring([*argv, path], timeout=_LONGEST) as poured:
            try:
                raw = tuple(entries_of_tar(poured.out, where, budget))
            except BrokenMachinery as error:  # what the program says of it comes first
                unread = error
        assert poured.ended is not None
        lines = [line.strip().replace(str(path), "it") for line in poured.ended.err.splitlines() if line.strip()]
    if not poured.ended.ok:
        words = f"{program} took more than {_LONGEST:.0f} s" if poured.ended.code == -9 else (lines or ["no words"])[-1]
        raise BrokenMachinery(f"the {form} cannot be read: {words}", where=where, remedy="is it whole?")
    if unread is not None:
        raise unread
    return _tar(form, raw, budget, tuple(f"{program}: {line}" for line in lines))


@contextlib.contextmanager
def _as_file(blob: Blob, budget: Budget) -> Iterator[Path]:
    """A blob as a file of its own."""
    if blob.is_whole_file:
        yield blob.path
        return
    budget.take(blob.size)
    with tempfile.NamedTemporaryFile(prefix="whiteout-lab-") as copy:
        blob.copy(copy)
        copy.flush()
        yield Path(copy.name)
