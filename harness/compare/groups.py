"""What one sentence may speak of: findings of one code that the same tools have. Pure.

The smallest thing that a sentence can be true of is a *unit*: a code at a path of a scenario. Every cell that ran there has one
state in it. Units are put together where no cell's state differs, so that a group has one state for each version, whatever sentences
are made of it: what one sentence says of a version in a unit no other sentence can deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from harness.compare.words import Column
from harness.judge.defects.model import Named
from harness.judge.findings import SILENT, Finding, Outcome, flat
from harness.runs.results import CellResult


class Rank(IntEnum):
    """How a group of findings stands to what is known, the most urgent first."""

    NEW = 0  # no defect explains it
    BACK = 1  # a defect that the version should not have any more
    GONE = 2  # a defect that must show, and did not
    KNOWN = 3


@dataclass(frozen=True, order=True)
class Status:
    """In which way a cell has a code: what a sentence is made for. ``link`` and ``reason`` are the defect's."""

    rank: Rank
    defect: str = ""
    link: str = ""
    reason: str = ""  # empty where there is a link


State = frozenset[Status]
NOT: State = frozenset()  # it ran, was looked at, and has it not
# It has it as a consequence of another finding, or it could not be looked at: nothing is said.
FOLLOWS: State | None = None

Unit = tuple[str, str, str]  # code, scenario, path; a known finding that did not appear has no path


@dataclass
class Group:
    """Units of one code, and the one state that each column has in all of them where it ran."""

    code: str
    units: list[Unit] = field(default_factory=list)
    states: dict[Column, State | None] = field(default_factory=dict)

    def takes(self, states: Mapping[Column, State | None]) -> bool:
        """Whether a unit says the same of every cell, and one of the two sides has all that have it.

        So there is at least one path at which every version that the sentence names was seen to have it.
        """
        if any(self.states.get(column, state) != state for column, state in states.items()):
            return False
        mine, other = _having(self.states), _having(states)
        return mine <= other or other <= mine

    def columns(self, status: Status) -> set[Column]:
        """The columns that have it in one way."""
        return {column for column, state in self.states.items() if state and status in state}

    @property
    def statuses(self) -> list[Status]:
        return sorted({status for state in self.states.values() if state for status in state})

    @property
    def without(self) -> set[Column]:
        """The columns that ran in a scenario of the group and have it nowhere in it, known or not."""
        return {column for column, state in self.states.items() if state == NOT}


def column_of(cell: CellResult) -> Column:
    """The column of a cell."""
    return Column.of(cell.tool, cell.profile)


def status_of(finding: Finding) -> Status:
    """How a finding stands to what is known."""
    if finding.known is not None:
        return _status(Rank.KNOWN, finding.known)
    return Status(Rank.NEW) if finding.back is None else _status(Rank.BACK, finding.back)


def _status(rank: Rank, defect: Named) -> Status:
    return Status(rank, defect.defect, defect.link, "" if defect.link else defect.reason)


def groups(cells: Iterable[CellResult]) -> tuple[Group, ...]:
    """Every group of a run: each unit is in exactly one of them."""
    ran: dict[str, list[CellResult]] = {}
    for cell in cells:
        if cell.outcome is not Outcome.SKIPPED:
            ran.setdefault(cell.scenario, []).append(cell)
    units: dict[Unit, dict[Column, State | None]] = {}
    for scenario, here in ran.items():
        units |= _units(scenario, here)
    made: dict[str, list[Group]] = {}
    # those that most have come first: what fewer have is then taken in where the others did not run
    for unit, states in sorted(units.items(), key=lambda one: -len(_having(one[1]))):
        there = made.setdefault(unit[0], [])
        group = next((one for one in there if one.takes(states)), None)
        if group is None:
            group = Group(unit[0])
            there.append(group)
        group.units.append(unit)
        group.states.update(states)
    return tuple(group for found in made.values() for group in found)


def _units(scenario: str, cells: Sequence[CellResult]) -> dict[Unit, dict[Column, State | None]]:
    """Every code and path that a cell of a scenario has, with the state of each of its cells."""
    has: dict[Unit, dict[Column, set[Status]]] = {}
    follows: dict[Unit, set[Column]] = {}
    for cell in cells:
        column = column_of(cell)
        for finding in cell.findings:
            has.setdefault((finding.code, scenario, finding.path), {}).setdefault(column, set()).add(status_of(finding))
            for one in flat(finding.consequences):
                follows.setdefault((one.code, scenario, one.path), set()).add(column)
        for missing in cell.missing:
            if not any(finding.code == missing.code for finding in cell.new):  # then it is there, and told as new
                unit = (missing.code, scenario, "")
                has.setdefault(unit, {}).setdefault(column, set()).add(_status(Rank.GONE, missing))
    unknown = {column_of(cell) for cell in cells if _unseen(cell)}
    return {
        unit: {
            column: frozenset(found[column])
            if column in found
            else (FOLLOWS if column in follows.get(unit, ()) or column in unknown else NOT)
            for column in map(column_of, cells)
        }
        for unit, found in has.items()
    }


def _unseen(cell: CellResult) -> bool:
    return cell.outcome is Outcome.BROKEN or any(finding.code in SILENT for finding in cell.findings)


def _having(states: Mapping[Column, State | None]) -> set[Column]:
    return {column for column, state in states.items() if state}
