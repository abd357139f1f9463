"""What a bundle says of its own scripts: they are run before it is sent, as its reader runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from harness.cells.plan import Cell
from harness.cli.working import say, working
from harness.compare.words import count
from harness.errors import LabError
from harness.launch.alone import BUNDLE, MACHINE, run_alone
from harness.launch.cell import CellContext
from harness.names import printable
from harness.report.issue import Case, Tried
from harness.worlds.inside import GIVEN


def tried(case: Case, cell: Cell | None, files: Mapping[str, bytes], times: int, timeout: float) -> Case:
    """Run what is in the archive, and what a person types, in the cell's world: *times*, each for *timeout* seconds at most.

    Where this machine cannot, the case says why.
    """
    if cell is None:
        return _untried(case, "its run's plan is not here")
    if not times:
        return _untried(case, "nobody asked for it")
    say(f"{case.recording.id}: running it {count(times, 'time')}")
    try:
        with working("bundle", timeout) as context:
            return _run(case, cell, files, times, context)
    except LabError as error:
        return _untried(case, f"it could not be: {error.what}")


def _untried(case: Case, why: str) -> Case:
    return replace(case, script=Tried(why_not=why), printed=Tried(why_not="these commands were not tried"))


def _run(case: Case, cell: Cell, files: Mapping[str, bytes], times: int, context: CellContext) -> Case:
    name = case.folder
    script, steps = f"{name}/script.sh", f"{name}/steps.sh"
    mine = {key: files[key] for key in ("reproduce.sh", script, steps) if key in files}
    program = f" PROGRAM={GIVEN}" if cell.program == GIVEN else ""
    said = [run_alone(cell, context, mine, f"sh reproduce.sh {name}{program}") for _ in range(times)]
    lacking = next((one for one in said if one.code not in {0, 1}), None)
    if lacking is not None:
        return _untried(case, f"it could not be: {_words(lacking.words)[-300:]}")
    shown = [one for one in said if one.code == 1]
    case = replace(case, script=Tried(len(said), len(shown), _words((shown or said)[-1].words)))
    if steps not in mine:
        return case
    around = {"machine.sh": MACHINE.encode() if cell.driver.kind == "containers" else b"", **_called(cell)}
    command = f"sh -c '. ../{BUNDLE}/machine.sh; PATH=../{BUNDLE}:$PATH; . ../{BUNDLE}/{steps}'"
    once = run_alone(cell, context, mine | around, command, inside="alone")
    return replace(case, printed=Tried(1, 1, _words(once.words)))


def _called(cell: Cell) -> dict[str, bytes]:
    """A program that is not in its world, under the name by which a person calls it."""
    if cell.program != GIVEN:
        return {}
    return {cell.driver.program: f'#!/bin/sh\nexec {GIVEN} "$@"\n'.encode()}


def _words(raw: bytes) -> str:
    """What a program said: without colours, and nothing in it that a terminal or a page obeys."""
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", raw).decode("utf-8", "replace")
    return printable(plain.replace("\r\n", "\n")).strip("\n")
