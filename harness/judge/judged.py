"""A recording on disk and its verdict. A cell is judged from its folder alone, when it has run and whenever it is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.cells.plan import Cell
from harness.evidence import recording as recordings
from harness.evidence.recording import Recording
from harness.evidence.stations import raw_layers
from harness.judge.findings import Finding, Outcome, flat
from harness.judge.judge import Verdict, found, judge
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.mount import lost_a_race
from harness.launch.cell import Bench, run_cell
from harness.machine.guarded import remove_tree
from harness.places import Station
from harness.runs.results import read_trees
from harness.snapshot.model import Entry, Snapshot

TRIES = 3  # of a cell that another process of this machine came between


@dataclass(frozen=True)
class Judged:
    """A recording with its trees, and what comes of it."""

    recording: Recording
    trees: Mapping[Station, Snapshot]
    raw: Mapping[Station, Sequence[Entry]]
    verdict: Verdict

    @property
    def found(self) -> tuple[Finding, ...]:
        """What this run alone shows, before anybody says what of it is known."""
        return tuple(found(Evidence(self.recording, self.trees, self.raw)))


def judged(folder: Path) -> Judged:
    """Read and judge a recording. Raises BrokenMachinery where it is damaged."""
    recording, trees, raw = recordings.read(folder), read_trees(folder), raw_layers(folder)
    return Judged(recording, trees, raw, judge(recording, trees, raw))


def run_and_judge(cell: Cell, bench: Bench, keep_at: Path, times: int = 1) -> Judged:
    """Run a cell, once or several *times*; its recording is then at *keep_at*.

    Of several runs the one with the most findings is kept, the first of those; what the others found stands in its recording. A
    broken run ends it: then that one is kept, and nothing is counted.
    """
    if times == 1:
        for _ in range(TRIES):
            if not lost_a_race(run_cell(cell, bench, keep_at).recording):
                break
        return judged(keep_at)
    runs: dict[Path, Judged] = {}
    for number in range(1, times + 1):
        folder = keep_at.with_name(f"{keep_at.name}.run{number}")
        run_cell(cell, bench, folder)
        runs[folder] = judged(folder)
        if runs[folder].verdict.outcome is Outcome.BROKEN:
            break
    kept = max(runs, key=lambda folder: _weight(runs[folder].verdict))
    others = tuple(one.found for folder, one in runs.items() if folder != kept)
    if runs[kept].verdict.outcome is not Outcome.BROKEN:
        recordings.write(msgspec.structs.replace(runs[kept].recording, others=others), kept)
    if keep_at.exists():
        remove_tree(keep_at)
    kept.rename(keep_at)
    for folder in runs.keys() - {kept}:
        remove_tree(folder)
    return judged(keep_at)


def _weight(verdict: Verdict) -> tuple[bool, int]:
    return verdict.outcome is Outcome.BROKEN, len(list(flat(verdict.findings)))
