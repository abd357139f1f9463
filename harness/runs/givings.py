"""What a run gives to readers, packers and importers: what its cells wrote, the truth table, what was packed and sealed, the corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.readings import truth
from harness.readings.corpus import given as of_case
from harness.readings.given import PACKED, Given
from harness.readings.results import GivenRecord, Source
from harness.readings.sealed import sealed
from harness.readings.uppers import is_founding, marked_before, of_cell, says_what_is_meant
from harness.runs.results import CellResult
from harness.scenario.archive_load import load_cases

CORPUS = "corpus"  # in the folder of scenarios


class Which(StrEnum):
    """Which readings a run does."""

    NONE = "none"
    FOUNDING = "founding"  # the uppers of the founding case's scenarios
    ALL = "all"


@dataclass(frozen=True)
class Giving:
    """What is given, with its record. ``founding``: whether it is of the founding case."""

    given: Given
    record: GivenRecord
    founding: bool = False


def uppers(run: Path, cells: Iterable[CellResult], which: Which) -> list[Giving]:
    """The uppers that cells of a run wrote, equal ones once, in the order of the cells. Raises BrokenMachinery for a damaged recording."""
    found: dict[str, Given] = {}
    founding: set[str] = set()
    marked: set[str] = set()
    for cell in cells:
        if not cell.folder or which is Which.NONE:
            continue
        recording = read(run / cell.folder)
        if which is Which.FOUNDING and not is_founding(recording.scenario):
            continue
        given = of_cell(recording, read_trees(run / cell.folder))
        if given is not None:
            there = found.get(given.key)
            found[given.key] = replace(there, writers=(*there.writers, *given.writers)) if there else given
            founding |= {given.key} if is_founding(recording.scenario) else set()
            marked |= {given.key} if marked_before(recording.scenario) else set()
    return [
        _giving(
            given,
            Source.UPPER,
            true=says_what_is_meant(given),
            alone=given.key not in marked,
            founding=given.key in founding,
        )
        for given in found.values()
    ]


def truths() -> list[Giving]:
    """The rows of the truth table."""
    return [_giving(truth.given_of(case), Source.TRUTH) for case in truth.cases()]


def cases(folder: Path) -> list[Giving]:
    """The corpus of layers in a folder. Raises ScenarioError."""
    return [_giving(of_case(case), Source.CORPUS, title=case.title) for case in load_cases(folder)]


def all_sealed(every: Sequence[Giving]) -> list[Giving]:
    """Uppers, sealed for each target; equal ones once."""
    made = [
        (given, (giving.given.key, target))
        for giving in every
        if giving.record.true
        for target, given in sealed(giving.given)
    ]
    return _distinct(made, Source.SEALED)


def all_packed(made: Iterable[tuple[Giving, str, bytes]]) -> list[Giving]:
    """What packers made of uppers: which, by whom (the taker's key), and the tar. Those that say the same are one, whenever packed."""
    every = []
    for giving, by, layer in made:
        whole = (*giving.given.layers[:-1], layer)
        given = Given(giving.given.name, whole, giving.given.meant, giving.given.writers, made=PACKED)
        paths = [member.path for member in given.members]
        if len(paths) != len(set(paths)):
            given = replace(given, refusal="allowed")  # a path may stand once (image-spec, layer.md)
        every.append((given, (giving.given.key, by)))
    return _distinct(every, Source.PACKED)


def _distinct(made: Iterable[tuple[Given, tuple[str, str]]], source: Source) -> list[Giving]:
    """Those whose members are the same, in the same order, are one: the first's bytes stand for them."""
    first: dict[object, Given] = {}
    origins: dict[str, list[tuple[str, str]]] = {}
    for given, origin in made:
        same = (given.layers[:-1], tuple(map(repr, given.members)))
        one = first.setdefault(same, given)
        origins.setdefault(one.key, []).append(origin)
    return [_giving(one, source, origins=tuple(origins[one.key])) for one in first.values()]


def _giving(
    given: Given,
    source: Source,
    *,
    true: bool = True,
    alone: bool = True,
    founding: bool = False,
    title: str = "",
    origins: tuple[tuple[str, str], ...] = (),
) -> Giving:
    record = GivenRecord(
        given.key,
        given.name,
        source,
        len(given.layers),
        given.writers,
        true,
        alone=alone,
        title=title,
        origins=origins,
    )
    return Giving(given, record, founding)
