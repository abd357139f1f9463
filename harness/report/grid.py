"""The one grid of the first screen: a row for each scenario, a column for each tool, version and profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.compare.words import Column, is_given
from harness.judge.findings import Outcome, flat
from harness.report.markup import anchor
from harness.runs.results import CellResult

SHOWN_CODES = 2  # in one field; the others are counted
NARROW = 10  # columns; with more of them a field shows one code, so that the grid stays in one look


@dataclass(frozen=True)
class Field:
    """One cell in the grid. ``state`` is its class in the style sheet and a word of the filter."""

    state: str  # passed, known, new, fixed, broken, skipped, excluded
    text: str
    label: str  # on hover, and what screen readers say beside the text
    href: str  # id of the cell's row; empty when there is none
    codes: str  # all codes, for the filter
    good: bool = False  # it is no alarm, though it is not as expected: the user gave this program


@dataclass(frozen=True)
class GridRow:
    """A scenario's row. A field is None where the plan has no such cell."""

    scenario: str
    href: str
    title: str
    fields: tuple[Field | None, ...]


@dataclass(frozen=True)
class Grid:
    """Columns in the order of tools; ``tools`` and ``versions`` are the heads above them with their widths."""

    columns: tuple[Column, ...]
    tools: tuple[tuple[str, int], ...]
    versions: tuple[tuple[str, int], ...]
    starts: frozenset[int]  # columns where another tool begins
    rows: tuple[GridRow, ...]


def columns_of(cells: Iterable[CellResult]) -> tuple[Column, ...]:
    """Every column in which at least one cell is not excluded."""
    found = {Column.of(cell.tool, cell.profile) for cell in cells if not cell.excluded}
    return tuple(sorted(found, key=lambda column: column.order))


def grid(cells: Sequence[CellResult], titles: Mapping[str, str], order: Sequence[str]) -> Grid:
    """The grid of a run; scenarios in this order."""
    columns = columns_of(cells)
    shown = SHOWN_CODES if len(columns) <= NARROW else 1
    by_row: dict[str, dict[Column, CellResult]] = {}
    for cell in cells:
        by_row.setdefault(cell.scenario, {})[Column.of(cell.tool, cell.profile)] = cell
    rows = tuple(
        GridRow(
            name,
            anchor(name),
            titles.get(name, ""),
            tuple(field_of(found[column], shown) if column in found else None for column in columns),
        )
        for name, found in ((name, by_row[name]) for name in order)
    )
    tools = tuple((title, len(list(group))) for title, group in groupby(columns, key=lambda c: c.title))
    versions = tuple((key[1], len(list(group))) for key, group in groupby(columns, key=lambda c: (c.title, c.version)))
    starts = frozenset(i for i, c in enumerate(columns) if not i or columns[i - 1].title != c.title)
    return Grid(columns, tools, versions, starts, rows)


def field_of(cell: CellResult, most: int = SHOWN_CODES) -> Field:
    """A cell in short: symbol, codes (the first ones, the new before the known), and a sentence."""
    state, sign, words = _state(cell)
    new = sorted({finding.code for finding in cell.new})
    known = sorted({finding.code for finding in cell.findings} - set(new))
    missing = sorted({one.code for one in cell.missing})
    codes = [*new, *known] if state != "fixed" else missing
    shown = " ".join(code.removeprefix("WL") for code in codes[:most])
    more = f" +{len(codes) - most}" if len(codes) > most else ""
    # most fields of a wide run do not apply: head and row say of what, and the field says why
    label = words if cell.excluded else f"{cell.scenario}, {cell.tool.label}, {cell.profile}: {words}"
    below = sorted({one.code for one in flat(cell.findings)} - {*new, *known, *missing})
    return Field(
        state,
        f"{sign}{shown}{more}",
        label,
        anchor(cell.id),
        " ".join([*new, *known, *missing, *below]),
        state == "fixed" and is_given(cell.tool),
    )


def _state(cell: CellResult) -> tuple[str, str, str]:
    """Class, symbol, and what it means for this cell."""
    if cell.outcome is Outcome.SKIPPED:
        remedy = f" → {cell.remedy}" if cell.remedy else ""
        return ("excluded", "·", cell.reason) if cell.excluded else ("skipped", "\u2013", cell.reason + remedy)
    if cell.outcome is Outcome.BROKEN:
        return "broken", "!", f"broken machinery: {cell.reason}"
    if cell.new:
        return "new", "✗", f"new finding: {cell.reason}"
    if cell.missing:
        return "fixed", "✓" if is_given(cell.tool) else "?", cell.reason
    if cell.findings:
        return "known", "✗", "known: " + ", ".join(sorted({finding.code for finding in cell.findings}))
    return "passed", "✓", "passed"
