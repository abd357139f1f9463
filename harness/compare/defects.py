"""The table of defects: for each program that ran, which of its versions show which of its defects, as measured in this run. Pure.

What stands in a field comes of the cells alone: what their findings are explained by, what they say as witnesses, what must have shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.compare.words import Column, who
from harness.evidence.recording import ToolRecord
from harness.judge.defects.model import Defect
from harness.judge.defects.words import ranges_text
from harness.judge.findings import Outcome, flat
from harness.runs.results import CellResult
from harness.worlds.versions import kernel_number

KERNEL = "kernel"


class State(StrEnum):
    """What a run says of a defect in a version, the most urgent first."""

    BACK = "back"  # it shows, and the file says that this version comes after its end
    GONE = "gone"  # the file says that it must show, a witness ran to its end, and it does not
    SHOWS = "shows"
    NOT = "does not"  # a witness ran to its end, and it does not show
    NOT_RUN = "not run"  # no witness ran there


_URGENCY = tuple(State)


@dataclass(frozen=True)
class Field:
    """One defect in one version. ``cells`` say so; ``profiles`` are named where the other one that ran says something else."""

    state: State
    cells: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """``shows (user)``."""
        return f"{self.state} ({', '.join(self.profiles)})" if self.profiles else str(self.state)


@dataclass(frozen=True)
class Head:
    """A version that ran. ``over``: the program that is told of, and its version, where it is not the tool's own."""

    column: Column
    over: str = ""

    @property
    def label(self) -> str:
        return f"{self.column.label} ({self.over})" if self.over else self.column.label


@dataclass(frozen=True)
class Row:
    """One defect. ``boundary``: a sentence, as measured; ``says``: the versions that its file names; ``differs``: whether it should not."""

    defect: Defect
    fields: tuple[Field, ...]
    boundary: str
    says: str
    differs: bool
    ran: tuple[str, ...]  # witnesses that ran

    @property
    def shown(self) -> bool:
        """Whether it shows in this run, or should have."""
        return any(one.state in {State.BACK, State.GONE, State.SHOWS} for one in self.fields)

    @property
    def state(self) -> State:
        """The most urgent of its fields."""
        return min((one.state for one in self.fields), key=_URGENCY.index, default=State.NOT_RUN)


@dataclass(frozen=True)
class Table:
    """The defects of one program."""

    program: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Change:
    """What a given program does not show any more, and what it shows beside that, against the version before it."""

    given: Column
    before: Column
    fixed: tuple[Defect, ...]
    brought: tuple[Defect, ...]


Cells = dict[State, dict[str, None]]  # the cells that say something, by what they say


@dataclass
class _Seen:
    """What is said of one defect, by column."""

    by: dict[Column, Cells] = field(default_factory=dict)

    def say(self, cell: CellResult, state: State) -> None:
        self.by.setdefault(Column.of(cell.tool, cell.profile), {}).setdefault(state, {})[cell.id] = None


def version_in(tool: ToolRecord, program: str) -> str:
    """The version that a tool has of a program, its own or one of those that it calls; empty where it has none."""
    if tool.program == program:
        return tool.plain
    if program == KERNEL and tool.kind == "containers":
        return kernel_number(tool.kernel)
    return next((part.plain for part in tool.parts if part.name == program), "")


def tables(cells: Iterable[CellResult], defects: Sequence[Defect]) -> tuple[Table, ...]:
    """A table for each program that ran and has defects, in the order of tools; in it the worst effect comes first."""
    ran = [cell for cell in cells if cell.outcome is not Outcome.SKIPPED]
    found = {Column.of(cell.tool, cell.profile): cell.tool for cell in ran}
    tools = {column: found[column] for column in sorted(found, key=lambda column: column.order)}
    seen = _seen(ran)
    scenarios = {cell.scenario for cell in ran}
    programs: dict[str, list[Defect]] = {}
    for program in dict.fromkeys((*(one.program for one in tools), *sorted({one.program for one in defects}))):
        mine = [one for one in defects if one.program == program]
        if mine and any(version_in(tool, program) for tool in tools.values()):
            programs[program] = mine
    return tuple(_table(program, mine, tools, seen, scenarios) for program, mine in programs.items())


def _seen(cells: Sequence[CellResult]) -> Mapping[str, _Seen]:
    found: dict[str, _Seen] = {}

    def of(name: str) -> _Seen:
        return found.setdefault(name, _Seen())

    for cell in cells:
        for finding in flat(cell.findings):
            if finding.known is not None:
                of(finding.known.defect).say(cell, State.SHOWS)
            if finding.back is not None:
                of(finding.back.defect).say(cell, State.BACK)
        for missing in cell.missing:
            of(missing.defect).say(cell, State.GONE)
        for name, shows in cell.tells.items():
            of(name).say(cell, State.SHOWS if shows else State.NOT)
    return found


def _table(
    program: str,
    defects: Sequence[Defect],
    tools: Mapping[Column, ToolRecord],
    seen: Mapping[str, _Seen],
    scenarios: set[str],
) -> Table:
    by_defect = {one.name: seen.get(one.name, _Seen()).by for one in defects}
    versions: dict[tuple[str, str], list[Column]] = {}
    only_called = all(column.program != program for column in tools)
    for column, tool in tools.items():
        if (
            column.program == program
            or (only_called and version_in(tool, program))
            or any(column in by for by in by_defect.values())
        ):
            versions.setdefault((column.name, column.version), []).append(column)
    rows = [_row(one, by_defect[one.name], tuple(versions.values()), scenarios) for one in defects]
    rows.sort(key=lambda row: (row.defect.effect.place, _URGENCY.index(row.state), row.defect.name))
    heads = tuple(_head(program, same[0], tools[same[0]]) for same in versions.values())
    return Table(program, heads, tuple(rows))


def _head(program: str, column: Column, tool: ToolRecord) -> Head:
    version = version_in(tool, program)
    return Head(column, "" if column.program == program or not version else f"{program} {version}")


def _row(defect: Defect, by: Mapping[Column, Cells], versions: Sequence[Sequence[Column]], scenarios: set[str]) -> Row:
    fields = tuple(_field(same, by) for same in versions)
    return Row(
        defect,
        fields,
        _boundary(by),
        ranges_text(defect.versions),
        any(one.state in {State.BACK, State.GONE} for one in fields),
        tuple(one for one in defect.witnesses if one in scenarios),
    )


def _state(cells: Cells) -> State:
    return min(cells, key=_URGENCY.index, default=State.NOT_RUN)


def _field(same: Sequence[Column], by: Mapping[Column, Cells]) -> Field:
    """A version, whose profiles are one column: what is most urgent of what its cells say."""
    by_column = {column: by.get(column, {}) for column in same}
    state = min(map(_state, by_column.values()), key=_URGENCY.index)
    having = [column for column, cells in by_column.items() if state in cells]
    others = [column for column, cells in by_column.items() if cells and state not in cells]
    cells = tuple(dict.fromkeys(cell for column in having for cell in by_column[column][state]))
    return Field(state, cells, tuple(column.profile for column in having) if others else ())


def _boundary(by: Mapping[Column, Cells]) -> str:
    """``fuse-overlayfs 1.4–1.14 show it; fuse-overlayfs 1.15 does not``: who was looked at, and nobody else."""
    having = [column for column, cells in by.items() if {State.SHOWS, State.BACK} & cells.keys()]
    without = [column for column in by if column not in having]
    parts: list[str] = []
    if having:
        subject, many = who(having, by)
        parts.append(f"{subject} {'show' if many else 'shows'} it")
    if without:
        subject, many = who(without, by)
        parts.append(f"{subject} {'do' if many else 'does'} not{'' if having else ' show it'}")
    return "; ".join(parts)


def showing(made: Sequence[Table]) -> list[Row]:
    """The defects of all programs that show in a run: the worst effect first; what is by design after what is not, then what most show."""
    rows = [(sum(one.state is State.SHOWS for one in row.fields), row) for table in made for row in table.rows]
    rows.sort(key=lambda one: (one[1].defect.effect.place, one[1].defect.kind == "limit", -one[0], one[1].defect.name))
    return [row for shows, row in rows if shows]


def changes(made: Sequence[Table]) -> tuple[Change, ...]:
    """What programs that the user gave change, each against the version of the same tool that stands before it."""
    found: list[Change] = []
    for table in made:
        for place, head in enumerate(table.heads):
            before = next((one for one in reversed(table.heads[:place]) if one.column.name == head.column.name), None)
            if not head.column.given or head.column.program != table.program or before is None:
                continue
            there = table.heads.index(before)
            pairs = [(row.defect, row.fields[there].state, row.fields[place].state) for row in table.rows]
            shows, not_there = {State.SHOWS, State.BACK}, {State.NOT, State.GONE}
            fixed = tuple(defect for defect, old, new in pairs if old in shows and new in not_there)
            brought = tuple(defect for defect, old, new in pairs if old in not_there and new in shows)
            if fixed or brought:
                found.append(Change(head.column, before.column, fixed, brought))
    return tuple(found)
