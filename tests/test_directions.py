"""The rooms of the house stand in one order: a room imports from the rooms above it, and from no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1] / "harness"

# From the ground up. A driver knows no scenario file: it is given what one says.
ROOMS = (
    "names", "errors", "profile", "places", "protocol",
    "machine", "snapshot", "whiteouts", "worlds", "doctor", "drivers", "scenario", "tools", "cells", "script", "evidence", "launch",
    "judge", "layers", "readings", "runs", "compare", "diagnose", "report", "cli", "__main__",
)  # fmt: skip
ALONE = {"machine/process.py"}  # the one module that starts programs
# A recording is self-sufficient: whoever judges, compares or reports asks no driver of today what one did then.
WITHOUT_DRIVERS = ("judge", "compare", "report")


def arrows() -> Iterator[tuple[str, str]]:
    """Who imports whom, as ``room.module``."""
    modules = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in HOUSE.rglob("*.py")}
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "harness":
                base = (node.module or "").removeprefix("harness").removeprefix(".")
                for alias in node.names:
                    full = f"{base}.{alias.name}".removeprefix(".")
                    yield name.removesuffix(".__init__"), full if full in modules else base
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith("harness."):
                        yield name.removesuffix(".__init__"), alias.name.removeprefix("harness.")


def test_every_room_has_its_place() -> None:
    there = {
        path.stem if path.suffix else path.name for path in HOUSE.iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert there - {"__init__", "__pycache__"} == set(ROOMS)


def test_no_arrow_runs_back_up() -> None:
    back = {
        (one, other)
        for one, other in arrows()
        if other and ROOMS.index(other.split(".")[0]) > ROOMS.index(one.split(".")[0] or "__main__")
    }
    assert not back


def test_programs_are_started_in_one_module() -> None:
    starting = set()
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if {"sh", "subprocess"} & {name.split(".")[0] for name in names}:
                starting.add(str(path.relative_to(HOUSE)))
    assert starting == ALONE


def test_what_judges_compares_and_reports_reaches_no_driver() -> None:
    """Not through another module either: a module, and every package above it, is run by whoever imports it."""
    graph: dict[str, set[str]] = {}
    for one, other in arrows():
        parts = other.split(".")
        graph.setdefault(one, set()).update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
    for start in (one for one in graph if one.split(".")[0] in WITHOUT_DRIVERS):
        reached, waiting = {start: start}, [start]
        while waiting:
            one = waiting.pop()
            for other in graph.get(one, ()):
                if other not in reached:
                    reached[other] = f"{reached[one]} > {other}"
                    waiting.append(other)
        assert not [path for name, path in reached.items() if name.split(".")[0] == "drivers"]
