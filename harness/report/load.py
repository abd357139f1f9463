"""Runs read from disk: the thin edge of the report. Equal files are decoded once: most trees of a run are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.compare.classes import Seen
from harness.compare.describe import Look, looks
from harness.compare.noise import normalise
from harness.compare.words import Column
from harness.findings import Station
from harness.launch.evidence import TREES
from harness.recording import Recording, read
from harness.results import CellResult, Results, RunFacts, read_results
from harness.snapshot.jsonl import read_jsonl


@dataclass(frozen=True)
class Loaded:
    """One cell as the report needs it. ``recording`` is None for a cell that did not run."""

    result: CellResult
    column: Column
    folder: Path
    recording: Recording | None = None
    seen: Seen | None = None


@dataclass(frozen=True)
class LoadedRuns:
    """Several runs as one: of a cell that stands in more than one, the latest. ``replaced`` counts the others."""

    runs: tuple[RunFacts, ...]
    results: Results
    cells: tuple[Loaded, ...]
    replaced: int


Tree = Mapping[bytes, Look]


@dataclass
class _Trees:
    """The decoder of snapshots that remembers: the same bytes give the same tree."""

    known: dict[tuple[bool, bytes], Tree] = field(default_factory=dict)

    def read(self, folder: Path, station: Station) -> Tree | None:
        path = folder / f"{station}.jsonl"
        try:
            key = (station is not Station.UPPER, path.read_bytes())
        except FileNotFoundError:
            return None
        if key not in self.known:
            self.known[key] = looks(normalise(read_jsonl(path)), view=key[0])
        return self.known[key]


def load(folders: Sequence[Path]) -> LoadedRuns:
    """Read runs with their recordings. Raises BrokenMachinery where one is missing or damaged."""
    read_all = sorted(((read_results(folder), folder) for folder in folders), key=lambda pair: pair[0].run.started)
    latest: dict[str, tuple[CellResult, Path]] = {}
    for results, folder in read_all:
        for cell in results.cells:
            latest[cell.id] = (cell, folder)
    trees = _Trees()
    cells = tuple(_load(cell, folder, trees) for cell, folder in latest.values())
    newest = read_all[-1][0]
    merged = Results(newest.schema, newest.run, tuple(one.result for one in cells))
    replaced = sum(len(results.cells) for results, _ in read_all) - len(cells)
    return LoadedRuns(tuple(results.run for results, _ in read_all), merged, cells, replaced)


def _load(cell: CellResult, run: Path, trees: _Trees) -> Loaded:
    column = Column.of(cell.tool, cell.profile)
    if not cell.folder:
        return Loaded(cell, column, run)
    folder = run / cell.folder
    found = {station: tree for station in TREES if (tree := trees.read(folder, station)) is not None}
    return Loaded(cell, column, folder, read(folder), Seen(cell.id, column, found, cell.findings))


def raw(folder: Path, name: str) -> bytes:
    """A file of a recording as it lies there; empty when it does not."""
    try:
        return (folder / name).read_bytes()
    except OSError:
        return b""
