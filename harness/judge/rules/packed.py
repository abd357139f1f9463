"""WL302 and WL308 of a layer that a packer made of an upper: told where the tree that it makes is another one. Pure.

One statement may be said in other words: an opaque mark as a whiteout of each name, a whiteout of what is not there as nothing at all. So
a mark is lost where what it hid is back, and added where what must be there is hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from harness.judge.facts.layer import Fate, MarkLost, PackedOtherwise
from harness.judge.rules import words
from harness.judge.rules.evidence import LayerEvidence, RawLayer, shown
from harness.judge.rules.layer import HONOURED, Statement, marks_changed, statements, users_own
from harness.judge.rules.rule import Hit, Rule
from harness.judge.rules.trees import otherwise
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot, ancestors
from harness.snapshot.tar import join_links
from harness.whiteouts.encodings import Says
from harness.whiteouts.markers import find_markers
from harness.whiteouts.readers import Reader
from harness.whiteouts.union import merge


class PackedEvidence(LayerEvidence):
    """A layer that was made of an upper. *lowers*: what lies below, the lowest first; *meant*: the tree of all together."""

    def __init__(self, lowers: Sequence[Snapshot], upper: Snapshot, meant: Snapshot, layer: RawLayer) -> None:
        super().__init__([layer])
        self.upper, self.meant, self.layer = upper, meant, layer
        self.below = merge(lowers) if lowers else EMPTY

    @cached_property
    def packed(self) -> Snapshot:
        """The layer as a tree, with the directories that the archive leaves away."""
        given = {entry.path for entry in self.layer.entries}
        above = {folder for path in given for folder in ancestors(path)} - given
        return Snapshot.of([*(Entry(path, Kind.DIR, 0o755) for path in above), *join_links(list(self.layer.entries))])

    @cached_property
    def tree(self) -> Snapshot:
        """What its readers see of it, over what lies below."""
        called, honoured = HONOURED[self.layer.form]
        return merge([self.below], self.packed, Reader(f"readers of a {called} layer", honoured))

    @cached_property
    def back(self) -> frozenset[bytes]:
        """What was hidden, and is there again."""
        return frozenset(path for path in self.tree.entries if path not in self.meant and path in self.below)

    @cached_property
    def hidden(self) -> frozenset[bytes]:
        """What lies below, must be seen, and is not."""
        return frozenset(path for path in self.meant.entries if path not in self.tree and path in self.below)

    @cached_property
    def marks(self) -> tuple[tuple[Statement, MarkLost], ...]:
        """The marks that the packer lost or added, where that changes the tree."""
        wanted = statements([one for one in find_markers(self.upper) if not users_own(one, self.meant)], None)
        there = [one for one in find_markers(self.packed) if not users_own(one, self.meant)]
        changed = marks_changed(wanted, there, self.layer.form)
        return tuple(
            (one, facts) for one, facts in changed if _of(one, self.hidden if facts.fate is Fate.ADDED else self.back)
        )


def _of(statement: Statement, paths: frozenset[bytes]) -> bool:
    return any(_speaks_of(statement, path) for path in paths)


def _speaks_of(statement: Statement, path: bytes) -> bool:
    about, says = statement
    return (says is Says.GONE and path == about) or about in ancestors(path)


def mark_lost(evidence: PackedEvidence) -> Iterator[Hit[MarkLost]]:
    """WL302: what the upper hides and the layer does not, and the other way round."""
    for (path, _), facts in evidence.marks:
        yield Hit(shown(path), evidence.layer.place, facts)


def packed_otherwise(evidence: PackedEvidence) -> Iterator[Hit[PackedOtherwise]]:
    """WL308: what else is another tree. What a lost mark explains is told by it."""
    called, _ = HONOURED[evidence.layer.form]
    explained = {one for one, _ in evidence.marks}
    for path, taken, differences in otherwise(evidence.tree, evidence.meant):
        hidden = path in evidence.back or path in evidence.hidden
        if not (hidden and any(_speaks_of(one, path) for one in explained)):
            facts = PackedOtherwise(layer=called, taken=taken, differences=differences)
            yield Hit(shown(path), evidence.layer.place, facts)


RULES: tuple[Rule[PackedEvidence, Any], ...] = (
    Rule(
        "WL302", frozenset(), mark_lost, words.mark_lost,
        ("loses or changes the mark on {} when it packs an upper", "lose or change the mark on {} when they pack an upper"),
    ),
    Rule(
        "WL308", frozenset(), packed_otherwise, words.packed_otherwise,
        ("packs an upper so that {} is not what was written", "pack an upper so that {} is not what was written"),
    ),
)  # fmt: skip
