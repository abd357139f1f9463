"""A recording on disk and its verdict. A cell is judged from its folder alone, when it has run and whenever it is judged anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.evidence import recording as recordings
from harness.evidence.layers import raw_layers
from harness.evidence.recording import AGAIN, Recording
from harness.evidence.trees import read_trees
from harness.judge.defects.model import Defect
from harness.judge.judge import Verdict, found, judge
from harness.judge.rules.evidence import Evidence
from harness.places import PlaceName
from harness.snapshot.model import Entry, Snapshot


@dataclass(frozen=True)
class Judged:
    """A recording with its trees, and what comes of it."""

    recording: Recording
    trees: Mapping[PlaceName, Snapshot]
    raw: Mapping[PlaceName, Sequence[Entry]]
    verdict: Verdict


def judged(folder: Path, defects: Sequence[Defect] = ()) -> Judged:
    """Read and judge a recording, with those of the cell's other runs. *defects*: what is known.

    Raises BrokenMachinery where one is damaged.
    """
    return judged_of(_evidence(folder), folder, defects)


def judged_of(evidence: Evidence, folder: Path, defects: Sequence[Defect] = ()) -> Judged:
    """The same of a recording that was read already: its cell's other runs lie below *folder*."""
    others = [found(_evidence(folder / AGAIN / str(number))) for number in range(1, evidence.recording.runs)]
    verdict = judge(evidence.recording, evidence.trees, evidence.raw, others, defects)
    return Judged(evidence.recording, evidence.trees, evidence.raw, verdict)


def _evidence(folder: Path) -> Evidence:
    return Evidence(recordings.read(folder), read_trees(folder), raw_layers(folder))
