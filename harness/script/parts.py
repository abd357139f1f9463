"""What every script has, whatever its driver: the head, the prelude, functions, and the steps between remounts. Pure."""

from __future__ import annotations

from functools import cache
from importlib import resources

from harness.drivers import DRIVERS
from harness.plan import Cell
from harness.scenario.steps import Remount, Step
from harness.script.quote import quote_bytes


@cache
def prelude() -> bytes:
    """The functions that every script carries."""
    return resources.files("harness.script").joinpath("prelude.sh").read_bytes()


def head(cell: Cell) -> bytes:
    scenario = cell.scenario
    alone = (
        "sh script.sh FOLDER"
        if cell.profile == "root"
        else "unshare --user --map-root-user --mount sh script.sh FOLDER"
    )
    other = "  # another program: PROGRAM=/path/to/it" if DRIVERS[cell.tool.driver].has_program else ""
    lines = [
        "#!/bin/sh",
        f"# Whiteout Lab, cell {cell.id}",
        f"# {scenario.title}",
        f"# Guards: {scenario.guards}",
        *(f"# See: {link}" for link in scenario.links),
        f"# Tool: {cell.tool.label} ({cell.tool.main.package or 'no package'}), profile {cell.profile}",
        "#",
        f"# To run it alone, in an empty folder: {alone}{other}",
        "# What it saw is then in FOLDER/out: *.tar (trees), *.names and *.err (what readdir gave), *.steps (exit codes), daemon.log.",
        'cd "${1:-.}" || exit 3',
        "cell=$PWD out=$PWD/out",
        *([f"program=${{PROGRAM:-{cell.program}}}"] if DRIVERS[cell.tool.driver].has_program else []),
        "umask 022",
        "export LC_ALL=C",
        "",
    ]
    return "\n".join(line.replace("\n", " ") if line.startswith("#") else line for line in lines).encode()


def function(name: str, body: str) -> bytes:
    indented = "\n".join(f"  {line}" for line in (body or ":").splitlines())
    return f"{name}() {{\n{indented}\n}}".encode()


def step_line(index: int, step: Step) -> bytes:
    return b"  step %d " % index + b" ".join(quote_bytes(word) if word else b"''" for word in step.words())


def segments(steps: tuple[Step, ...]) -> list[list[tuple[int, Step]]]:
    """The steps between remounts, each with its index in the scenario."""
    segments: list[list[tuple[int, Step]]] = [[]]
    for index, step in enumerate(steps):
        if isinstance(step, Remount):
            segments.append([])
        else:
            segments[-1].append((index, step))
    return segments
