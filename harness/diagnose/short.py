"""A case as a script of a few plain lines, which says whether it shows: for a person, for ``git bisect run``, for a mail. Pure.

Exit codes as in a bundle: 0 it does not show, 1 it does, 125 this build cannot be tested, 77 the machine lacks something.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.cells.plan import Cell
from harness.drivers.base import Mounter
from harness.judge.codes import CODES
from harness.judge.facts.view import StepResult
from harness.judge.findings import Finding
from harness.machine.quote import quote_bytes
from harness.names import one_line, unescape
from harness.places import REMOUNT, UPPER, VIEW
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.steps import Remount
from harness.script.below import stack_of
from harness.script.trees import build, folders
from harness.script.typed import step_typed
from harness.snapshot.model import EMPTY, Kind, Snapshot
from harness.whiteouts.encodings import ENCODINGS
from harness.whiteouts.markers import find_markers

LONGEST = 20  # lines


@dataclass(frozen=True)
class Frame:
    """What such scripts have in common. ``begin``: until the layers are laid; ``mount``, ``unmount``: how a person types it."""

    begin: list[bytes]
    mount: str
    unmount: str


def frame(cell: Cell, what: str, needs: str = "") -> Frame | None:
    """The frame of a cell's script; None where a few lines would not do. *what*: it shows; *needs*: a further program that it calls."""
    scenario = cell.scenario
    plain = (
        scenario.below.fs == "host" and scenario.stack == "plain" and not scenario.handover and not cell.laid_by_root
    )
    remounts = any(isinstance(step, Remount) for step in scenario.steps)
    if not plain or remounts or not isinstance(cell.driver, Mounter):
        return None
    layers = [layer(tree, cell.profile) for tree in scenario.layers] or [EMPTY]
    lowers = tuple(f"lower{n or ''}" for n in (range(1, len(layers) + 1) if len(layers) > 1 else (0,)))
    text = cell.driver.script(stack_of(cell, lowers, "upper", "work", "merged")).typed
    if not text.mount or text.begin or text.end:
        return None
    program = cell.driver.program
    trees = [*zip(lowers, layers, strict=True), ("upper", layer(scenario.upper, cell.profile))]
    made = [word for folder, tree in trees for word in folders(folder, tree)]
    own = "unshare --mount" if cell.profile is Profile.ROOT else "unshare --user --map-root-user --mount"
    called = f'program=${{PROGRAM:-{program}}}; command -v "$program" {needs} >/dev/null || exit 77'.replace("  ", " ")
    begin = [
        b"#!/bin/sh",
        f"# {one_line(what)}. Exit codes: 1 it shows, 0 it does not, 125 this build cannot be tested, 77 something is lacking".encode(),
        f'[ -n "${{inside:-}}" ] || inside=1 exec {own} sh "$0"'.encode(),
        *([called.encode()] if cell.driver.is_program else []),
        b'folder=$(mktemp -d) && cd "$folder" && trap \'cd /; rm -rf "$folder"\' EXIT || exit 77',
        b"mkdir -p " + b" ".join(made) + b" work merged || exit 77",
        *(line for folder, tree in trees for line in build(folder, tree)),
    ]
    mount = text.mount.replace(program, '"$program"', 1) if cell.driver.is_program else text.mount
    return Frame(begin, mount, text.unmount)


def joined(lines: Iterable[bytes]) -> str:
    """The script; empty where it is too long for a few lines."""
    made = [line for line in lines if line]
    if sum(line.count(b"\n") + 1 for line in made) > LONGEST:
        return ""
    return b"\n".join(made).decode("utf-8", "surrogateescape") + "\n"


def told(what: str) -> list[bytes]:
    """The last lines: what came of it, by ``$code``, 0 where it shows."""
    return [
        b'[ "$code" != 0 ] || { echo ' + quote_bytes(f"BUG: {one_line(what)}".encode()) + b"; exit 1; }",
        b"echo 'it does not show'",
    ]


def short(cell: Cell, finding: Finding, upper: Snapshot) -> str:
    """The script; empty where a few lines would not do. *upper*: as it was when the finding was seen."""
    what = f"{finding.code} {CODES[finding.code].name} at {finding.path}"
    common, test = frame(cell, what), _test(finding, upper)
    if common is None or not test:
        return ""
    mount = f"{common.mount} || exit 125".encode()
    steps = [step_typed(step) for step in cell.scenario.steps]
    if isinstance(finding.facts, StepResult):
        steps[finding.facts.index] += b" || exit 9" if finding.facts.must_succeed else b" && exit 9"
    look = [b"shown() { " + test + b"; }", b"shown; code=$?"]
    unmount = common.unmount.encode()
    return joined(
        [
            *common.begin,
            mount,
            b"(cd merged; " + b"; ".join(steps) + b"); code=$?" if steps else b"code=0",
            *(look if finding.place == VIEW else []),
            unmount,
            *([mount, *look, unmount] if finding.place == REMOUNT else []),
            *(look if finding.place == UPPER else []),
            b"[ $code = 9 ] && code=0 || code=1" if isinstance(finding.facts, StepResult) else b"",
            *told(what),
        ]
    )


def _test(finding: Finding, upper: Snapshot) -> bytes:
    """A command that succeeds where it shows; empty where none is known."""
    if isinstance(finding.facts, StepResult):
        return b":"
    path = unescape(finding.path).strip(b"/")
    if finding.place == UPPER:
        return _of_mark(path, upper)
    there = quote_bytes(b"merged/" + path)
    if finding.code == "WL201":
        return b"[ -e " + there + b" ] || [ -L " + there + b" ]"
    if finding.code == "WL202":
        return b"! [ -e " + there + b" ] && ! [ -L " + there + b" ]"
    return b""


def _of_mark(path: bytes, upper: Snapshot) -> bytes:
    """Whether a marker lies there: its entry, or an xattr of the directory."""
    marks = [one for one in find_markers(upper) if path in {one.at, one.path}]
    if not marks:
        return b""
    at, row = marks[0].at, ENCODINGS[marks[0].encoding]
    there = quote_bytes(b"upper/" + at)
    if row.xattr:
        return b"getfattr -h -n " + row.xattr + b" " + there + b" >/dev/null 2>&1"
    return b"[ -c " + there + b" ]" if upper.entries[at].kind is Kind.CHAR else b"[ -f " + there + b" ]"
