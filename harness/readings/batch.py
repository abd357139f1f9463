"""Run many readings by one taker: one script in its namespaces, then what each reading saw. The edge that touches the machine."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.drivers.base import Importer
from harness.errors import BrokenMachinery
from harness.evidence.trees import daemon_exits, unseen
from harness.launch.cell import CellContext, closed_fuse, from_outside, machine, stage_in
from harness.launch.enclosure import Enclosure
from harness.launch.untouched import only_files
from harness.machine.process import run, run_on_lifeline
from harness.machine.room import Room
from harness.machine.workfolder import own_folder
from harness.names import escape
from harness.profile import Profile
from harness.readings.given import Given
from harness.readings.image import layout
from harness.readings.script import compile_readings
from harness.readings.taker import Taker
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.snapshot.names import packed_names, refused_names
from harness.snapshot.squash import read_squash
from harness.snapshot.tar import entries_of_tar, join_links
from harness.worlds.inside import USER

DIED, REFUSED = 4, 5  # exit codes of a reading: a daemon that ended by a signal, and a mount that was refused
_BROKEN = 3
_LONGEST = 120  # seconds to pack the evidence of one batch
_WORDS = 4000  # bytes of what was said, from the end
_MOST = 1 << 24  # bytes of a layer that is handed on


@dataclass(frozen=True)
class Saw:
    """What came of one reading. ``code``: its exit code, None where it came to no end.

    ``tree``: what was shown, None where nothing was. ``packed``: every entry of the layer that was made, doubles too. ``broken``: why the
    machinery failed; then nothing else is said. ``words``: what the taker said, escaped. ``touched``: what an importer changed outside
    of its tree, in the canary beside it: how that is, and how it was laid, a line for each name; empty where it is as it was.
    """

    code: int | None
    words: str = ""
    tree: Snapshot | None = None
    packed: tuple[Entry, ...] | None = None
    layer: bytes = b""  # that layer, where it is a tar, and one that can be handed on
    broken: str = ""
    exits: tuple[int, ...] = ()  # of the daemon that mounted it
    touched: str = ""


def enclosure_for(taker: Taker, context: CellContext) -> Enclosure:
    """The namespaces that a taker needs on this machine."""
    as_root = os.geteuid() == 0
    setup = taker.setup
    hands_over = _by_root(taker)
    return Enclosure(
        taker.tool.world.root,
        Profile.ROOT if hands_over else taker.profile,
        as_root,
        USER if setup.container else context.uid,
        from_outside(taker.tool),
        closed_fuse(),
        None,
        setup.container,
        hands_over=hands_over,
        machine=machine(),
    )


def _by_root(taker: Taker) -> bool:
    """Whether root lays out what a user then reads."""
    return os.geteuid() == 0 and taker.profile is Profile.USER and not taker.setup.container


def run_batch(taker: Taker, givens: Sequence[Given], context: CellContext, keep_at: Path | None = None) -> list[Saw]:
    """What a taker makes of each of *givens*, in their order. *keep_at*: a tar.gz that the script and its evidence are kept in.

    Nothing else is left. Raises BrokenMachinery where no reading could be done at all.
    """
    room = Room(context.work)
    with own_folder(context.work, "readings", "the folder of the readings") as folder:
        room.need()
        script = script_of(taker, givens)
        enclosure = enclosure_for(taker, context)
        stage = stage_in(enclosure, folder, {"script.sh": script, **files_of(taker, givens)})
        ended = run_on_lifeline(
            enclosure.argv(stage),
            timeout=context.timeout,
            env=enclosure.environment(),
            cwd=context.work,
            watch=room.look,
        )
        out = stage / "out"
        problem = only_files(out, {str(number) for number in range(1, len(givens) + 1)}) or room.problem or _why(out)
        codes = _codes(out)
        if not problem and not codes:
            problem = (
                f"it could not be begun (exit code {ended.code}): {ended.err.decode('utf-8', 'replace').strip()[-500:]}"
            )
        if problem:
            raise BrokenMachinery(problem, where=taker.key, remedy="run it again")
        found = [_saw(taker, out / str(number), codes.get(number)) for number in range(1, len(givens) + 1)]
        if keep_at is not None:
            _keep(out, script, keep_at)
        return found


def script_of(taker: Taker, givens: Sequence[Given]) -> bytes:
    """The script of a batch, as it runs here."""
    return compile_readings(taker, givens, by_root=_by_root(taker))


def files_of(taker: Taker, givens: Sequence[Given]) -> Mapping[str, bytes]:
    """What lies beside it: the layers, or the images."""
    files: dict[str, bytes] = {}
    for number, given in enumerate(givens, 1):
        if isinstance(taker.setup, Importer):
            files |= {f"{number}/image/{name}": content for name, content in layout(given.layers).items()}
        else:
            files |= {f"given/{number}.{layer}.tar": content for layer, content in enumerate(given.layers, 1)}
    return files


def _why(out: Path) -> str:
    return escape(_bytes(out / "broken").strip()).replace("\\n", " ")


def _codes(out: Path) -> dict[int, int]:
    pairs = (line.split() for line in _bytes(out / "readings").splitlines())
    return {int(number): int(code) for number, code in pairs}


def _saw(taker: Taker, out: Path, code: int | None) -> Saw:
    words = b"\n".join(_bytes(out / name) for name in ("refused", "said", "daemon.log"))
    said = escape(words.strip()[-_WORDS:]).replace("\\n", "\n")
    if code is None:
        return Saw(None, said, broken="the readings ended before it")
    if code == _BROKEN or (out / "broken").exists():
        return Saw(code, said, broken=_why(out) or "it could not be begun")
    if code == 0 and taker.setup.kind == "packs":
        return _packed(out, said)
    tree = _tree(out, taker.profile)
    touched = escape(_bytes(out / "touched").strip()).replace("\\n", "\n")
    if code == 0 and tree is None:
        return Saw(code, said, broken="no tree was shown", touched=touched)
    return Saw(code, said, tree if code == 0 else None, exits=daemon_exits(out), touched=touched)


def _tree(out: Path, profile: Profile) -> Snapshot | None:
    """What was shown, None where nothing was."""
    try:
        if (out / "view.tar").stat().st_size > _MOST:
            with (out / "view.tar").open("rb") as file:
                return _shown(tuple(entries_of_tar(file, str(out))), *_listings(out), profile)
        return _shown_in((out / "view.tar").read_bytes(), *_listings(out), profile)
    except (OSError, BrokenMachinery):
        return None


def _listings(out: Path) -> tuple[bytes, bytes]:
    return _bytes(out / "view.names"), _bytes(out / "view.err")


@lru_cache(maxsize=512)
def _shown_in(archive: bytes, names: bytes, errors: bytes, profile: Profile) -> Snapshot:
    """Most readers show one and the same tree: equal files are read once."""
    return _shown(tuple(entries_of_tar(io.BytesIO(archive), "view.tar")), names, errors, profile)


def _shown(members: Sequence[Entry], names: bytes, errors: bytes, profile: Profile) -> Snapshot:
    """The tree; what was listed and could not be looked at stands there as *unknown*."""
    entries = join_links(list(members))
    listed = {*packed_names(names), *refused_names(errors)}
    opened = {entry.path for entry in entries}
    entries += [Entry(name, Kind.UNKNOWN) for name in listed - opened]
    return Snapshot.of(entries or EMPTY, listed=listed, unseen=unseen(profile))


def _packed(out: Path, said: str) -> Saw:
    path = out / "packed.layer"
    try:
        with path.open("rb") as file:
            squashfs = file.read(4) == b"hsqs"
            file.seek(0)
            entries = tuple(read_squash(file, str(path)) if squashfs else entries_of_tar(file, str(path)))
        layer = b"" if squashfs or path.stat().st_size > _MOST else _unzipped(path.read_bytes())
    except (OSError, BrokenMachinery) as error:
        return Saw(0, said, broken=f"no layer was made that can be read: {error}")
    return Saw(0, said, packed=entries, layer=layer)


def _unzipped(layer: bytes) -> bytes:
    """A layer as a tar: what commits have made is often compressed. Nothing, where it would be too large to be handed on."""
    if not layer.startswith(b"\x1f\x8b"):
        return layer
    stream = zlib.decompressobj(wbits=31)
    plain = stream.decompress(layer, _MOST)
    return b"" if stream.unconsumed_tail else plain


def _keep(out: Path, script: bytes, keep_at: Path) -> None:
    """The script and its evidence in one compressed tar, which is there whole or not at all."""
    keep_at.parent.mkdir(parents=True, exist_ok=True)
    partial = keep_at.with_name(f".{keep_at.name}.part")
    (out / "script.sh").write_bytes(script)
    done = run(
        ["tar", "-C", out, "--transform=s,^\\.,out,;s,^out/script.sh,script.sh,", "-czf", partial, "."],
        timeout=_LONGEST,
    )
    if not done.ok:
        raise BrokenMachinery(
            f"the readings cannot be kept: {done.err.strip()[-300:]}", where=str(keep_at), remedy="is there room?"
        )
    partial.rename(keep_at)


def _bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""
