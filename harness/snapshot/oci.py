"""OCI images, wherever their blobs lie: a layout in a folder, the same in a tar, an OCI-SIF. From the index to the layers.

Source: opencontainers/image-spec, image-layout.md, image-index.md and manifest.md.
"""

from __future__ import annotations

import contextlib
import io
import json
import platform
import re
import shutil
import tarfile
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from harness.errors import BrokenMachinery, LimitReached
from harness.snapshot.digests import Digests
from harness.snapshot.limits import MOST_LAYERS, Budget
from harness.snapshot.sif import Descriptor
from harness.snapshot.stream import Forward, Member
from harness.snapshot.tar import TAR_ERRORS

if TYPE_CHECKING:
    from typing_extensions import Buffer  # a type alone

MOST_JSON = 8 << 20  # bytes of an index or a manifest
_MOST_BLOBS = 10_000  # files of an archive; an image has few, and they are not looked for in a big tree
_DEEPEST = 4  # an index may name an index
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
# image-spec, descriptor.md, "Digests"; no file name is longer than 255 bytes
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+){0,3}):([a-zA-Z0-9=_-]{1,200})")
_CHECKED = frozenset({"sha256", "sha512"})
_CHANGED = "it is damaged, or was changed since"
_WRITTEN = "it was written since (overlay sync makes that good), or is damaged"
_REMEDY = "make the image again, or copy it whole"


class Part(io.RawIOBase):
    """The next *size* bytes of a file, as a stream of their own."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count


@dataclass(frozen=True)
class Blob:
    """Where a blob lies: bytes *offset* to *offset* + *size* of a file."""

    path: Path
    offset: int
    size: int

    @property
    def is_whole_file(self) -> bool:
        return self.offset == 0 and self.size == self.path.stat().st_size

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """A stream of its bytes."""
        with self._part() as part:
            yield io.BufferedReader(part, 1 << 20)

    @contextlib.contextmanager
    def _part(self) -> Iterator[Part]:
        with io.FileIO(self.path) as file:
            file.seek(self.offset)
            yield Part(file, self.size)

    def read(self, most: int) -> bytes:
        """At most *most* bytes of it."""
        with self.open() as part:
            return part.read(most)

    def copy(self, target: IO[bytes]) -> None:
        """Its bytes, into a file."""
        with self.open() as part:
            shutil.copyfileobj(part, target, 1 << 20)


@dataclass(frozen=True)
class OciLayer:
    """A layer of an image. ``true``: whether its content has its digest, None where that was not checked."""

    digest: str
    media_type: str
    blob: Blob
    true: bool | None = None


@dataclass(frozen=True)
class OciImage:
    """An image: its layers, the lowest first, and in plain words what was chosen or is not as it should be."""

    layers: tuple[OciLayer, ...]
    notes: tuple[str, ...] = field(default=())


def image_in_folder(folder: Path, budget: Budget) -> OciImage:
    """The image of an OCI layout. Raises BrokenMachinery when it is none, or not whole; LimitReached, as the others here."""
    index = Blob(folder / "index.json", 0, _size(folder / "index.json"))
    return _image(index, lambda digest: _in_folder(folder, digest), str(folder), budget)


def _in_folder(folder: Path, digest: str) -> Blob | None:
    found = _DIGEST.fullmatch(digest)
    if found is None:  # a digest is no way out of the folder
        return None
    path = folder.joinpath("blobs", *found.groups())
    return Blob(path, 0, path.stat().st_size) if path.is_file() else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise BrokenMachinery(
            f"is no OCI layout: {path.name} {error.strerror}", where=str(path), remedy=_REMEDY
        ) from error


def blobs_in_archive(path: Path) -> dict[str, Blob]:
    """Where the files of a tar lie, by name, the first ten thousand; none when it is compressed, or no whole tar."""
    blobs: dict[str, Blob] = {}
    try:
        with path.open("rb") as file, _members(file) as archive:
            while (member := archive.next()) is not None and len(blobs) < _MOST_BLOBS:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                if member.isreg():
                    blobs[member.name.removeprefix("./")] = Blob(path, member.offset_data, member.size)
    except (*TAR_ERRORS, LimitReached):
        return {}
    return blobs


def _members(file: IO[bytes]) -> tarfile.TarFile:
    stream = cast("IO[bytes]", Forward(file, Budget(content=1 << 62), plain=True))  # contents are stepped over
    return tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape", tarinfo=Member)


def is_oci_archive(names: Container[str]) -> bool:
    """Whether files of these names are an OCI layout: a layer may hold an ``index.json`` of its own."""
    return "oci-layout" in names and "index.json" in names


def is_image_archive(names: Container[str]) -> bool:
    """Whether files of these names are an OCI layout, or what ``docker save`` wrote."""
    return is_oci_archive(names) or ("manifest.json" in names and "repositories" in names)


def image_in_archive(blobs: Mapping[str, Blob], where: str, budget: Budget) -> OciImage:
    """The image of an OCI archive: a layout in a tar. Raises BrokenMachinery as for a folder."""
    return _image(blobs["index.json"], lambda digest: blobs.get(f"blobs/{digest.replace(':', '/', 1)}"), where, budget)


def image_in_docker_archive(blobs: Mapping[str, Blob], where: str, budget: Budget) -> OciImage | None:
    """The first image of what ``docker save`` wrote; None when the tar is none. Its layers have no digest that could be checked.

    Source: ``manifest.json`` of moby's image/tarexport, a list of ``Config``, ``RepoTags`` and ``Layers``.
    """
    if "manifest.json" not in blobs:
        return None
    try:
        images = json.loads(blobs["manifest.json"].read(MOST_JSON))
        names = images[0]["Layers"]
        found = [blobs[name] for name in names[:MOST_LAYERS]]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        return None
    _counted(names, where, budget)
    notes = (f"it holds {len(images)} images; this is the first",) if len(images) > 1 else ()
    return OciImage(tuple(OciLayer("", "", blob) for blob in found), notes)


def image_in_sif(
    path: Path, objects: tuple[Descriptor, ...], budget: Budget | None = None, digests: Digests | None = None
) -> OciImage:
    """The image of an OCI-SIF. *digests*: those of other states of it. Raises BrokenMachinery when its index leads nowhere."""
    index = next((one for one in objects if one.kind == "OCI index"), None)
    if index is None:
        raise BrokenMachinery("is no OCI-SIF: it holds no index", where=str(path), remedy=_REMEDY)
    blobs = {one.digest: Blob(path, one.offset, one.size) for one in objects if one.kind == "OCI blob"}
    start = Blob(path, index.offset, index.size)
    return _image(start, blobs.get, str(path), budget or Budget(str(path)), why=_WRITTEN, digests=digests)


def _image(
    index: Blob,
    find: Callable[[str], Blob | None],
    where: str,
    budget: Budget,
    *,
    why: str = _CHANGED,
    digests: Digests | None = None,
) -> OciImage:
    notes: list[str] = []
    digests = Digests() if digests is None else digests
    document = _json(index, where)
    for _ in range(_DEEPEST):
        manifests = document.get("manifests")
        if not isinstance(manifests, list):
            break
        chosen = _choose([one for one in manifests if isinstance(one, dict)], notes, where)
        document = _json(_blob(find, chosen, where), where)
    if not isinstance(document.get("layers"), list):
        raise BrokenMachinery("its index leads to no manifest", where=where, remedy=_REMEDY)
    layers = []
    answers: dict[tuple[Blob, str], bool] = {}  # an image may name a layer many times
    for number, one in enumerate(_counted(document["layers"], where, budget), 1):
        blob = _blob(find, one, where)
        digest = str(one.get("digest", ""))
        algorithm = digest.partition(":")[0]
        true = None
        if algorithm not in _CHECKED:
            notes.append(f"layer {number}: its digest is not checked: only sha256 and sha512 are")
        elif (blob, digest) in answers or _affordable(blob, budget):
            true = answers.get((blob, digest))
            if true is None:
                true = answers[blob, digest] = digests.of(blob.path, blob.offset, blob.size, algorithm) == digest
        else:
            notes.append(
                f"layer {number}: its digest is not checked: it has {blob.size} bytes, nearly all of them holes"
            )
        if true is False:
            notes.append(f"layer {number} is not what its digest says: {why}")
        layers.append(OciLayer(digest, str(one.get("mediaType", "")), blob, true))
    return OciImage(tuple(layers), tuple(notes))


def _counted(layers: list[Any], where: str, budget: Budget) -> list[Any]:
    if not layers:
        raise BrokenMachinery("this image has no layers: its manifest names none", where=where, remedy=_REMEDY)
    if len(layers) > MOST_LAYERS:
        raise budget.over(f"its manifest names {len(layers)} layers")
    return layers


def _affordable(blob: Blob, budget: Budget) -> bool:
    budget.allow(blob.path.stat())
    if blob.size > budget.content:
        return False
    budget.take(blob.size)
    return True


def _choose(manifests: list[Mapping[str, Any]], notes: list[str], where: str) -> Mapping[str, Any]:
    if not manifests:
        raise BrokenMachinery("its index names no image", where=where, remedy=_REMEDY)
    mine = _ARCH.get(platform.machine(), platform.machine())
    fitting = [
        one
        for one in manifests
        if isinstance(one.get("platform"), dict) and one["platform"].get("architecture") == mine
    ]
    if len(manifests) > 1:
        notes.append(f"it holds {len(manifests)} images; this is the first for {mine if fitting else 'any machine'}")
    return (fitting or manifests)[0]


def _blob(find: Callable[[str], Blob | None], descriptor: Any, where: str) -> Blob:
    digest = str(descriptor.get("digest", "")) if isinstance(descriptor, dict) else ""
    blob = find(digest)
    if blob is None:
        raise BrokenMachinery(f"the blob {digest[:80]!r} is not there", where=where, remedy=_REMEDY)
    return blob


def _json(blob: Blob, where: str) -> Mapping[str, Any]:
    try:
        document = json.loads(blob.read(MOST_JSON))
    except (ValueError, RecursionError, OSError) as error:
        raise BrokenMachinery(f"an index or manifest is no JSON: {error}", where=where, remedy=_REMEDY) from error
    if not isinstance(document, dict):
        raise BrokenMachinery("an index or manifest is no JSON object", where=where, remedy=_REMEDY)
    return document
