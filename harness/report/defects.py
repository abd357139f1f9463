"""The table of defects as the page takes it: heads that name a version once, fields that lead to their cells, links. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.defects import Change, Field, Row, State, Table
from harness.compare.words import Column
from harness.report import markup
from harness.report.markup import anchor, fill

_SIGNS = {
    State.BACK: "\N{BALLOT X} back",
    State.GONE: "\N{CHECK MARK} gone",
    State.SHOWS: "\N{BALLOT X}",
    State.NOT: "\N{CHECK MARK}",
}
_CLASSES = {State.BACK: "new", State.GONE: "fixed", State.SHOWS: "known", State.NOT: "passed"}


@dataclass(frozen=True)
class DefectRow:
    """One defect. ``fields`` are whole elements; ``state`` is a word of the filter."""

    id: str
    name: str
    title: str
    kind: str
    effect: str
    state: str
    fields: tuple[Markup, ...]
    boundary: str
    says: str
    differs: bool
    link: Markup
    witnesses: tuple[tuple[str, str], ...]  # name and id of the section
    cause: str
    remedy: str
    codes: str


@dataclass(frozen=True)
class DefectTable:
    """The defects of one program: those that show in this run, and the others, which are folded."""

    program: str
    heads: tuple[tuple[Column, str], ...]  # the version, and what stands below it
    shown: tuple[DefectRow, ...]
    others: tuple[DefectRow, ...]


@dataclass(frozen=True)
class ChangeRow:
    """What a given program changes, ready to stand in the page."""

    given: str
    before: str
    fixed: tuple[Markup, ...]
    brought: tuple[Markup, ...]


def row_id(name: str) -> str:
    """Where a defect's row is."""
    return f"_defect.{anchor(name)}"


def defect_tables(made: Sequence[Table]) -> tuple[DefectTable, ...]:
    """The tables of the page."""
    found = []
    for table in made:
        rows = [(row.shown, _row(row, table)) for row in table.rows]
        heads = tuple((head.column, head.over) for head in table.heads)
        shown, others = (tuple(one for there, one in rows if there is wanted) for wanted in (True, False))
        found.append(DefectTable(table.program, heads, shown, others))
    # who is wrong stands before who says of itself that it is so
    return tuple(sorted(found, key=lambda one: all(row.kind == "limit" for row in one.shown)))


def change_rows(made: Sequence[Change]) -> tuple[ChangeRow, ...]:
    """What given programs change."""
    return tuple(
        ChangeRow(
            one.given.label,
            one.before.label,
            *(
                tuple(markup.defect(defect.name, row_id(defect.name)) for defect in some)
                for some in (one.fixed, one.brought)
            ),
        )
        for one in made
    )


def _row(row: Row, table: Table) -> DefectRow:
    defect = row.defect
    return DefectRow(
        row_id(defect.name),
        defect.name,
        defect.title,
        defect.kind,
        defect.effect.words,
        _CLASSES.get(row.state, "skipped"),
        tuple(_field(one, head.column) for one, head in zip(row.fields, table.heads, strict=True)),
        row.boundary,
        row.says,
        row.differs,
        markup.link(defect.link)
        if defect.link
        else fill("seen by this project, not reported when written ({})", defect.seen),
        tuple((name, anchor(name)) for name in row.ran),
        defect.cause,
        defect.remedy,
        " ".join(sorted({code for sign in defect.signs for code in sign.codes})),
    )


def _field(one: Field, column: Column) -> Markup:
    """A field of the table. What it says stands in it in words too, for who sees no sign."""
    if one.state is State.NOT_RUN:
        return Markup('<td class="none"><span class="vh">not run</span></td>')
    who = fill(" <small>{}</small>", ", ".join(one.profiles)) if one.profiles else ""
    good = " good" if one.state is State.GONE and column.given else ""
    hidden = fill('<span class="vh"> {}</span>', one.state) if one.state in {State.SHOWS, State.NOT} else ""
    cell = one.cells[0]
    return fill(
        '<td class="{}{}"><a href="#{}" title="{}">{}{}{}</a></td>',
        _CLASSES[one.state], good, anchor(cell), f"{one.state} in {cell.partition('[')[0]}", _SIGNS[one.state], hidden, who,
    )  # fmt: skip
