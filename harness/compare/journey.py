"""The way of an image: what stands at each path at each station, where it was made, carried and lost, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.compare.classes import Class, Seen, classify, tree_key
from harness.compare.describe import NOTHING, Look
from harness.compare.words import Column, who
from harness.judge.findings import flat
from harness.names import escape
from harness.places import Station

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
# what comes after the last writable run, and so after a handover; no cell that mounts a stack has any of it
AFTER = (Station.READONLY, Station.SEALED, Station.SEALED_VIEW, Station.PUSHED, Station.IMPORTED)
SPOILS = ("WL301", "WL303", "WL306")  # findings that make a pushed layer no valid OCI layer


@dataclass(frozen=True)
class Stop:
    """One path at one station: what stands there, and in a word what happened to it on the way."""

    look: Look
    word: str = ""  # "made here", "carried", "changed", "lost here"; in a view "wrong here", "right again"; or nothing


@dataclass(frozen=True)
class Way:
    """The way of the images of one class of tools. ``rows``: a path, and its stops in the order of ``heads``."""

    tools: str
    first: Seen
    heads: tuple[Station, ...]
    rows: tuple[tuple[str, tuple[Stop, ...]], ...]
    answer: str
    conclusion: tuple[str, ...]


def ways(seen: Sequence[Seen], columns: Sequence[Column]) -> tuple[Way, ...]:
    """One way for each class of cells whose images went alike, by the same engines; cells that mount a stack have none."""
    going = [one for one in seen if any(station in one.trees for station in AFTER)]
    every = tuple(station for station, _, _ in STATIONS)

    def key(one: Seen) -> object:
        codes = frozenset((f.code, f.path, f.station) for f in one.findings if f.code.startswith("WL3"))
        return (tree_key(*every, Station.ORACLE)(one), codes, frozenset(one.engines.items()))

    return tuple(_way(one, columns) for one in classify(going, key))


def _way(one: Class, columns: Sequence[Column]) -> Way:
    first = one.first
    heads = tuple(station for station, _, _ in STATIONS if station in first.trees)
    oracle = first.trees.get(Station.ORACLE, {})
    paths = sorted({path for tree in first.trees.values() for path in tree})
    rows = [(escape(path) or "/", stops(path, first.trees, heads, oracle)) for path in paths]
    flagged = {finding.path for finding in flat(first.findings)}
    told = tuple(
        (path, row) for path, row in rows if path in flagged or any(stop.word or stop.look.markers for stop in row)
    )
    return Way(who(one.columns, columns)[0], first, heads, told, answer(first), conclusion(first))


def stops(
    path: bytes, trees: Mapping[Station, Mapping[bytes, Look]], heads: Sequence[Station], oracle: Mapping[bytes, Look]
) -> tuple[Stop, ...]:
    """The stops of one path. In a layer the marks count, in a view that it is not as it should be."""
    found: list[Stop] = []
    wanted = oracle.get(path, NOTHING).word
    marks: tuple[object, ...] = ()
    wrong: tuple[object, ...] = ()
    for station in heads:
        look = _without_owner(trees[station].get(path, NOTHING))
        if station in LAYERS:
            now: tuple[object, ...] = tuple(look.markers)
            found.append(Stop(look, _word(marks, now)))
            marks = now
        else:
            now = (look.word,) if look.word != wanted else ()
            word = _word(wrong, now)
            found.append(Stop(look, _IN_A_VIEW.get(word, word)))
            wrong = now
    return tuple(found)


_IN_A_VIEW = {"made here": "wrong here", "lost here": "right again"}


def _without_owner(look: Look) -> Look:
    """Owners differ from station to station by who reads, and say nothing of marks."""
    details = tuple(detail for detail in look.details if detail.about != "owner")
    return Look(look.word, details, look.markers)


def _word(before: tuple[object, ...], now: tuple[object, ...]) -> str:
    if not before:
        return "made here" if now else ""
    if not now:
        return "lost here"
    return "carried" if now == before else "changed"


@dataclass(frozen=True)
class Outcome:
    """What came of an image, as facts."""

    spoilt: tuple[str, ...]  # codes that make the pushed layer no valid OCI layer
    refusals: tuple[str, ...]  # what programs on the way answered when they gave up
    refused: bool  # whether an importer is among them
    imported: bool
    misread: bool
    wrong: tuple[str, ...]  # codes of what a container shows when it is run read-only or sealed
    ghost: str  # the whiteout of a marker: "" none, "carried", or "left out" by sealing

    @property
    def valid(self) -> bool:
        return not self.spoilt and not self.refused and not self.misread


def outcome(seen: Seen) -> Outcome | None:
    """What came of an image that was sealed; None for one that was not."""
    if Station.SEALED not in seen.trees:
        return None
    later = {Station.READONLY, Station.SEALED_VIEW}
    ghosts = {f.path for f in seen.findings if f.code == "WL101" and f.station is Station.UPPER}
    carried = any(escape(path) in ghosts for path in seen.trees[Station.SEALED])
    return Outcome(
        tuple(sorted({f.code for f in seen.findings if f.station is Station.PUSHED and f.code in SPOILS})),
        tuple(f.message for f in seen.findings if f.code == "WL304"),
        any(f.code == "WL304" and f.station is Station.IMPORTED for f in seen.findings),
        Station.IMPORTED in seen.trees,
        any(f.code == "WL305" for f in seen.findings),
        tuple(sorted({f.code for f in flat(seen.findings) if later & {f.station, *f.carried}})),
        ("carried" if carried else "left out") if ghosts else "",
    )


def answer(seen: Seen) -> str:
    """The same in one sentence without a subject, for the first screen; empty for an image that was not sealed."""
    facts = outcome(seen)
    if facts is None or Station.PUSHED not in seen.trees:
        return ""
    layer = "the pushed layer is no valid OCI layer" if facts.spoilt else "the pushed layer is a valid OCI layer"
    taken = "podman refuses it" if facts.refused else "podman takes it"
    if facts.imported and facts.misread:
        taken += " and has another tree"
    said = f"{layer} and {taken}"
    if facts.wrong:
        said += "; run read-only or sealed, the container shows markers or what was deleted"
    if facts.ghost == "left out":
        said += f"; leaving the whiteout of a marker out when sealing is {'enough' if facts.valid else 'not enough'} for the image"
    elif facts.ghost:
        said += "; sealing carries the whiteout of a marker on"
    return said + "."


def conclusion(seen: Seen) -> tuple[str, ...]:
    """What came of the image, in sentences with the proof in them."""
    facts = outcome(seen)
    first = answer(seen)
    if facts is None or not first:
        return ()
    said = [first[0].upper() + first[1:]]
    said += [f"{words}." for words in facts.refusals]
    codes = sorted({*facts.spoilt, *facts.wrong})
    return (*said, f"See {', '.join(codes)}.") if codes else tuple(said)
