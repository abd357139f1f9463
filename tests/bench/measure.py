"""Two sides of a measurement: each timed, its exit code and its result looked at. No figure is printed where they did not do the same."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from harness.errors import LabError
from harness.machine.packages import package_of
from harness.machine.process import Finished, run, which
from harness.names import one_line

ROUNDS = 5


class NotDone(Exception):
    """A side that did not do what is measured: its time says nothing."""


Side = Callable[[], Callable[[], None] | None]
"""Does its work, which is timed; gives back what looks at the result, which is not. Both raise NotDone."""

_failed: list[str] = []  # rows without a figure


def timed(action: Side) -> float:
    """Seconds of one call. Raises NotDone where it did not do its work."""
    before = time.perf_counter()
    look = action()
    seconds = time.perf_counter() - before
    if look is not None:
        look()
    return seconds


def row(name: str, measure: Callable[[], str], limit: str, needs: Sequence[str] = ()) -> None:
    """Print a row: the figures, or what could not be done and why. *needs*: programs that both sides call."""
    try:
        missing = [program for program in needs if which(program) is None]
        words = " ".join(dict.fromkeys(package_of(program) for program in missing))
        figures = f"not measured: to install: {words} | | " if missing else measure()
        _failed.extend([name] if missing else [])
    except (NotDone, LabError) as error:
        _failed.append(name)
        figures = f"not measured: {one_line(str(error))} | | "
    print(f"| {name} | {figures} | {limit} |", flush=True)


def ratio(mine: Side, plain: Side, rounds: int = ROUNDS) -> str:
    """Measure both in turn: the medians, and the median of the ratios pair by pair. Raises NotDone where a side did not do the same."""
    timed(mine), timed(plain)  # what is cold is not measured
    pairs = [(timed(mine), timed(plain)) for _ in range(rounds)]
    ratios = sorted(a / b for a, b in pairs)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return f"{a:.3f} s | {b:.3f} s | {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"


def done(side: str, argv: Sequence[str | Path], *, fine: Collection[int] = (0,), timeout: float = 900) -> Finished:
    """Run a command of a side. Raises NotDone for an exit code that is not one of *fine*."""
    ended = run(argv, timeout=timeout)
    if ended.code not in fine:
        last = (ended.err.strip() or ended.out.strip() or "no words").splitlines()[-1]
        raise NotDone(f"{side} ended with exit code {ended.code}: {last}")
    return ended


def counted(side: str, path: Path, begins: bytes, wanted: int) -> None:
    """Raises NotDone unless a file has that many lines that begin so."""
    with path.open("rb") as file:
        there = sum(line.startswith(begins) for line in file)
    if there != wanted:
        raise NotDone(f"{side} wrote {there} lines of {wanted} to {path.name}")


def failed() -> bool:
    """Whether a row has no figure."""
    return bool(_failed)
