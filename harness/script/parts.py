"""What every script has, whatever its driver: the head, the prelude, functions, and the steps between remounts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from harness.cells.plan import Cell
from harness.machine.quote import quote_bytes
from harness.names import one_line
from harness.protocol import Phase
from harness.scenario.steps import Remount, Step
from harness.script.paths import spoken_paths
from harness.script.trees import build, folders
from harness.snapshot.model import Snapshot
from harness.worlds.ranges import one_matches


@cache
def carried(name: str) -> bytes:
    """A file of shell functions: ``prelude.sh`` and ``verdict.sh`` are in every script, ``image.sh`` in those of containers."""
    return resources.files("harness.script").joinpath(name).read_bytes()


def head(cell: Cell, alone: str, *, is_program: bool = True) -> bytes:
    """What every script begins with. *alone*: who runs it so, and by which command; *is_program*: whether another one can be named."""
    scenario = cell.scenario
    other = " [PROGRAM=/path/of/another]" if is_program else ""
    lines = [
        "#!/bin/sh",
        f"# Whiteout Lab, cell {cell.id}",
        f"# {scenario.title}",
        f"# Guards: {scenario.guards}",
        *(f"# See: {link}" for link in scenario.links),
        f"# Tool: {cell.tool.label} ({cell.tool.main.package or 'no package'}), profile {cell.profile}",
        "#",
        f"# To run it alone, in a new or empty folder: {alone} script.sh FOLDER{other}",
        '# It says what came of it: "as it should be" (exit code 0), or lines "BUG: PATH: what" (exit code 1), by the plain rules of',
        '# "what came of it" below, which are not all that the lab knows. Exit code 3: the machine did not do its part.',
        "# What it saw is then in FOLDER/out: *.tar (trees), *.names and *.err (what readdir gave), *.steps (exit codes), daemon.log.",
        *_START,
        *([f"program=${{PROGRAM:-{cell.program}}}"] if is_program else []),
        f"refusal={'meant' if one_matches(scenario.refuses, cell.tool.name, cell.tool.version) else ''}",
        "umask 022",
        "export LC_ALL=C",
        "",
    ]
    return "\n".join(one_line(line) if line.startswith("#") else line for line in lines).encode()


# Names are made absolute before the script goes to its folder; those that it gets inside a container are that already.
_START = (
    "self=$0 folder=.",
    "case $self in /*) ;; *) self=$PWD/$self ;; esac",
    "case ${2:-} in inside | below) again=1 ;; *) again= ;; esac",
    'if [ -n "$again" ]; then',
    "  folder=$1",
    "else",
    "  for word; do case $word in PROGRAM=*) PROGRAM=${word#PROGRAM=} ;; *) folder=$word ;; esac; done",
    "  case ${PROGRAM:-} in [!/]*/*) PROGRAM=$PWD/$PROGRAM ;; esac",
    '  [ -d "$folder" ] || mkdir -p -- "$folder" || exit 3',
    "fi",
    'cd -P -- "$folder" || exit 3',
    "cell=$PWD out=$PWD/out",
    'if [ -z "${WHITEOUT_LAB_CELL:-}" ] && [ -z "$again" ]; then',
    "  for there in * .[!.]* ..?*; do",
    '    if { [ ! -e "$there" ] && [ ! -L "$there" ]; } || [ "$there" -ef "$self" ]; then continue; fi',
    '    echo "the folder $cell is not empty: name a new one" >&2; exit 3',
    "  done",
    "fi",
)


def function(name: str, body: str) -> bytes:
    indented = "\n".join(f"  {line}" for line in (body or ":").splitlines())
    return f"{name}() {{\n{indented}\n}}".encode()


def verdict(cell: Cell, upper: str, lowers: Sequence[str], *, owners: bool = True) -> list[bytes]:
    """The lines by which a script that runs alone says what came of it. *upper*: the folder that was written to, if it is one.

    *owners*: whether the view shows the owners of the layers; a container shows a user as root, or the other way round.
    """
    spoken = b"".join(b" " + quote_bytes(path) for path in spoken_paths(cell.scenario, cell.profile))
    ignored = "nothing" if owners else "Uid|Gid"
    return [
        f"layers='{' '.join(reversed(lowers))}' ignored='{ignored}'".encode(),
        b"! alone || verdict '" + upper.encode() + b"'" + spoken,
    ]


def tree_lines(trees: Sequence[tuple[str, Snapshot]], more: bytes) -> list[bytes]:
    """The lines that make folders and lay trees out in them. *more*: other folders of the script."""
    made = [word for folder, snapshot in trees for word in folders(folder, snapshot)]
    lines = [b"mkdir -p " + more + b" " + b" ".join(made) + b" || die 'the folder of the cell cannot be written'"]
    lines.append(f"say {Phase.LAYERS}".encode())
    for folder, snapshot in trees:
        if folder == "oracle":
            lines.append(b"# the oracle starts as what the layers must show when they are merged")
        lines += build(folder, snapshot)
    return lines


def step_functions(parts: Sequence[Sequence[tuple[int, Step]]]) -> list[bytes]:
    """``steps_1``, ``steps_2`` …: the steps between remounts."""
    lines = []
    for number, segment in enumerate(parts, 1):
        lines.append(b"steps_%d() {" % number)
        lines += [step_line(index, step) for index, step in segment] or [b"  :"]
        lines.append(b"}")
    return lines


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
