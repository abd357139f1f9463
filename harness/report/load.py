"""Runs read from disk: the thin edge of the report. Equal files are decoded once: most trees of a run are alike."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from harness.compare.classes import Seen
from harness.compare.describe import Look, looks, shared_whiteouts
from harness.compare.noise import normalise
from harness.compare.words import Column
from harness.diagnose.faults import Faults, all_faults, read_faults
from harness.diagnose.told import Why, read_why
from harness.errors import BrokenMachinery
from harness.evidence.layers import archives, raw_layers
from harness.evidence.recording import Recording, read, sizes_of
from harness.evidence.recording import damage as damaged
from harness.evidence.trees import snapshots_among
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome
from harness.judge.judged import judged_of
from harness.judge.rules.evidence import Evidence
from harness.names import printable
from harness.places import UPPER, PlaceKind, PlaceName, place_of
from harness.readings.results import Readings, read_readings, together
from harness.runs.parts import runs_of
from harness.runs.results import CellResult, Results, RunFacts, cell_result, read_results
from harness.snapshot.jsonl import parse_jsonl
from harness.snapshot.model import Snapshot


@dataclass(frozen=True)
class Loaded:
    """One cell as the report needs it. ``recording`` is None for a cell that did not run."""

    result: CellResult
    column: Column
    folder: Path
    recording: Recording | None = None
    seen: Seen | None = None
    why: Why | None = None  # what a run under observation told, where somebody looked on
    damage: str = ""  # why the recording is not whole any more


@dataclass(frozen=True)
class LoadedRuns:
    """Several runs as one: of a cell that stands in more than one, the latest. ``replaced`` counts the others."""

    runs: tuple[RunFacts, ...]
    results: Results
    cells: tuple[Loaded, ...]
    replaced: int
    judged_again: bool = False  # by the rules of now; otherwise each cell's verdict is the one that its run came to
    readings: Readings | None = None  # of them all
    faults: Faults | None = None

    @property
    def damaged(self) -> tuple[Loaded, ...]:
        """The cells whose recordings are not whole any more."""
        return tuple(cell for cell in self.cells if cell.damage)


Tree = Mapping[bytes, Look]


@dataclass
class _Trees:
    """The decoder of snapshots that remembers: the same bytes give the same tree."""

    snapshots: dict[bytes, tuple[Snapshot, str]] = field(default_factory=dict)  # with their digest
    known: dict[tuple[bool, bytes], Tree] = field(default_factory=dict)

    def read(
        self, folder: Path, there: Collection[str]
    ) -> tuple[dict[PlaceName, Snapshot], dict[PlaceName, Tree], dict[str, str]]:
        """The snapshots of a recording among the files that are *there*, how they look, and the digests of their files."""
        trees: dict[PlaceName, Snapshot] = {}
        seen: dict[PlaceName, Tree] = {}
        digests: dict[str, str] = {}
        for place, name in snapshots_among(there).items():
            raw = (folder / name).read_bytes()
            if raw not in self.snapshots:
                self.snapshots[raw] = (parse_jsonl(raw, str(folder / name)), hashlib.sha256(raw).hexdigest())
            trees[place], digests[name] = self.snapshots[raw]
            key = (place_of(place).shows, raw)
            if key not in self.known:
                self.known[key] = looks(normalise(trees[place]), view=key[0])
            seen[place] = self.known[key]
        return trees, seen, digests


def load(folders: Sequence[Path], *, judge_again: bool = False, defects: Sequence[Defect] = ()) -> LoadedRuns:
    """Read runs with their recordings. Raises BrokenMachinery where a run is missing or damaged.

    A cell's verdict is the one that its run came to, or, with *judge_again*, what the rules of now say of its recording, and
    *defects*, or where none are given those that the runs were judged by.
    A recording that is missing, or not whole any more, is a cell that is *broken*.
    """
    read_all = sorted(((read_results(folder), folder) for folder in folders), key=lambda pair: pair[0].run.started)
    latest: dict[str, tuple[CellResult, Path]] = {}
    for results, folder in read_all:
        for cell in results.cells:
            latest[cell.id] = (cell, folder)
    trees = _Trees()
    known = tuple({one.name: one for results, _ in read_all for one in results.defects}.values())
    if judge_again and defects:
        known = tuple(defects)
    by = known if judge_again else None
    cells = tuple(_load(cell, folder, trees, by) for cell, folder in latest.values())
    newest = read_all[-1][0]
    merged = Results(newest.schema, newest.run, tuple(one.result for one in cells), known)
    replaced = sum(len(results.cells) for results, _ in read_all) - len(cells)
    faulty = [told for _, folder in read_all for part in runs_of(folder) if (told := read_faults(part)) is not None]
    given = [one for _, folder in read_all for part in runs_of(folder) if (one := read_readings(part)) is not None]
    return LoadedRuns(
        tuple(results.run for results, _ in read_all),
        merged,
        cells,
        replaced,
        judge_again,
        together(given) if given else None,
        all_faults(faulty) if faulty else None,
    )


def _load(cell: CellResult, run: Path, decoder: _Trees, by: Sequence[Defect] | None) -> Loaded:
    """*by*: the defects that it is judged anew by; None: it is not."""
    column = Column.of(cell.tool, cell.profile)
    if not cell.folder:
        return Loaded(cell, column, run)
    folder = run / cell.folder
    try:
        if Path(cell.folder).is_absolute() or ".." in Path(cell.folder).parts:
            return _damaged(cell, column, run, "it is said to lie outside of the run")
        recording = read(folder)
        sizes = sizes_of(folder)
        trees, seen, digests = decoder.read(folder, sizes.keys())
        damage = damaged(recording, sizes, digests | _digests_of_layers(folder, sizes.keys()))
        why = read_why(folder)
    except BrokenMachinery as error:
        return _damaged(cell, column, folder, f"{Path(error.where).name} {error.what}")
    except OSError as error:
        return _damaged(cell, column, folder, f"{Path(error.filename or folder).name} cannot be read: {error.strerror}")
    if damage:
        return _damaged(cell, column, folder, damage)
    if by is not None:
        again = judged_of(Evidence(recording, trees, raw_layers(folder)), folder, by)
        now = cell_result(recording, again.verdict, cell.folder)
        cell = replace(now, id=cell.id, scenario=cell.scenario)
    linked = shared_whiteouts(trees[UPPER]) if UPPER in trees else ()
    found = Seen(cell.id, column, seen, cell.findings, recording.backends, linked)
    return Loaded(cell, column, folder, recording, found, why)


def _damaged(cell: CellResult, column: Column, folder: Path, why: str) -> Loaded:
    """A cell that cannot be judged any more: never passed, never fixed."""
    reason = printable(f"the recording is not whole any more: {why}")
    result = replace(
        cell, outcome=Outcome.BROKEN, reason=reason, remedy="run the cell again", findings=(), missing=(), tells={}
    )
    return Loaded(result, column, folder, damage=reason)


def _digests_of_layers(folder: Path, there: Collection[str]) -> dict[str, str]:
    """Of the layers that are judged from their archives."""
    names = archives(there, PlaceKind.LAYER).values()
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def raw(folder: Path, name: str) -> bytes:
    """A file of a recording as it lies there; empty when it does not."""
    try:
        return (folder / name).read_bytes()
    except OSError:
        return b""
