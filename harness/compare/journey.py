"""The journey of an image: what stands at each path at each place, where it was made, carried and lost, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.compare.classes import Class, Seen, classify, tree_key
from harness.compare.describe import NOTHING, Look
from harness.compare.words import Column, who
from harness.judge.findings import flat
from harness.names import escape
from harness.places import ORACLE, PUSHED, SEALED, UPPER, Place, PlaceKind, PlaceName, at_each, place_of

SPOILS = ("WL301", "WL303", "WL306")  # findings that make a pushed layer no valid OCI layer


@dataclass(frozen=True)
class Stop:
    """One path at one place: what stands there, and in a word what happened to it on the journey."""

    look: Look
    word: str = ""  # "made here", "carried", "changed", "lost here"; in a view "wrong here", "right again"; or nothing


@dataclass(frozen=True)
class Journey:
    """The journey of the images of one class of tools. ``rows``: a path, and its stops in the order of ``heads``."""

    tools: str
    first: Seen
    heads: tuple[Place, ...]
    rows: tuple[tuple[str, tuple[Stop, ...]], ...]
    answer: str
    conclusion: tuple[str, ...]


def journeys(seen: Sequence[Seen], columns: Sequence[Column]) -> tuple[Journey, ...]:
    """One journey for each class of cells whose images went alike, by the same backends; cells that mount a stack have none."""
    going = [one for one in seen if any(place.later for place in at_each(one.trees))]
    every = {name for one in going for name in one.trees}

    def key(one: Seen) -> object:
        codes = frozenset((f.code, f.path, f.place) for f in one.findings if f.code.startswith("WL3"))
        return (tree_key(*sorted(every))(one), codes, frozenset(one.backends.items()))

    return tuple(_journey(one, columns) for one in classify(going, key))


def _journey(one: Class, columns: Sequence[Column]) -> Journey:
    first = one.first
    heads = tuple(place for place in at_each(first.trees) if place.head)
    oracle = first.trees.get(ORACLE, {})
    paths = sorted({path for tree in first.trees.values() for path in tree})
    rows = [(escape(path) or "/", stops(path, first.trees, heads, oracle)) for path in paths]
    flagged = {finding.path for finding in flat(first.findings)}
    marked = tuple(
        (path, row) for path, row in rows if path in flagged or any(stop.word or stop.look.markers for stop in row)
    )
    return Journey(who(one.columns, columns)[0], first, heads, marked, answer(first), conclusion(first))


def stops(
    path: bytes, trees: Mapping[PlaceName, Mapping[bytes, Look]], heads: Sequence[Place], oracle: Mapping[bytes, Look]
) -> tuple[Stop, ...]:
    """The stops of one path. In a layer the marks count, in a view that it is not as it should be."""
    found: list[Stop] = []
    wanted = oracle.get(path, NOTHING).word
    marks: tuple[object, ...] = ()
    wrong: tuple[object, ...] = ()
    for place in heads:
        look = _without_owner(trees[place.name].get(path, NOTHING))
        if not place.shows:
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
    """Owners differ from place to place by who reads, and say nothing of marks."""
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
    refused: frozenset[str]  # the importers among them
    misread: frozenset[str]  # the importers that have another tree
    wrong: tuple[str, ...]  # codes of what a container shows when it is run read-only or sealed
    ghost: str  # the whiteout of a marker: "" none, "carried", or "left out" by sealing

    @property
    def valid(self) -> bool:
        return not self.spoilt and not self.refused and not self.misread


def outcome(seen: Seen) -> Outcome | None:
    """What came of an image that was sealed; None for one that was not."""
    if SEALED not in seen.trees:
        return None
    ghosts = {f.path for f in seen.findings if f.code == "WL101" and f.place == UPPER}
    carried = any(escape(path) in ghosts for path in seen.trees[SEALED])
    return Outcome(
        tuple(sorted({f.code for f in seen.findings if f.place == PUSHED and f.code in SPOILS})),
        tuple(f.message for f in seen.findings if f.code == "WL304"),
        _importers(seen, "WL304"),
        _importers(seen, "WL305"),
        tuple(sorted({f.code for f in flat(seen.findings) if _run_later((f.place, *f.carried))})),
        ("carried" if carried else "left out") if ghosts else "",
    )


def _importers(seen: Seen, code: str) -> frozenset[str]:
    """The importers at whose places a code was found."""
    return frozenset(
        place.by for f in seen.findings if f.code == code and (place := place_of(f.place)).kind is PlaceKind.IMAGE
    )


def _run_later(names: Sequence[PlaceName]) -> bool:
    return any(place.later for place in at_each(names, PlaceKind.VIEW))


def answer(seen: Seen) -> str:
    """The same in one sentence without a subject, for the first screen; empty for an image that was not sealed."""
    facts = outcome(seen)
    if facts is None or PUSHED not in seen.trees:
        return ""
    layer = "the pushed layer is no valid OCI layer" if facts.spoilt else "the pushed layer is a valid OCI layer"
    has = {place.by for place in at_each(seen.trees, PlaceKind.IMAGE)}
    taken = [_taken(who, facts) for who in sorted(has | facts.refused)] or ["no importer's tree is there"]
    sentence = f"{layer} and {', '.join(taken)}"
    if facts.wrong:
        sentence += "; run read-only or sealed, the container shows markers or what was deleted"
    if facts.ghost == "left out":
        sentence += f"; leaving the whiteout of a marker out when sealing is {'enough' if facts.valid else 'not enough'} for the image"
    elif facts.ghost:
        sentence += "; sealing carries the whiteout of a marker on"
    return sentence + "."


def _taken(who: str, facts: Outcome) -> str:
    if who in facts.refused:
        return f"{who} refuses it"
    return f"{who} takes it and has another tree" if who in facts.misread else f"{who} takes it"


def conclusion(seen: Seen) -> tuple[str, ...]:
    """What came of the image, in sentences with the proof in them."""
    facts = outcome(seen)
    first = answer(seen)
    if facts is None or not first:
        return ()
    sentences = [first[0].upper() + first[1:]]
    sentences += [f"{words}." for words in facts.refusals]
    codes = sorted({*facts.spoilt, *facts.wrong})
    return (*sentences, f"See {', '.join(codes)}.") if codes else tuple(sentences)
