"""Whether the evidence of a cell is whole. What is cut (a full disk, a time limit) is trouble of the machine, and never a finding."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from pathlib import Path

from harness.evidence.recording import Step
from harness.places import PlaceName
from harness.protocol import NOT_BEGUN, Phase
from harness.scenario.model import Scenario
from harness.script.parts import segments
from harness.snapshot.model import Kind, Snapshot

# The words of programs that could not write what they saw: of tar, and of the shell, whose printf says no more than "I/O error".
_FULL = re.compile(rb"No space left on device|Disk quota exceeded")
_UNWRITTEN = re.compile(
    rb"printf: I/O error|No space left on device|Disk quota exceeded|(?:write|printf).*: Input/output error"
)
NO_ROOM = "the file system of the work folder is full, or fails: what was recorded is cut"
_TAKEN = re.compile(rb"^(\S+) (\d+)$", re.MULTILINE)
_END_OF_TAR = bytes(1024)  # two blocks of zeros (POSIX, pax)
PATIENCE = 5.0  # seconds
GAVE_UP, REFUSED = 3, 5  # exit codes of a script: see prelude.sh


def unwritten(out: Path, err: bytes) -> str:
    """Whether something said that it could not write: the script (*err*), or tar at one of the trees."""
    if _UNWRITTEN.search(err) or any(_FULL.search(path.read_bytes()) for path in out.glob("*.err")):
        return NO_ROOM
    return ""


def cut(out: Path, trees: Mapping[PlaceName, Snapshot]) -> str:
    """Which tree that was taken is not there as a whole; empty when all are."""
    for name, code in _TAKEN.findall(_bytes(out / "taken")):
        place = PlaceName(name.decode("ascii", "replace"))
        explained = code != b"0" and bool(_bytes(out / f"{place}.err"))
        tree = trees.get(place)
        if tree is None and explained and not _bytes(out / f"{place}.tar"):
            continue  # its folder could not be entered: what was under test died
        if tree is None or not _ended(out / f"{place}.tar"):
            return f"the tree {place} was not written whole"
        named = tree.listed or frozenset()
        if any(entry.path and entry.path not in named and entry.kind is not Kind.UNKNOWN for entry in tree):
            return f"the names of the tree {place} were not written whole"
        if code != b"0" and not explained:
            return f"tar ended with exit code {code.decode()} at the tree {place}, and its words were not written"
    return ""


def contradicts(out: Path, phase: str, code: int) -> str:
    """Whether the script's exit code says otherwise than its evidence, as where a step wrote to that; empty when it does not.

    A script that gave up says why, in words that are its cell's ``broken``; a tool's refusal, and the last phase, have their own codes.
    """
    if code == GAVE_UP:
        return f"the script gave up in the phase {phase or 'start'!r}, and could not write why"
    if (code == REFUSED) is not bool(_bytes(out / "refused")):
        return f"what the script left says that the tool refused to mount, or does not, and its exit code is {code}"
    if (code == 0) is not (phase == Phase.END):
        return f"the script ended in the phase {phase or 'start'!r} with exit code {code}"
    return ""


def steps_cut(scenario: Scenario, merged: tuple[Step, ...], oracle: tuple[Step, ...]) -> str:
    """Of a script that came to its end: whether results of steps are missing. A merged tree that could not be entered has none at all."""
    did = {"merged": {step.index for step in merged}, "plain directory": {step.index for step in oracle}}
    for segment in segments(scenario.steps):
        must = {index for index, _ in segment}
        for where, indices in did.items():
            if not must <= indices and (where != "merged" or must & indices):
                return f"the steps on the {where} were not all recorded"
    return ""


def too_short(out: Path, phase: str, limit: float, patience: float = PATIENCE) -> str:
    """Why a cell that its time limit stopped does not show a hang: it had not begun, or it was still at work; empty when it hung.

    A hang is a silence, in which nothing is written of the evidence, of half the limit (in seconds) and at least *patience*.
    """
    if phase in NOT_BEGUN:
        at = f"in the phase {phase or 'start'!r}"
        return f"the time limit of {limit:g} s struck before the tool had begun ({at}): give a larger --timeout"
    silence = time.time() - _last_sign(out)
    if silence < max(patience, limit / 2):
        return (
            f"the time limit of {limit:g} s struck in the phase {phase!r}, and the cell was at work {silence:.1f} s before: "
            "give a larger --timeout, or fewer --jobs"
        )
    return ""


def _last_sign(out: Path) -> float:
    """When something of the evidence was last written, in seconds since the epoch."""
    times = [0.0]
    with contextlib.suppress(OSError):
        times += [path.stat().st_mtime for path in out.iterdir()]
    return max(times)


def _ended(tar: Path) -> bool:
    with contextlib.suppress(OSError), tar.open("rb") as file:
        file.seek(-len(_END_OF_TAR), 2)
        return file.read() == _END_OF_TAR
    return False


def _bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""
