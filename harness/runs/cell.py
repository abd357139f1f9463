"""A cell of a run: once, or several times where its result differs from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.cells.plan import Cell
from harness.evidence import recording as recordings
from harness.evidence.recording import AGAIN
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome, flat
from harness.judge.judge import Verdict
from harness.judge.judged import Judged, judged
from harness.judge.rules.mount import lost_a_race
from harness.launch.cell import CellContext, run_cell
from harness.machine.guarded import remove_tree

TRIES = 3  # of a cell that another process of this machine came between


def run_and_judge(
    cell: Cell, context: CellContext, keep_at: Path, times: int = 1, defects: Sequence[Defect] = ()
) -> Judged:
    """Run a cell, once or several *times*; its recording is then at *keep_at*.

    Of several runs the one with the most findings is kept there, the first of those, and the others in a folder below it. A broken
    run ends it: then that one is kept, and nothing is counted.
    """
    if times == 1:
        for _ in range(TRIES):
            if not lost_a_race(run_cell(cell, context, keep_at).recording):
                break
        return judged(keep_at, defects)
    runs: dict[Path, Judged] = {}
    for number in range(1, times + 1):
        folder = keep_at.with_name(f"{keep_at.name}.run{number}")
        run_cell(cell, context, folder)
        runs[folder] = judged(folder)
        if runs[folder].verdict.outcome is Outcome.BROKEN:
            break
    chosen = max(runs, key=lambda folder: _weight(runs[folder].verdict))
    others = [folder for folder in runs if folder != chosen]
    if runs[chosen].verdict.outcome is Outcome.BROKEN:
        for folder in others:
            remove_tree(folder)
    else:
        (chosen / AGAIN).mkdir()
        for number, folder in enumerate(others, 1):
            folder.rename(chosen / AGAIN / str(number))
        recordings.write(msgspec.structs.replace(runs[chosen].recording, runs=len(runs)), chosen)
    if keep_at.exists():
        remove_tree(keep_at)
    chosen.rename(keep_at)
    return judged(keep_at, defects)


def _weight(verdict: Verdict) -> tuple[bool, int]:
    return verdict.outcome is Outcome.BROKEN, len(list(flat(verdict.findings)))
