"""The corpus of layers as what readings are given: archives, and the trees that the specification allows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.names import unescape
from harness.readings.applied import Reading
from harness.readings.archives import archive
from harness.readings.given import Given, Refusal
from harness.scenario.archive import LayerCase, MeantTree, as_leaf, meant_snapshot
from harness.scenario.archive_load import load_cases
from harness.snapshot.model import EMPTY, Snapshot


def corpus(folder: Path) -> list[Given]:
    """Every case of a folder, by name. Raises ScenarioError with the mistakes of all files."""
    return [given(case) for case in load_cases(folder)]


def given(case: LayerCase) -> Given:
    """One case, with the trees that its file says."""
    trees = readings(case)
    return Given(
        name=case.name,
        layers=tuple(archive(layer) for layer in case.layers),
        meant=trees[0].tree if trees else EMPTY,
        also=tuple(one.tree for one in trees[1:]),
        refusal=refusal(case),
        unsaid=frozenset[bytes]().union(*(one.unsaid for one in trees)),
    )


def readings(case: LayerCase) -> tuple[Reading, ...]:
    """The trees that a file allows, in its order; none where the image must be refused."""
    trees: Iterable[MeantTree | None] = [case.meant, *(one.tree for one in case.allowed)]
    return tuple(Reading(_snapshot(tree), _unsaid(tree)) for tree in trees if tree is not None)


def refusal(case: LayerCase) -> Refusal:
    """Whether refusing the image is right."""
    if case.refuse:
        return "demanded"
    return "allowed" if any(one.refuses for one in case.allowed) else "wrong"


def _snapshot(tree: MeantTree) -> Snapshot:
    return meant_snapshot(tree)


def _unsaid(tree: MeantTree) -> frozenset[bytes]:
    return frozenset(unescape(path).rstrip(b"/") for path, value in tree.items() if as_leaf(value).unsaid)
