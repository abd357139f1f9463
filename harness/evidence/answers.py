"""What the programs on an image's journey said: which overlay they chose, what the image says of its layers, what they answered."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.recording import Answer, LayerRecord, Manifest
from harness.names import escape
from harness.places import PlaceName, known
from harness.protocol import ANSWER
from harness.snapshot.digests import Digests
from harness.snapshot.oci import image_in_sif
from harness.snapshot.sif import read_sif

# What merged a tree, in the words of ``Recording.backends``; others are the file system's own name.
KERNEL, KERNEL_USERXATTR, FUSE = "kernel overlay", "kernel overlay, userxattr", "fuse-overlayfs"
_STATES = (
    ("written", "written.sif"), ("synced", "synced.sif"), ("sealed", "sealed.sif"),
    ("pushed as tar", "pushed.manifest"), ("pushed as squashfs", "pushed.squashfs.manifest"),
)  # fmt: skip


def backends(out: Path) -> dict[PlaceName, str]:
    """Which overlay merged the tree of each container: the program's own choice, as the mount table inside tells it."""
    found = {}
    for path in sorted(out.glob("*.mounts")):
        place = known(path.stem)
        with contextlib.suppress(OSError):
            lines = path.read_bytes().splitlines()
            roots = [words for line in lines if (words := line.split(b" "))[4:5] == [b"/"]]
            if roots and place is not None:
                found[place] = _backend(roots[-1])
    return found


def _backend(words: list[bytes]) -> str:
    """Of a line of mountinfo (proc(5)): after the lone dash come the file system's type, its source and its options."""
    kind, _, options = [*words[words.index(b"-") + 1 :], b"", b"", b""][:3]
    if kind == b"overlay":
        return KERNEL_USERXATTR if b"userxattr" in options.split(b",") else KERNEL
    return escape(kind.removeprefix(b"fuse."))


def manifests(out: Path) -> tuple[Manifest, ...]:
    """What the image said of its layers, state by state."""
    found = []
    digests = Digests()  # what overlay sync writes is a digest, and nothing of the layer
    for state, name in _STATES:
        path = out / name
        if not path.exists():
            continue
        try:
            layers = _in_a_sif(path, digests) if path.suffix == ".sif" else _in_a_manifest(path)
            found.append(Manifest(state, layers))
        except (BrokenMachinery, OSError, msgspec.MsgspecError) as error:
            found.append(Manifest(state, unread=escape(os.fsencode(str(error)))))
    return tuple(found)


def _in_a_sif(path: Path, digests: Digests) -> tuple[LayerRecord, ...]:
    with path.open("rb") as file:
        image = image_in_sif(path, read_sif(file, path.name), digests=digests)
    return tuple(LayerRecord(one.media_type, one.digest, one.blob.size, one.true) for one in image.layers)


class _Layer(msgspec.Struct, rename={"media_type": "mediaType"}):
    media_type: str = ""
    digest: str = ""
    size: int = 0  # bytes


class _Manifest(msgspec.Struct):
    """A manifest of an image, as a registry has it."""

    layers: list[_Layer]


def _in_a_manifest(path: Path) -> tuple[LayerRecord, ...]:
    manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    return tuple(LayerRecord(one.media_type, one.digest, one.size) for one in manifest.layers)


def answers(out: Path) -> tuple[Answer, ...]:
    """What the programs answered: exit code and words, escaped."""
    try:
        raw = (out / "answers").read_bytes()
    except OSError:
        return ()
    return tuple(
        Answer(
            who.decode("utf-8", "replace"),
            int(code),
            _words(words.splitlines()),
            known(place.decode("ascii", "replace")),
        )
        for place, who, code, words in ANSWER.findall(raw)
    )


def _words(lines: Sequence[bytes]) -> str:
    return "\n".join(escape(line.removeprefix(b"  ")) for line in lines)
