"""A run's results: ``results.json``, which other programs read. It only grows.

A run is a folder ``reports/<time>-<short id>/`` with ``results.json``, ``report.html`` and the recordings in ``cells/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.recording import Recording, ToolRecord, check_schema, read
from harness.judge.defects.model import Defect, Named
from harness.judge.findings import Finding, Outcome
from harness.judge.judge import Verdict
from harness.machine.cache import write_whole
from harness.profile import Profile

SCHEMA = 1
NAME = "results.json"
_NO_CELLS = b',\n "cells": []'  # no line of a text in JSON begins so: a line's end in it is written as two letters


class CellResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cell of the plan: what came of it. ``folder`` is relative to the run's; empty when nothing was recorded."""

    id: str
    scenario: str
    tool: ToolRecord
    profile: Profile
    outcome: Outcome
    reason: str = ""
    remedy: str = ""
    excluded: bool = False  # skipped since it would say nothing, not since something is missing
    findings: tuple[Finding, ...] = ()
    missing: tuple[Named, ...] = ()  # defects that should show and do not
    tells: dict[
        str, bool
    ] = {}  # the defects that its scenario is a witness of, and that were looked for: whether they show
    seconds: float = 0.0  # of the shell program
    folder: str = ""
    runs: int = 1  # how often the cell was run; each finding says in how many of them it was found
    marks: tuple[str, ...] = ()  # what marks its upper, as lines: "mark upper a/new encoding=opaque-trusted"

    @property
    def new(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.known is None)


class RunFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is true of the whole run."""

    id: str
    started: str  # ISO 8601, UTC
    seconds: float
    version: str  # of this program
    command: tuple[str, ...]
    kernel: str
    environment: dict[str, str]
    unavailable: tuple[dict[str, str], ...] = ()  # tools that could not be had: name, where, reason, remedy
    unfinished: int = 0  # cells that the run did not come to, since it was killed
    parts: tuple[str, ...] = ()  # the ids of the runs that it was put together of


class Results(msgspec.Struct, frozen=True):
    """``results.json``."""

    schema: int
    run: RunFacts
    cells: tuple[CellResult, ...]
    defects: tuple[Defect, ...] = ()  # what was known when the run was judged


def cell_result(recording: Recording, verdict: Verdict, folder: str) -> CellResult:
    """The result of a cell that ran."""
    return CellResult(
        recording.id, recording.scenario.name, recording.tool, recording.profile, verdict.outcome, verdict.reason,
        findings=verdict.findings, missing=verdict.missing, tells=dict(verdict.tells), seconds=recording.seconds, folder=folder,
        runs=recording.runs, marks=verdict.marks,
    )  # fmt: skip


def write_results(results: Results, folder: Path) -> None:
    """Write ``results.json`` in one step: a reader never sees half of it. Raises BrokenMachinery when it cannot be written."""
    try:
        write_whole(folder / NAME, _pieces(results), sync=True)
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be written: {error.strerror}",
            where=str(folder / NAME),
            remedy="make room there, or name a folder on another disk with --out; the recordings that were written lie in cells/ beside it",
        ) from error


def taken_back(results: Results, damaged: Sequence[CellResult], folder: Path) -> Results:
    """The results, where recordings turned out to be *damaged*: what those said is taken back, in the run's folder too.

    Raises BrokenMachinery when that cannot be written.
    """
    if not damaged:
        return results
    instead = {cell.id: cell for cell in damaged}
    whole = msgspec.structs.replace(results, cells=tuple(instead.get(cell.id, cell) for cell in results.cells))
    write_results(whole, folder)
    return whole


def _pieces(results: Results) -> Iterator[bytes]:
    """The text of ``results.json``, cell by cell: of ten thousand cells it is 60 MB, and would be held several times."""
    encode, form = msgspec.json.Encoder().encode, msgspec.json.format
    text = form(encode(msgspec.structs.replace(results, cells=())), indent=1)
    before, empty, after = text.partition(_NO_CELLS)
    if not empty or not results.cells:
        yield text
        return
    yield before + b',\n "cells": ['
    for number, cell in enumerate(results.cells):
        yield (b",\n  " if number else b"\n  ") + form(encode(cell), indent=1).replace(b"\n", b"\n  ")
    yield b"\n ]" + after


def read_results(folder: Path) -> Results:
    """Read a run. Raises BrokenMachinery when the folder holds none, a damaged one, or one of a later schema."""
    path = folder / NAME
    try:
        raw = path.read_bytes()
        check_schema(raw, SCHEMA, str(path))
        return _decoded(raw)
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be read: {error.strerror}",
            where=str(path),
            remedy="name the folder of a run, such as reports/latest",
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: what is no UTF-8
        raise BrokenMachinery(f"is no results.json: {error}", where=str(path)) from error


class _Outer(msgspec.Struct, frozen=True):
    """``Results``, whose cells are decoded one by one: what they say of tools is alike, and would be the most that is held of them."""

    schema: int
    run: RunFacts
    cells: tuple[msgspec.Raw, ...]
    defects: tuple[Defect, ...] = ()


def _decoded(raw: bytes) -> Results:
    outer = msgspec.json.decode(raw, type=_Outer)
    decode = msgspec.json.Decoder(CellResult).decode
    tools: dict[ToolRecord, ToolRecord] = {}
    cells = []
    for number, one in enumerate(outer.cells):
        try:
            cell = decode(one)
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(f"{error}, cell {number}") from error
        msgspec.structs.force_setattr(cell, "tool", tools.setdefault(cell.tool, cell.tool))
        cells.append(cell)
    return Results(outer.schema, outer.run, tuple(cells), outer.defects)


def read_recording(run: Path, cell: CellResult) -> Recording | None:
    """The recording of a cell, or None for one that did not run."""
    return read(run / cell.folder) if cell.folder else None
