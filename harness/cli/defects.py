"""``defects``: which versions show which defects, as the newest run measured, or as the files say; what one version has."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.cli.colour import Paint, painter
from harness.compare.defects import Row, State, Table, tables
from harness.compare.words import count
from harness.drivers import EVERY_PROGRAM, SETUPS
from harness.errors import EXIT_AS_EXPECTED, UsageError
from harness.judge.defects.model import Defect
from harness.judge.defects.words import mended, ranges_text, since, where_told
from harness.names import one_line
from harness.runs.decide import known_defects
from harness.runs.folders import reports_folder
from harness.runs.results import NAME, Results, read_results
from harness.worlds.ranges import choices, in_ranges
from harness.worlds.renamed import renamed

_SHORT = {State.BACK: "BACK", State.GONE: "GONE", State.SHOWS: "shows", State.NOT: "-", State.NOT_RUN: ""}
_COLOURS = {State.BACK: "red", State.GONE: "green", State.SHOWS: "yellow", State.NOT: "green", State.NOT_RUN: "dim"}
_VERSION = re.compile(r"(.+?)(?:==|-)([0-9][0-9A-Za-z.~-]{0,63})")


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``defects``."""
    parser.description = (
        "Which versions of each program show which defects: shows, - does not, empty: no witness ran there."
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        type=Path,
        help="folder of a run (default: the newest; without any, what the files say)",
    )
    parser.add_argument(
        "--tool",
        metavar="T",
        default="",
        help="what one version has: fuse-overlayfs==1.14; or a program: fuse-overlayfs",
    )
    parser.add_argument("--json", action="store_true", help="for other programs")
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the table, or what a version has."""
    name, version = asked(arguments.tool)
    results = _results(arguments.run)
    defects = results.defects if results is not None and results.defects else known_defects()
    made = [one for one in tables(results.cells, defects) if not name or one.program == name] if results else []
    if version:
        mine = having(defects, name, version)
        if arguments.json:
            print(
                json.dumps(
                    {"schema": 1, "tool": name, "version": version, "defects": [_about(one, version) for one in mine]},
                    indent=1,
                )
            )
        else:
            _print(version_lines(mine, name, version))
        return EXIT_AS_EXPECTED
    if arguments.json:
        programs = [_table_plain(one) for one in made]
        files = [_about(one) for one in _in_order(defects) if not name or one.program == name]
        print(
            json.dumps(
                {"schema": 1, "run": results.run.id if results else None, "programs": programs, "defects": files},
                indent=1,
            )
        )
    elif results is None:
        _print(file_lines([one for one in _in_order(defects) if not name or one.program == name]))
    else:
        _print([f"as measured in the run {results.run.id}, {results.run.started[:16].replace('T', ' ')} UTC"])
        for table in made:
            _print(table_lines(table, painter(sys.stdout)), safe=True)
        if not made:
            _print([f"no defect of {name or 'any program'} could be measured there"])
    return EXIT_AS_EXPECTED


def _print(lines: Iterable[str], *, safe: bool = False) -> None:
    for line in lines:
        print(line if safe else one_line(line))


def _results(named: Path | None) -> Results | None:
    """The run that was named, else the newest, else none. Raises BrokenMachinery for one that cannot be read."""
    if named is not None:
        return read_results(named)
    latest = reports_folder() / "latest"
    return read_results(latest) if (latest / NAME).exists() else None


def asked(text: str) -> tuple[str, str]:
    """The program and the version, or an empty one, of ``fuse-overlayfs==1.14`` and ``fuse-overlayfs-1.14``. Raises UsageError."""
    if not text:
        return "", ""
    found = _VERSION.fullmatch(text)
    name, version = (text, "") if text in EVERY_PROGRAM or found is None else (found[1], found[2])
    old, now = renamed(name)
    if old:
        raise UsageError(
            f"{old!r} is now called {now}", where=f"--tool {text}", remedy=f"--tool {text.replace(old, now, 1)}"
        )
    program = name.partition("+")[0]
    if program not in EVERY_PROGRAM or ("+" in name and name not in SETUPS):
        raise UsageError(
            f"there is no program {name[:80]!r}", where=f"--tool {text[:80]}",
            remedy=f"{choices(name, EVERY_PROGRAM)}; with a version: fuse-overlayfs==1.14",
        )  # fmt: skip
    return program, version


def having(defects: Sequence[Defect], program: str, version: str) -> list[Defect]:
    """What a version of a program has, as its files say; the worst first."""
    return _in_order(one for one in defects if one.program == program and in_ranges(one.versions, version))


def _in_order(defects: Iterable[Defect]) -> list[Defect]:
    return sorted(defects, key=lambda one: (one.program, one.effect.place, one.name))


def version_lines(defects: Sequence[Defect], program: str, version: str) -> Iterator[str]:
    """What a version has: the effect, since when, whether it is fixed and in which version, and where to read about it."""
    width = max((len(one.name) for one in defects), default=0)
    for one in defects:
        yield f"{one.effect.words:20}  {one.name:{width}}  {one.title}"
        yield f"{'':20}  {'':{width}}  {since(one, version)}, {mended(one, version)} · {where_told(one)}"
    limits = sum(one.kind == "limit" for one in defects)
    by_design = f", {limits} of them by design" if limits else ""
    yield f"{program} {version}: {count(len(defects), 'defect')}{by_design}, as known; each whole: whiteout-lab explain NAME"


def file_lines(defects: Sequence[Defect]) -> Iterator[str]:
    """What the files say, where nothing was run: program, effect, versions."""
    yield "nothing was run yet: what is known, and not what was measured here (whiteout-lab run)"
    width = max((len(one.name) for one in defects), default=0)
    program = ""
    for one in defects:
        if one.program != program:
            program = one.program
            yield ""
            yield program
        yield f"  {one.effect.words:20}  {one.name:{width}}  {one.title}"
        yield f"  {'':20}  {'':{width}}  {ranges_text(one.versions)} · {where_told(one)}"


def table_lines(table: Table, paint: Paint) -> Iterator[str]:
    """A table for a terminal: a line for each defect with a field for each version, and its boundary below. Safe as it is."""
    yield ""
    yield paint("bold", one_line(table.program))
    for number, head in enumerate(table.heads, 1):
        yield f"  {number:>2}  {one_line(head.label)}"
    width = max(len(one_line(row.defect.name)) for row in table.rows)
    fields = [f"{number:>5}" for number, _ in enumerate(table.heads, 1)]
    hidden = [row for row in table.rows if not row.shown]
    yield f"  {'':20}  {'':{width}}  {' '.join(fields)}"
    for row in table.rows:
        if row.shown:
            yield from _row_lines(row, width, paint)
    if hidden:
        yield f"  no version here shows: {one_line(', '.join(row.defect.name for row in hidden))}"


def _row_lines(row: Row, width: int, paint: Paint) -> Iterator[str]:
    fields = [
        paint(_COLOURS[one.state], f"{_SHORT[one.state] + ('*' if one.profiles else ''):>5}") if one.cells else " " * 5
        for one in row.fields
    ]
    yield f"  {row.defect.effect.words:20}  {one_line(row.defect.name):{width}}  {' '.join(fields)}"
    file = f"; its file says: {row.says}" if row.differs else ""
    yield f"  {'':20}    {one_line(row.defect.title)}"
    yield f"  {'':20}    {one_line(row.boundary)}{file} · {one_line(where_told(row.defect))}"


def _table_plain(table: Table) -> dict[str, Any]:
    return {
        "program": table.program,
        "versions": [
            {"tool": head.column.name, "version": head.column.version, "over": head.over} for head in table.heads
        ],
        "defects": [
            {
                "name": row.defect.name,
                "fields": [
                    {"state": one.state.value, "profiles": list(one.profiles), "cells": list(one.cells)}
                    for one in row.fields
                ],
                "boundary": row.boundary,
                "differs": row.differs,
            }
            for row in table.rows
        ],
    }


def _about(defect: Defect, version: str = "") -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": defect.name, "program": defect.program, "title": defect.title, "effect": defect.effect.value,
        "kind": defect.kind, "versions": list(defect.versions), "links": list(defect.links),
    }  # fmt: skip
    return table | ({"since": since(defect, version), "mended": mended(defect, version)} if version else {})
