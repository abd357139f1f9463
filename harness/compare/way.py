"""The way of an image: what stands at each path at each station, where it was made, carried and lost, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.compare.classes import Class, Seen, classify, tree_key
from harness.compare.describe import NOTHING, Look
from harness.compare.words import Column, who
from harness.findings import Station
from harness.names import escape

# The order in which an image goes: a head, and what happened there.
STATIONS: tuple[tuple[Station, str, str], ...] = (
    (Station.VIEW, "run, writable", "the view inside, after the steps"),
    (Station.UPPER, "upper", "what lies in the overlay"),
    (Station.REMOUNT, "run again", "the view inside, writable"),
    (Station.READONLY, "run, read-only", "the view inside"),
    (Station.SEALED, "sealed layer", "squashfs"),
    (Station.SEALED_VIEW, "run, sealed", "the view inside"),
    (Station.PUSHED, "pushed layer", "OCI tar"),
    (Station.IMPORTED, "imported", "the tree that the importer has"),
)
LAYERS = (Station.UPPER, Station.SEALED, Station.PUSHED)
_ONLY = (Station.READONLY, Station.SEALED, Station.SEALED_VIEW, Station.PUSHED, Station.IMPORTED)
SPOILS = ("WL301", "WL303", "WL306")  # findings that make a pushed layer no valid OCI layer


@dataclass(frozen=True)
class Stop:
    """One path at one station: what stands there, and in a word what happened to it on the way."""

    look: Look
    word: str = ""  # "made here", "carried", "changed", "lost here", or nothing


@dataclass(frozen=True)
class Way:
    """The way of the images of one class of tools. ``rows``: a path, and its stops in the order of ``heads``."""

    tools: str
    first: Seen
    heads: tuple[Station, ...]
    rows: tuple[tuple[str, tuple[Stop, ...]], ...]
    conclusion: tuple[str, ...]


def ways(seen: Sequence[Seen], columns: Sequence[Column]) -> tuple[Way, ...]:
    """One way for each class of cells whose images went alike; cells that mount a stack have none."""
    going = [one for one in seen if any(station in one.trees for station in _ONLY)]
    every = tuple(station for station, _, _ in STATIONS)

    def key(one: Seen) -> object:
        codes = frozenset((f.code, f.path, f.station) for f in one.findings if f.code.startswith("WL3"))
        return (tree_key(*every, Station.ORACLE)(one), codes)

    return tuple(_way(one, columns) for one in classify(going, key))


def _way(one: Class, columns: Sequence[Column]) -> Way:
    first = one.first
    heads = tuple(station for station, _, _ in STATIONS if station in first.trees)
    oracle = first.trees.get(Station.ORACLE, {})
    paths = sorted({path for tree in first.trees.values() for path in tree})
    rows = [(escape(path) or "/", stops(path, first.trees, heads, oracle)) for path in paths]
    flagged = {finding.path for finding in first.findings}
    told = tuple(
        (path, row) for path, row in rows if path in flagged or any(stop.word or stop.look.markers for stop in row)
    )
    return Way(who(one.columns, columns)[0], first, heads, told, conclusion(first))


def stops(
    path: bytes, trees: Mapping[Station, Mapping[bytes, Look]], heads: Sequence[Station], oracle: Mapping[bytes, Look]
) -> tuple[Stop, ...]:
    """The stops of one path. In a layer the marks count, in a view that it is not as it should be."""
    found: list[Stop] = []
    wanted = oracle.get(path, NOTHING).word
    marks: tuple[object, ...] | None = None
    wrong: str | None = None
    for station in heads:
        look = trees[station].get(path, NOTHING)
        if station in LAYERS:
            now: tuple[object, ...] = tuple(look.markers)
            found.append(Stop(look, _word(marks, now)))
            marks = now
        else:
            off = look.word if look.word != wanted else ""
            missing = "missing" if look.word != wanted and not look.word else off
            found.append(Stop(look, _word((wrong,) if wrong else None, (missing,) if missing else ())))
            wrong = missing
    return tuple(found)


def _word(before: tuple[object, ...] | None, now: tuple[object, ...]) -> str:
    if not before:
        return "made here" if now else ""
    if not now:
        return "lost here"
    return "carried" if now == before else "changed"


def conclusion(seen: Seen) -> tuple[str, ...]:
    """What came of the image, in sentences: the layer, the importer, and whether leaving the ghost out when sealing was enough."""
    if Station.SEALED not in seen.trees:
        return ()
    at = {station: [f for f in seen.findings if f.station is station] for station in Station}
    spoilt = sorted({f.code for f in at[Station.PUSHED] if f.code in SPOILS})
    refusals = [f for f in seen.findings if f.code == "WL304"]
    misread = [f for f in at[Station.IMPORTED] if f.code == "WL305"]
    wrong = sorted(
        {f.code for f in seen.findings if f.station in (Station.READONLY, Station.SEALED_VIEW)} | _carried(seen)
    )
    said = []
    if Station.PUSHED in seen.trees:
        said.append(
            f"The pushed layer is {'no valid OCI layer: ' + ', '.join(spoilt) if spoilt else 'a valid OCI layer'}."
        )
    if refusals:
        said.append(f"{refusals[0].message}.")
    elif Station.IMPORTED in seen.trees:
        said.append(f"podman takes it, and its tree is {'not what it must be' if misread else 'what it must be'}.")
    if wrong:
        said.append(f"Run read-only or sealed, the container does not see what it should: {', '.join(wrong)}.")
    if any(f.code == "WL101" for f in at[Station.UPPER]):
        ghosts = {f.path for f in at[Station.UPPER] if f.code == "WL101"}
        left = {path for path in seen.trees[Station.SEALED] if escape(path) in ghosts}
        if left:
            said.append("Sealing carries the whiteout of a marker on: nothing is left out here.")
        else:
            enough = not spoilt and not refusals and not misread
            said.append(
                "Sealing leaves the whiteout of a marker out; for a valid image that is "
                + ("enough here" if enough else "not enough here")
                + ("." if not wrong else (", and the views stay wrong." if not enough else "; the views stay wrong."))
            )
    return tuple(said)


def _carried(seen: Seen) -> set[str]:
    return {f.code for f in seen.findings if Station.READONLY in f.carried or Station.SEALED_VIEW in f.carried}
