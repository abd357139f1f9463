"""What a run prints at its end of cells with something new: the trees side by side, and a defect file begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import LabError
from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.judge.defects.draft import draft
from harness.judge.findings import often
from harness.judge.judge import Verdict
from harness.judge.verdict_text import describe
from harness.readings.results import Came, Readings
from harness.runs.results import CellResult, Results

MOST = 3  # cells that are told whole
MOST_READINGS = 8
_CAME = {
    Came.SAME: "the tree that is meant",
    Came.DIFFERS: "another tree",
    Came.REFUSED: "refused",
    Came.MADE: "layers made",
    Came.LEFT_OUT: "left out",
    Came.BROKEN: "broken",
}


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


def reading_lines(readings: Readings) -> Iterator[tuple[str, tuple[str, str]]]:
    """What came of readings: a line, and what stands before it in a colour. What nobody has named is told one by one, up to a few."""
    came = {one: sum(field.came is one for field in readings.fields) for one in Came}
    parts = [f"{came[one]:,} {words}" for one, words in _CAME.items() if came[one]]
    new = [(field, finding) for field in readings.fields for finding in field.new]
    names = {one.key: one.name for one in readings.givens}
    for field in readings.fields:
        for finding in field.unsteady:
            yield (
                f" {names[field.given]}: {finding.code} {finding.message} ({field.taker}), {often(finding)}: not for its layers alone",
                ("yellow", "~"),
            )
    told: dict[str, list[str]] = {}
    for field, finding in new:
        told.setdefault(f"{names[field.given]}: {finding.code} {finding.message}", []).append(field.taker)
    for words, takers in list(told.items())[:MOST_READINGS]:
        more = f" and {len(takers) - 1} more" if len(takers) > 1 else ""
        yield f" {words} ({takers[0]}{more})", ("red", "✗ NEW")
    if len(told) > MOST_READINGS:
        yield (
            f"  and {len(told) - MOST_READINGS} more that readings show and nobody has named: see the report",
            ("", ""),
        )
    broken = [one for one in readings.fields if one.came is Came.BROKEN]
    for one in broken[:1]:
        yield f" {names[one.given]}, {one.taker}: {one.reason}", ("red", "! BROKEN")
    colour = "red" if new or broken else "green"
    yield (
        f" {', '.join(parts)}; {len(new)} new · {readings.seconds:.1f} s",
        (colour, f"{len(readings.fields):,} readings:"),
    )
