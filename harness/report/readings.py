"""Who reads what, for the page: the tables of readings, with their sentences. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.compare.readings import (
    Matrix,
    RowWanted,
    Table,
    corpus_rows,
    grid_rows,
    grid_sentences,
    joined,
    packer_rows,
    sealed_rows,
    summed,
    truth_rows,
)
from harness.compare.words import Column, count
from harness.judge.findings import Finding, often
from harness.readings.results import Field, Readings

READERS = ("lower", "upper")
_SHORT = 12  # findings of one kind that are told; the file has them all
LEGEND = {
    "back": "deleted content is there again",
    "lost": "content is not there",
    "unsure": "a name is listed and cannot be opened",
    "shown": "a mark is shown as a file, or a private xattr to users",
    "changed": "type, content, mode, owner, link or xattr is another",
    "died": "the daemon ended, or did not mount",
    "marks": "a mark is lost or added",
    "twice": "a path stands twice",
    "spec": "a mark is not as the specification says",
    "invalid": "a layer is taken that the specification says is invalid",
    "outside": "something outside of the tree was changed",
    "refused": "the importer refuses it, in its own words",
}


@dataclass(frozen=True)
class New:
    """Something that a reading shows and nobody has named: what was given, to whom, and the sentence."""

    name: str
    takers: tuple[str, ...]
    code: str
    message: str
    often: str = ""  # "1 of 3 times", where it did not come each time that it was read


@dataclass(frozen=True)
class ReadingsPage:
    """The section of the page. ``details``: for each row of the grid the scenarios whose uppers not everybody reads alike."""

    words: str
    sentences: tuple[str, ...]
    grid: Matrix
    details: tuple[tuple[str, Matrix], ...]
    truth: Matrix
    sealed: Matrix
    packed: Matrix
    corpus: Matrix
    documented: str
    new: tuple[New, ...]
    legend: Mapping[str, str]


def readings_page(readings: Readings | None, columns: Mapping[str, Column]) -> ReadingsPage | None:
    """The section of readings; None where none were done. *columns*: of cells, by their ids."""
    if readings is None or not readings.fields:
        return None
    table = Table(readings)
    mounting = table.takers(*READERS)
    rows = grid_rows(table, columns)
    grid = table.matrix(rows, mounting)
    truth = table.matrix(truth_rows(table), mounting)
    details = tuple((row.name, joined(table.matrix(_by_scenario(table, row), mounting))) for row in rows)
    importers = table.takers("image")
    sealed = table.matrix(sealed_rows(table), [*mounting, *importers])
    packed = table.matrix(packer_rows(table), importers)
    corpus = table.matrix(corpus_rows(table), importers)
    used = {one.worst for made in (grid, truth, sealed, packed, corpus) for row in made.rows for one in row.fields}
    return ReadingsPage(
        _words(readings),
        tuple(grid_sentences(grid)),
        grid,
        tuple((name, one) for name, one in details if one.rows),
        truth,
        sealed,
        packed,
        corpus,
        _documented(readings.fields),
        _new(table),
        {word: words for word, words in LEGEND.items() if word in used},
    )


def _words(readings: Readings) -> str:
    whole = summed(readings.fields)
    return (
        f"{count(len(readings.fields), 'reading')} of {len(readings.givens):,} different stacks of layers in "
        f"{readings.seconds:.0f} s: {whole.words}."
    )


def _documented(fields: Sequence[Field]) -> str:
    """How much of it is as the documents say."""
    read = [one for one in fields if one.came in {"same", "differs", "refused"}]
    new = [one for one in read if one.new]
    unsteady = [one for one in read if one.unsteady and not one.new]
    known = [one for one in read if one.surprises and not one.new and not one.unsteady]
    as_said = len(read) - len(known) - len(new) - len(unsteady)
    parts = [
        f"{as_said:,} of {count(len(read), 'reading')} gave exactly the tree that the documented rules of the reader say"
    ]
    parts += [f"{len(known):,} another one that a known defect explains"] if known else []
    parts += [f"{len(new):,} another one that nobody has named"] if new else []
    parts += [f"{len(unsteady):,} now that one, and now another, when it was read again"] if unsteady else []
    return "; ".join(parts) + "."


def _by_scenario(table: Table, row: RowWanted) -> list[RowWanted]:
    """A row for each upper that not every reader takes as it is meant."""
    found = []
    for key in row.givens:
        sums = summed(one for one in table.readings.fields if one.given == key)
        if sums.same < sums.of:
            found.append(RowWanted(table.givens[key].name, (key,)))
    return found


def _new(table: Table) -> tuple[New, ...]:
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for one in table.readings.fields:
        for finding in (*one.new, *one.unsteady):
            found.setdefault(_key(table, one, finding), []).append(one.taker)
    return tuple(New(name, tuple(takers), *said) for (name, *said), takers in found.items())[:_SHORT]


def _key(table: Table, one: Field, finding: Finding) -> tuple[str, str, str, str]:
    return table.givens[one.given].name, finding.code, finding.message, often(finding)
