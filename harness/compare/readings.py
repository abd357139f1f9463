"""Who reads what: readings as tables, a row for what is given, a column for who gets it. Takers that do the same share a column. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from harness.compare.words import Column, count, listing, who
from harness.judge.facts.layer import Misread, Taking
from harness.judge.findings import Finding
from harness.readings import truth
from harness.readings.results import Came, Field, GivenRecord, Readings, Source, TakerRecord
from harness.whiteouts.encodings import ENCODINGS

# What can be wrong with a tree, the worst first: short, for a field, and said of trees.
WRONG = {
    "back": "show deleted content again",
    "lost": "lack content",
    "unsure": "list names that cannot be opened",
    "shown": "show marks as files, or private xattrs",
    "changed": "are otherwise changed",
    "died": "end the daemon",
    "marks": "have lost or added marks",
    "twice": "have a path twice",
    "spec": "break the specification",
    "invalid": "are of layers that must be refused",
    "outside": "came with changes outside of them",
}
_BY_CODE = {
    "WL201": "back", "WL202": "lost", "WL203": "unsure", "WL204": "shown", "WL205": "changed", "WL208": "died", "WL209": "died",
    "WL301": "twice", "WL302": "marks", "WL303": "spec", "WL306": "spec", "WL107": "spec", "WL308": "changed",
    "WL309": "invalid", "WL310": "outside",
}  # fmt: skip
_TAKEN = {Taking.EXTRA: "back", Taking.ABSENT: "lost", Taking.DIFFERS: "changed"}
_ROLES = {"lower": "as a lower layer", "upper": "as the upper"}


@dataclass(frozen=True)
class Sum:
    """What came of some readings: how many of how many gave the tree that is meant, and what was wrong with how many of the others."""

    same: int
    of: int
    wrong: tuple[tuple[str, int], ...] = ()  # the worst first
    refused: int = 0
    refuses: int = 0  # rightly, since that is allowed: these count among the same
    broken: int = 0
    new: int = 0  # in how many something is that nobody has named

    @property
    def state(self) -> str:
        """As fields of tables are classed: passed, known, new, broken, or skipped where nothing was given."""
        if self.new:
            return "new"
        if self.broken:
            return "broken"
        if not self.of:
            return "skipped"
        return "passed" if self.same == self.of else "known"

    @property
    def worst(self) -> str:
        """The worst that is wrong, in a word."""
        return "refused" if self.refused and not self.wrong else self.wrong[0][0] if self.wrong else ""

    @property
    def text(self) -> str:
        """A sign, and a word or numbers: what stands in a field."""
        if self.broken:
            return "!"
        if not self.of:
            return "\N{EN DASH}"
        if self.same == self.of:
            told = "refuses" if self.refuses == self.of else "" if self.of == 1 else str(self.of)
            return f"\N{CHECK MARK} {told}".rstrip()
        told = self.worst if self.of == 1 else f"{self.of - self.same}/{self.of} {self.worst}"
        return f"\N{BALLOT X} {told}"

    @property
    def words(self) -> str:
        """The same as a sentence without an end."""
        if not self.of and not self.broken:
            return "nothing was given"
        parts = [f"{self.same:,} of {count(self.of, 'tree')} as meant"]
        parts += [f"{number:,} {WRONG[word]}" for word, number in self.wrong]
        parts += [f"{self.refused:,} refused"] if self.refused else []
        parts += [f"{self.refuses:,} of them refused, as may be"] if self.refuses else []
        parts += [f"{self.broken:,} not read, since the machinery failed"] if self.broken else []
        parts += [f"{self.new:,} with something that nobody has named"] if self.new else []
        return ", ".join(parts)


def wrong_in(one: Field) -> tuple[str, ...]:
    """What is wrong with one tree, the worst first."""
    words = {_word(finding) for finding in one.findings}
    return tuple(word for word in WRONG if word in words)


def _word(finding: Finding) -> str:
    if isinstance(finding.facts, Misread):
        return _TAKEN[finding.facts.taken]
    return _BY_CODE.get(finding.code, "")


def summed(fields: Iterable[Field]) -> Sum:
    """What came of readings together. What was left out does not count."""
    every = [one for one in fields if one.came is not Came.LEFT_OUT]
    read = [one for one in every if one.came is not Came.BROKEN]
    wrong = Counter(words[0] for one in read if (words := wrong_in(one)))
    refused = [one for one in read if one.came is Came.REFUSED]
    rightly = sum(not one.findings for one in refused)
    return Sum(
        sum(one.came in {Came.SAME, Came.MADE} for one in read) + rightly,
        len(read),
        tuple((word, wrong[word]) for word in WRONG if wrong[word]),
        len(refused) - rightly,
        rightly,
        len(every) - len(read),
        sum(bool(one.new) for one in every),
    )


@dataclass(frozen=True)
class Head:
    """A column: takers that gave the same in every row."""

    takers: tuple[TakerRecord, ...]
    label: str
    role: str  # how they get the layer, where it is not both ways


@dataclass(frozen=True)
class MatrixRow:
    """A row: what was given. ``about``: words under its name. ``heading``: it stands before this one, over several rows."""

    name: str
    fields: tuple[Sum, ...]
    about: str = ""
    heading: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table of readings."""

    heads: tuple[Head, ...]
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True)
class RowWanted:
    """A row before its readings are put into it."""

    name: str
    givens: tuple[str, ...]
    about: str = ""
    heading: str = ""


@dataclass
class Table:
    """The readings of a run, by what and whom."""

    readings: Readings
    by_both: Mapping[tuple[str, str], Field] = field(init=False)

    def __post_init__(self) -> None:
        self.by_both = {(one.given, one.taker): one for one in self.readings.fields}

    @cached_property
    def givens(self) -> Mapping[str, GivenRecord]:
        return {one.key: one for one in self.readings.givens}

    def of(self, *sources: Source) -> list[GivenRecord]:
        """What was given that comes from there."""
        return [one for one in self.readings.givens if one.source in sources]

    def takers(self, *roles: str) -> list[TakerRecord]:
        return [one for one in self.readings.takers if one.role in roles]

    def by_taker(self, givens: Sequence[str], taker: TakerRecord) -> Sum:
        """What a taker made of some givens."""
        return summed(one for key in givens if (one := self.by_both.get((key, taker.key))))

    def matrix(self, rows: Sequence[RowWanted], takers: Sequence[TakerRecord]) -> Matrix:
        """Rows with the readings by *takers*, of whom those with one title that gave the same everywhere share a column."""
        columns: dict[tuple[object, ...], list[TakerRecord]] = {}
        sums: dict[str, tuple[Sum, ...]] = {}
        for taker in takers:
            sums[taker.key] = tuple(self.by_taker(row.givens, taker) for row in rows)
            if any(one.of or one.broken for one in sums[taker.key]):
                columns.setdefault((taker.tool.title, taker.profile, sums[taker.key]), []).append(taker)
        every = [Column.of(one.tool, one.profile) for one in takers]
        merged = _both_roles(list(columns.values()), lambda one: sums[one.key])
        heads = tuple(_head(group, every) for group in merged)
        return Matrix(
            heads,
            tuple(
                MatrixRow(
                    row.name,
                    tuple(sums[head.takers[0].key][place] for head in heads),
                    row.about,
                    row.heading,
                )
                for place, row in enumerate(rows)
            ),
        )


def _both_roles(
    groups: Sequence[list[TakerRecord]], sums: Callable[[TakerRecord], tuple[Sum, ...]]
) -> list[list[TakerRecord]]:
    """The groups, those together that are the two profiles of one title and gave the same."""
    merged: dict[tuple[object, ...], list[TakerRecord]] = {}
    for group in groups:
        first = group[0]
        roles = frozenset(one.role for one in group)
        versions = frozenset(one.tool.version for one in group)
        merged.setdefault((first.tool.title, roles, versions, sums(first)), []).extend(group)
    return list(merged.values())


def _head(group: Sequence[TakerRecord], every: Sequence[Column]) -> Head:
    label, _ = who((Column.of(one.tool, one.profile) for one in group), every)
    roles = {one.role for one in group}
    role = _ROLES.get(next(iter(roles)), "") if len(roles) == 1 else ""
    return Head(tuple(group), label, role)


def grid_rows(table: Table, columns: Mapping[str, Column]) -> list[RowWanted]:
    """A row for each group of writers, versions of one tool, whose uppers are read alike. *columns*: of cells, by their ids.

    Uppers that are wrong whoever reads them are left out: their writer is to blame, and no reader.
    """
    wrote: dict[Column, list[str]] = {}
    untrue: dict[Column, int] = {}
    for given in table.of(Source.UPPER):
        for cell in given.writers:
            column = columns.get(cell)
            if column is None:
                continue
            mine = wrote.setdefault(column, [])
            if given.true and given.alone:
                mine.append(given.key)
            elif not given.true:
                untrue[column] = untrue.get(column, 0) + 1
    groups: dict[tuple[object, ...], list[Column]] = {}
    for column in sorted((one for one in wrote if wrote[one]), key=lambda one: one.order):
        alike = tuple(
            (one.worst, bool(one.new), bool(one.of))
            for one in (table.by_taker(wrote[column], taker) for taker in table.takers(*_ROLES))
        )
        groups.setdefault((column.title, column.profile, alike), []).append(column)
    rows = []
    for members in groups.values():
        label, _ = who(members, wrote)
        keys = tuple(dict.fromkeys(key for one in members for key in wrote[one]))
        bad = sum(untrue.get(one, 0) for one in members)
        about = count(len(keys), "upper") + (f"; {bad:,} more that no reader can take right" if bad else "")
        rows.append(RowWanted(label, keys, about))
    return rows


def joined(matrix: Matrix) -> Matrix:
    """Rows that say the same as one, with all their names."""
    rows: dict[tuple[Sum, ...], list[MatrixRow]] = {}
    for row in matrix.rows:
        rows.setdefault(row.fields, []).append(row)
    return Matrix(
        matrix.heads,
        tuple(MatrixRow(", ".join(dict.fromkeys(row.name for row in same)), fields) for fields, same in rows.items()),
    )


def truth_rows(table: Table) -> list[RowWanted]:
    """A row for each encoding at each place, under a heading for each encoding."""
    there = {one.name: one.key for one in table.of(Source.TRUTH)}
    rows = []
    last = ""
    for case in truth.cases():
        if case.name in there:
            heading = ENCODINGS[case.encoding].sentence
            rows.append(RowWanted(case.where, (there[case.name],), heading=heading if heading != last else ""))
            last = heading
    return rows


def sealed_rows(table: Table) -> list[RowWanted]:
    """A row for each target that uppers were sealed for."""
    made: dict[str, list[str]] = {}
    for given in table.of(Source.SEALED):
        for _, target in given.origins:
            made.setdefault(target, []).append(given.key)
    return [RowWanted(f"sealed for {target}", tuple(keys), count(len(keys), "layer")) for target, keys in made.items()]


def packer_rows(table: Table) -> list[RowWanted]:
    """A row for each packer, versions that did the same as one: what it made, which importers then get; and what the rules say of that."""
    packers = table.takers("folder")
    every = [Column.of(one.tool, one.profile) for one in packers]
    made: dict[str, list[str]] = {}
    for given in table.of(Source.PACKED):
        for _, by in given.origins:
            made.setdefault(by, []).append(given.key)
    groups: dict[tuple[object, ...], list[TakerRecord]] = {}
    for one in packers:
        mine = [field for field in table.readings.fields if field.taker == one.key]
        came = tuple((field.given, field.came, wrong_in(field)) for field in mine)
        groups.setdefault((one.tool.title, came, *made.get(one.key, ())), []).append(one)
    rows = []
    for members in groups.values():
        label, _ = who((Column.of(one.tool, one.profile) for one in members), every)
        whole = summed(field for field in table.readings.fields if field.taker == members[0].key)
        about = whole.words.replace("trees", "layers").replace("tree", "layer")
        rows.append(RowWanted(label, tuple(made.get(members[0].key, ())), about))
    return rows


def corpus_rows(table: Table) -> list[RowWanted]:
    """A row for each case of the corpus."""
    return [RowWanted(one.name, (one.key,), one.title) for one in table.of(Source.CORPUS)]


def grid_sentences(matrix: Matrix) -> list[str]:
    """Who sees what each writer means, and who does not. Writers of whom the same is to be said share a sentence."""
    said: dict[tuple[str, str], list[str]] = {}
    every = [Column.of(one.tool, one.profile) for head in matrix.heads for one in head.takers]
    for row in matrix.rows:
        said.setdefault(_readers(row, matrix.heads, every), []).append(row.name)
    return [f"What {listing(writers)} wrote, {fine}{worse}." for (fine, worse), writers in said.items()]


def _readers(row: MatrixRow, heads: Sequence[Head], every: Sequence[Column]) -> tuple[str, str]:
    """Who reads a row as it is meant, and what others do, as the rest of a sentence."""
    given = [(head, one) for head, one in zip(heads, row.fields, strict=True) if one.of]
    fine = [taker for head, one in given if one.same == one.of for taker in head.takers]
    bad = [(head, one) for head, one in given if one.same < one.of]
    if not bad:
        return "every reader here reads as it is meant", ""
    worst = [word for word in WRONG if any(one.worst == word for _, one in bad)]
    worse = f"; others {listing([WRONG[word] for word in worst])}" if worst else ""
    if not fine:
        return "nobody here reads as it is meant every time", worse.replace("; others", ": readers")
    programs = {one.tool.program: one.tool.called or one.tool.program for one in fine}
    if len(programs) == 1 and not {head.takers[0].tool.program for head, _ in bad} & programs.keys():
        return f"no reader but {next(iter(programs.values()))} reads as it is meant", worse
    both = [Column.of(one.tool, one.profile) for one in fine]
    whole = [one for one, times in Counter(both).items() if times > 1]
    parts = [who(whole, every)[0]] if whole else []
    for role, words in _ROLES.items():
        alone = [Column.of(one.tool, one.profile) for one in fine if one.role == role]
        alone = [one for one in alone if one not in whole]
        parts += [f"{who(alone, every)[0]} ({words})"] if alone else []
    return f"{listing(parts)} read{'s' if len(fine) == 1 else ''} as it is meant", worse
