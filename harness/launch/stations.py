"""From what a cell of containers left to the trees of its further stations: the ext3 upper, the sealed and the pushed layer, the import.

Everything that a layer holds is kept in the order of its archive, doubles too, as ``raw``; the tree is what lies below the folder ``lab``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.findings import Station
from harness.names import escape
from harness.recording import Import
from harness.snapshot.ext import read_ext
from harness.snapshot.lab import below_lab
from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.tar import entries_of_tar, join_links

LAYERS = {Station.SEALED: "sealed.tar", Station.PUSHED: "pushed.layer"}
_ASKED = re.compile(rb"^asked ([^\n]*)\nexit (\d+)\n((?:  [^\n]*\n?)*)", re.MULTILINE)


def read_upper_image(out: Path) -> Snapshot | None:
    """The upper in an ext3 image, read without mounting it; the image, 64 MiB of nearly nothing, is not kept.

    Raises BrokenMachinery when it is no such image.
    """
    image = out / "upper.img"
    if not image.exists():
        return None
    try:
        with image.open("rb") as file:
            tree = read_ext(file, "the overlay's ext3 image", top=b"upper")
    finally:
        image.unlink()
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


def answers(out: Path) -> tuple[Import, ...]:
    """What the programs on the way answered: exit code and words, escaped."""
    try:
        raw = (out / "answers").read_bytes()
    except OSError:
        return ()
    return tuple(
        Import(who.decode("utf-8", "replace"), int(code), _words(words.splitlines()))
        for who, code, words in _ASKED.findall(raw)
    )


def _words(lines: Sequence[bytes]) -> str:
    return "\n".join(escape(line.removeprefix(b"  ")) for line in lines)
