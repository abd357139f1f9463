"""OCI images, wherever their blobs lie: a layout in a folder, the same in a tar, an OCI-SIF. From the index to the layers.

Source: opencontainers/image-spec, image-layout.md, image-index.md and manifest.md.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import BrokenMachinery
from harness.snapshot.sif import Descriptor

MOST_JSON = 8 << 20  # bytes of an index or a manifest
_DEEPEST = 4  # an index may name an index
_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
_REMEDY = "make the image again, or copy it whole"


@dataclass(frozen=True)
class Blob:
    """Where a blob lies: bytes *offset* to *offset* + *size* of a file."""

    path: Path
    offset: int
    size: int

    def read(self, most: int) -> bytes:
        """At most *most* bytes of it."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(min(self.size, most))

    def digest(self) -> str:
        """What its digest really is."""
        said = hashlib.sha256()
        with self.path.open("rb") as file:
            file.seek(self.offset)
            left = self.size
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                said.update(block)
                left -= len(block)
        return f"sha256:{said.hexdigest()}"


@dataclass(frozen=True)
class OciLayer:
    """A layer of an image. ``true``: whether its content is what its digest says."""

    digest: str
    media_type: str
    blob: Blob
    true: bool


@dataclass(frozen=True)
class OciImage:
    """An image: its layers, the lowest first, and in plain words what was chosen or is not as it should be."""

    layers: tuple[OciLayer, ...]
    notes: tuple[str, ...] = field(default=())


def image_in_folder(folder: Path) -> OciImage:
    """The image of an OCI layout. Raises BrokenMachinery when it is none, or not whole."""
    index = Blob(folder / "index.json", 0, _size(folder / "index.json"))
    return _image(index, lambda digest: _in_folder(folder, digest), str(folder))


def _in_folder(folder: Path, digest: str) -> Blob | None:
    algorithm, _, name = digest.partition(":")
    if not algorithm.isalnum() or not name.isalnum():  # a digest is no way out of the folder
        return None
    path = folder / "blobs" / algorithm / name
    return Blob(path, 0, path.stat().st_size) if path.is_file() else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise BrokenMachinery(
            f"is no OCI layout: {path.name} {error.strerror}", where=str(path), remedy=_REMEDY
        ) from error


def image_in_archive(path: Path) -> OciImage:
    """The image of an OCI archive: a layout in a tar that is not compressed. Raises BrokenMachinery as for a folder."""
    blobs: dict[str, Blob] = {}
    try:
        with tarfile.open(path, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                if member.isreg():
                    blobs[member.name.removeprefix("./")] = Blob(path, member.offset_data, member.size)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BrokenMachinery(f"is no tar, or a damaged one: {error}", where=str(path), remedy=_REMEDY) from error
    if "index.json" not in blobs:
        raise BrokenMachinery("is no OCI archive: it holds no index.json", where=str(path), remedy=_REMEDY)
    return _image(blobs["index.json"], lambda digest: blobs.get(f"blobs/{digest.replace(':', '/', 1)}"), str(path))


def image_in_sif(path: Path, objects: tuple[Descriptor, ...]) -> OciImage:
    """The image of an OCI-SIF. Raises BrokenMachinery when its index leads nowhere."""
    index = next((one for one in objects if one.kind == "OCI index"), None)
    if index is None:
        raise BrokenMachinery("is no OCI-SIF: it holds no index", where=str(path), remedy=_REMEDY)
    blobs = {one.digest: Blob(path, one.offset, one.size) for one in objects if one.kind == "OCI blob"}
    return _image(Blob(path, index.offset, index.size), blobs.get, str(path))


def _image(index: Blob, find: Callable[[str], Blob | None], where: str) -> OciImage:
    notes: list[str] = []
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
    for number, one in enumerate(document["layers"], 1):
        blob = _blob(find, one, where)
        digest = str(one.get("digest", ""))
        true = blob.digest() == digest
        if not true:
            notes.append(
                f"layer {number} is not what its digest says: it was written since (overlay sync makes that good)"
            )
        layers.append(OciLayer(digest, str(one.get("mediaType", "")), blob, true))
    return OciImage(tuple(layers), tuple(notes))


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


def _blob(find: Callable[[str], Blob | None], said: Any, where: str) -> Blob:
    digest = str(said.get("digest", "")) if isinstance(said, dict) else ""
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


def copy_blob(blob: Blob, target: BinaryIO) -> None:
    """The bytes of a blob, into a file."""
    with blob.path.open("rb") as file:
        file.seek(blob.offset)
        left = blob.size
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            target.write(block)
            left -= len(block)
