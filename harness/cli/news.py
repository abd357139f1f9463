"""What a run prints at its end of cells with something new: the trees side by side, and a defect file begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import LabError
from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.judge.defects.draft import draft
from harness.judge.judge import Verdict
from harness.judge.verdict_text import describe
from harness.runs.results import CellResult, Results

MOST = 3  # cells that are told whole


def news_lines(results: Results, folder: Path) -> Iterator[str]:
    """Of the first cells with something new what a failing test prints, and what would say of it that it is known."""
    cells = [cell for cell in results.cells if cell.new and cell.folder]
    begun: set[str] = set()
    for cell in cells[:MOST]:
        yield ""
        try:
            yield from _described(cell, folder / cell.folder)
        except (LabError, OSError) as error:  # said elsewhere, and no reason to stop here
            yield f"{cell.id}: its recording cannot be read: {error}"
            continue
        unnamed = [finding for finding in cell.new if finding.back is None]
        text = draft(unnamed, cell.tool, cell.scenario, results.run.started[:10]) if unnamed else ""
        if text and text not in begun:
            yield ""
            yield "To say that it is known, save this as scenarios/defects/NAME.toml, and write the rest (docs/add-a-defect.md):"
            yield ""
            yield from text.splitlines()
        for name in sorted({one.back.defect for one in cell.new if one.back is not None}):
            yield f"  {name} is back: explain {name} says in which versions it was known"
        begun.add(text)
    if len(cells) > MOST:
        yield ""
        yield f"{len(cells) - MOST} more with something new: see the report"


def _described(cell: CellResult, folder: Path) -> list[str]:
    verdict = Verdict(cell.outcome, cell.reason, cell.findings, cell.missing)
    return describe(read(folder), verdict, read_trees(folder)).splitlines()
