"""The readings of a run: ``readings.json``, which other programs read. It only grows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from harness.evidence.beside import read_beside, write_beside
from harness.evidence.recording import ToolRecord
from harness.judge.findings import Finding, Outcome, often
from harness.profile import Profile

SCHEMA = 1
NAME = "readings.json"


class Source(StrEnum):
    """Where layers that are given come from."""

    UPPER = "upper"  # a cell wrote it
    TRUTH = "truth"  # one encoding at one place, and nothing else
    CORPUS = "corpus"  # a file of scenarios/corpus
    PACKED = "packed"  # a packer made it of an upper
    SEALED = "sealed"  # whiteout-lab seal made it of an upper


class Came(StrEnum):
    """What came of a reading."""

    SAME = "same"  # the tree that is meant
    DIFFERS = "differs"
    REFUSED = "refused"
    MADE = "made"  # a layer, by a packer
    BROKEN = "broken"  # the machinery failed, which says nothing
    LEFT_OUT = "left out"  # it was not given: why


class TakerRecord(msgspec.Struct, frozen=True):
    """Who is given layers. ``role``: lower, upper, folder or image."""

    key: str
    tool: ToolRecord
    profile: Profile
    role: str


class GivenRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What readings were given. ``writers``: ids of the cells whose upper it is.

    ``true``: whether all its marks together say what is meant: where they do not, no reader can be right.
    """

    key: str
    name: str
    source: Source
    layers: int
    writers: tuple[str, ...] = ()
    true: bool = True
    alone: bool = True  # whether no mark was there before it was written: what differs is its writer's, or its reader's
    title: str = ""  # of a case of the corpus
    origins: tuple[
        tuple[str, str], ...
    ] = ()  # of what was packed or sealed: the upper's key, and who made it: a taker's key, or a target


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reading: what one taker made of one given.

    ``findings``: in what the tree is not the one that is meant. ``surprises``: in what it is not the one that the documented rules say, or
    for an importer the specification: what no defect explains of them is new.
    """

    given: str
    taker: str
    came: Came
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    surprises: tuple[Finding, ...] = ()

    @property
    def new(self) -> tuple[Finding, ...]:
        """The surprises that nobody has named, and that came each time."""
        return tuple(one for one in self.surprises if one.known is None and not often(one))

    @property
    def unsteady(self) -> tuple[Finding, ...]:
        """Those that came once and stayed away when it was read again: told, and no failure of the run."""
        return tuple(one for one in self.surprises if one.known is None and often(one))


class Readings(msgspec.Struct, frozen=True):
    """``readings.json``. ``seconds``: wall clock, of all."""

    schema: int
    takers: tuple[TakerRecord, ...] = ()
    givens: tuple[GivenRecord, ...] = ()
    fields: tuple[Field, ...] = ()
    seconds: float = 0.0

    @property
    def outcomes(self) -> set[Outcome]:
        """What comes of them for the run, beside its cells: nothing where all is as the documents and the defects say."""
        new = {Outcome.FINDING} if any(one.new for one in self.fields) else set()
        return new | ({Outcome.BROKEN} if any(one.came is Came.BROKEN for one in self.fields) else set())


def together(several: Sequence[Readings]) -> Readings:
    """The readings of several runs, or of the parts of one, as one: of one that stands in more, the last."""
    givens: dict[str, GivenRecord] = {}
    for one in (given for readings in several for given in readings.givens):
        before = givens.get(one.key)
        writers = dict.fromkeys((*(before.writers if before else ()), *one.writers))
        givens[one.key] = msgspec.structs.replace(one, writers=tuple(writers))
    return Readings(
        SCHEMA,
        tuple({one.key: one for readings in several for one in readings.takers}.values()),
        tuple(givens.values()),
        tuple({(one.given, one.taker): one for readings in several for one in readings.fields}.values()),
        round(sum(readings.seconds for readings in several), 2),
    )


def write_readings(readings: Readings, folder: Path) -> None:
    """Write them into the folder of the run, in one step. Raises BrokenMachinery."""
    write_beside(readings, folder / NAME)


def read_readings(folder: Path) -> Readings | None:
    """The readings of a run; None for one that did none. Raises BrokenMachinery for what is damaged, or of a later schema."""
    return read_beside(folder / NAME, Readings, SCHEMA)
