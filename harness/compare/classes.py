"""Equal results grouped into classes: over N cells of one scenario, by what lies in the upper, by what users see, by findings."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.compare.describe import NOTHING, Look
from harness.compare.words import Column, who
from harness.judge.findings import Finding
from harness.places import PlaceName


@dataclass(frozen=True)
class Seen:
    """One cell that ran, as comparison sees it: noise dropped, trees as looks by path."""

    id: str
    column: Column
    trees: Mapping[PlaceName, Mapping[bytes, Look]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    backends: Mapping[PlaceName, str] = field(default_factory=dict)  # as recorded: what merged each view of a container
    linked: tuple[str, ...] = ()  # whiteouts of the upper that share an inode, in words: noise, and shown all the same

    @property
    def new(self) -> int:
        return sum(finding.known is None for finding in self.findings)


@dataclass(frozen=True)
class Class:
    """Cells whose results are equal. ``letter`` is A, B, C… in the order of their first tools."""

    letter: str
    members: tuple[Seen, ...]

    @property
    def first(self) -> Seen:
        """The one that stands for all: the one with the most findings, else the first."""
        return max(self.members, key=lambda seen: (seen.new, len(seen.findings)))

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(seen.column for seen in self.members)


@dataclass(frozen=True)
class Row:
    """A path over all classes: a look for each class, in their order."""

    path: bytes
    looks: tuple[Look, ...]

    @property
    def equal(self) -> bool:
        return len(set(self.looks)) == 1


Key = Callable[[Seen], Hashable]


def tree_key(*places: PlaceName) -> Key:
    """Cells are equal when their trees at all these places are."""

    def key(seen: Seen) -> Hashable:
        return tuple(_frozen(seen.trees.get(place)) for place in places)

    return key


def findings_key(seen: Seen) -> Hashable:
    """Cells are equal when they have the same codes at the same paths."""
    return frozenset((finding.code, finding.path) for finding in seen.findings)


def classify(cells: Iterable[Seen], key: Key) -> tuple[Class, ...]:
    """The classes of *cells*: each cell is in exactly one, whatever order they come in."""
    groups: dict[Hashable, list[Seen]] = {}
    for seen in sorted(cells, key=lambda seen: (*seen.column.order, seen.id)):
        groups.setdefault(key(seen), []).append(seen)
    return tuple(Class(letter(number), tuple(members)) for number, members in enumerate(groups.values()))


def with_place(cells: Iterable[Seen], place: PlaceName) -> list[Seen]:
    """The cells that have a tree there: only they can be compared."""
    return [seen for seen in cells if place in seen.trees]


def rows(trees: Sequence[Mapping[bytes, Look]]) -> list[Row]:
    """A row for each path that any of the trees has, in byte order."""
    paths = sorted(set().union(*trees)) if trees else []
    return [Row(path, tuple(tree.get(path, NOTHING) for tree in trees)) for path in paths]


def class_rows(classes: Sequence[Class], place: PlaceName) -> list[Row]:
    """The rows of a table with a column for each class."""
    return rows([one.first.trees.get(place, {}) for one in classes])


def most_interesting(classes: Sequence[Class]) -> Class | None:
    """The class that a reader should see first: most new findings, most findings, the first."""
    return max(classes, key=lambda one: (one.first.new, len(one.first.findings)), default=None)


def members_text(one: Class, ran: Iterable[Column]) -> str:
    """The tools of a class, in words."""
    return who(one.columns, ran)[0]


def letter(number: int) -> str:
    """A … Z, AA, AB …"""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _frozen(tree: Mapping[bytes, Look] | None) -> Hashable:
    return None if tree is None else frozenset(tree.items())
