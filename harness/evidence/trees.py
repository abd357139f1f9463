"""From what a script left in ``out/`` to a recording and its snapshots."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence import layers
from harness.evidence.recording import Step
from harness.names import escape
from harness.places import UPPER, PlaceKind, PlaceName, at_each, known
from harness.profile import Profile
from harness.protocol import STEP
from harness.scenario.model import Scenario
from harness.script.paths import spoken_paths
from harness.snapshot.jsonl import read_jsonl, write_jsonl
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.snapshot.names import packed_names, refused_names
from harness.snapshot.tar import read_tar
from harness.worlds.inside import CELL, GIVEN, SCRIPT

_TAKEN = (PlaceKind.VIEW, PlaceKind.UPPER, PlaceKind.ORACLE)  # what the script packs itself
LOG_BYTES = 4096


def unseen(profile: Profile) -> tuple[str, ...]:
    """The xattr namespaces that a profile cannot read (``trusted.*`` needs CAP_SYS_ADMIN in the first user namespace)."""
    return ("trusted",) if profile is Profile.USER else ()


def snapshots(
    out: Path, scenario: Scenario, profile: Profile, raw: Mapping[PlaceName, tuple[Entry, ...]]
) -> dict[PlaceName, Snapshot]:
    """The snapshot of every place whose tree was taken. *raw*: every entry of the layers.

    What was listed and could not be looked at, and what was found by looking it up and was not listed, stands there as *unknown*.
    """
    found: dict[PlaceName, Snapshot] = {}
    for place, archive in layers.archives((path.name for path in out.glob("*.tar")), *_TAKEN).items():
        try:
            entries = read_tar(out / archive)
        except BrokenMachinery:  # tar was stopped, or had no room: what is there is no tree, and ``whole`` says so
            continue
        listed = {*packed_names(_bytes(out / f"{place}.names")), *refused_names(_bytes(out / f"{place}.err"))}
        opened = {entry.path for entry in entries}
        reached = _reached(_bytes(out / f"{place}.reached"), scenario, profile)
        entries = linked(entries, _bytes(out / f"{place}.links"))
        entries += [Entry(name, Kind.UNKNOWN) for name in (listed | reached) - opened]
        found[place] = Snapshot.of(entries or EMPTY, listed=listed, unseen=unseen(profile))
    upper = layers.read_upper_image(out)
    found |= {UPPER: upper} if upper is not None else {}
    return found | layers.imported(out) | layers.trees_of_layers(raw)


def _reached(raw: bytes, scenario: Scenario, profile: Profile) -> set[bytes]:
    """The paths of the scenario that were found by looking them up."""
    if not raw:
        return set()
    paths = spoken_paths(scenario, profile)
    return {paths[int(line)] for line in raw.split() if int(line) < len(paths)}


def linked(entries: list[Entry], listing: bytes) -> list[Entry]:
    """Entries with the groups that share an inode, of a listing ``COUNT INODE ./PATH`` with NUL between its lines.

    The count may be larger than the group: the kernel's overlay keeps one more name of its whiteouts in its work folder.
    """
    counts: dict[bytes, int] = {}
    groups: dict[bytes, list[bytes]] = {}
    for line in listing.split(b"\0"):
        count, _, rest = line.partition(b" ")
        inode, _, path = rest.partition(b" ./")
        if count.isdigit() and path:
            counts[path] = int(count)
            groups.setdefault(inode, []).append(path)
    first = {path: min(group) for group in groups.values() for path in group}
    return [
        msgspec.structs.replace(entry, same_as=first[entry.path], links=counts[entry.path])
        if entry.path in first and entry.same_as is None
        else entry
        for entry in entries
    ]


def write_snapshots(trees: Mapping[PlaceName, Snapshot], folder: Path) -> None:
    """One file of sorted JSON Lines for each place."""
    for place, snapshot in trees.items():
        write_jsonl(snapshot, folder / f"{place}.jsonl")


def snapshots_among(names: Iterable[str]) -> dict[PlaceName, str]:
    """The files of snapshots among the names of a recording's files, in the order of places."""
    found = {place: name for name in names if name.endswith(".jsonl") and (place := known(name.removesuffix(".jsonl")))}
    return {place.name: found[place.name] for place in at_each(found)}


def read_trees(folder: Path) -> dict[PlaceName, Snapshot]:
    """The snapshots of a recording."""
    names = snapshots_among(path.name for path in folder.glob("*.jsonl"))
    return {place: read_jsonl(folder / name) for place, name in names.items()}


def steps(out: Path, tree: str) -> tuple[Step, ...]:
    """The steps that came to an end on ``merged`` or ``oracle``."""
    raw = _bytes(out / f"{tree}.steps")
    return tuple(Step(int(n), int(code), escape(words.rstrip(b"\n"))) for n, words, code in STEP.findall(raw))


def phase(out: Path) -> str:
    """The last phase that the script entered; empty when it did not start."""
    lines = _bytes(out / "phases").split(b"\n")
    return lines[-2].decode() if len(lines) > 1 else ""


def broken(out: Path) -> str:
    """Why the script gave up, in its words; empty when it did not."""
    return escape(_bytes(out / "broken").strip()).replace("\\n", " ")


def refused(out: Path) -> str:
    """What the tool said when it refused to mount; empty when it did not."""
    return escape(_bytes(out / "refused").strip()).replace("\\n", " ")


def leftovers(out: Path) -> tuple[str, ...]:
    """What the tool left in its work folder, as escaped paths."""
    return tuple(escape(line) for line in sorted(set(_bytes(out / "work.left").split(b"\n"))) if line)


def daemon_exits(out: Path) -> tuple[int, ...]:
    """The daemon's exit codes, unmount by unmount."""
    return tuple(int(line) for line in _bytes(out / "daemon.exit").split() if line.isdigit())


def mounts(out: Path) -> tuple[str, ...]:
    """The lines of mountinfo that are the cell's own: what was mounted below its folder, which is the last mount where that stands."""
    lines = [line.split(b" ") for line in _bytes(out / "mounts").splitlines()]
    ours = set([words[0] for words in lines if words[4] == CELL.encode()][-1:])
    found = []
    for words in lines:
        if words[1] in ours and words[4] not in {GIVEN.encode(), SCRIPT.encode()}:
            ours.add(words[0])
            found.append(escape(b" ".join(words)))
    return tuple(found)


def log(out: Path) -> str:
    """The end of the daemon's own log."""
    return escape(_bytes(out / "daemon.log")[-LOG_BYTES:]).replace("\\n", "\n")


def _bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""
