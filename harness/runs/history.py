"""Past nights: ``history.jsonl``, one JSON line for each, in the order in which they were written, the last 90 alone.

It says of each scenario the worst that its cells gave, and of each defect on how many tools it showed; what a cell gave line by line
is the baseline's, and the runs'. A night of 710 cells (85 scenarios, 67 defects that were looked for)
was a line of 4.7 kB, and 90 nights 420 kB.

A line that cannot be read (cut, damaged, of a later schema) is left out and told of. It stays in the file as it is, until it is older
than what is kept: what this version cannot read, another one may.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from harness.errors import BrokenMachinery, UsageError, text_path
from harness.judge.findings import Outcome, flat
from harness.machine.cache import write_whole
from harness.runs.results import CellResult, Results

SCHEMA = 1
KEPT = 90  # nights: three months
LARGEST = 16 << 20  # bytes; what is larger is no history, and is not read
NAME = "history.jsonl"
_OTHER = "name another file with --history"

Number = Annotated[int, msgspec.Meta(ge=0)]


class State(StrEnum):
    """What a night says of a scenario: the worst that its cells gave. The worst comes first."""

    NEW = "n"  # a finding that no defect explains, or a defect that is back, or gone
    CHANGED = "c"  # otherwise than the baseline, or not run any more
    BROKEN = "b"  # the machinery did not do its part
    FLAKY = "f"  # now the one and now the other
    KNOWN = "k"  # findings, and all of them known
    PASSED = "p"
    SKIPPED = "s"  # none of its cells ran


_URGENCY = tuple(State)


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """Of a defect that was looked for: on how many tools (each of its own version) it showed, in how many cells; tools that were asked.

    One that no cell was asked for has none: 0 says that a witness ran to its end and does not show it.
    """

    tools: Number
    cells: Number
    asked: Number


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    schema: int = SCHEMA
    run: str
    started: datetime.datetime  # UTC
    kernel: str
    version: str  # of this program
    exit: int
    cells: dict[str, Number]  # by outcome, of those that are not excluded
    changed: dict[str, Number]  # against the baseline: how many cells changed, are flaky, the same …
    scenarios: dict[str, State]
    defects: dict[str, Shown]


@dataclass(frozen=True)
class Line:
    """A line of the file. ``night``: None where it cannot be read."""

    raw: bytes
    night: Night | None


@dataclass(frozen=True)
class History:
    """The lines of the file, and what is to be told of them."""

    lines: tuple[Line, ...] = ()
    trouble: tuple[str, ...] = ()

    @property
    def nights(self) -> tuple[Night, ...]:
        """Those that can be read; of a run that stands there twice, what was written last, in the place of the first."""
        return tuple({one.night.run: one.night for one in self.lines if one.night is not None}.values())

    def until(self, run: str) -> tuple[Night, ...]:
        """The nights up to that of a run. Those that came later say nothing in its report."""
        nights = self.nights
        return nights[: next((place for place, one in enumerate(nights, 1) if one.run == run), 0)]

    def text(self) -> bytes:
        """The file."""
        return b"".join(one.raw + b"\n" for one in self.lines)


def parse(raw: bytes) -> History:
    """A file's lines. None of them is an error: what cannot be read is told of, by its number."""
    lines: list[Line] = []
    trouble: list[str] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if line.strip():
            night, why = _night(line)
            lines.append(Line(line, night))
            trouble += [f"line {number} {why}"] if why else []
    return History(tuple(lines), tuple(trouble))


class _Schema(msgspec.Struct):
    schema: int


def _night(line: bytes) -> tuple[Night | None, str]:
    """A night, or why it is none."""
    try:
        schema = msgspec.json.decode(line, type=_Schema).schema
        if schema > SCHEMA:
            return None, f"has schema {schema}, and this version reads {SCHEMA}: it is left out; update this program"
        night = msgspec.json.decode(line, type=Night)
        if night.started.tzinfo is None:
            return None, "says no time of UTC: it is left out; delete it"
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: what is no UTF-8
        return None, f"is damaged ({error}): it is left out; delete it"
    return night, ""


def with_night(history: History, night: Night, kept: int = KEPT) -> History:
    """The history with one more night, at its end; a night of the same run is replaced where it stands. The last *kept* lines stay.

    A night that began before the one above it is kept where it was written, and told of.
    """
    line = Line(msgspec.json.encode(night), night)
    before = history.lines
    places = [place for place, one in enumerate(before) if one.night is not None and one.night.run == night.run]
    back = ""
    if places:
        lines = [line if place == places[0] else one for place, one in enumerate(before) if place not in places[1:]]
    else:
        lines = [*before, line]
        last = next((one.night for one in reversed(before) if one.night is not None), None)
        if last is not None and night.started < last.started:
            back = (
                f"this night began at {_time(night)}, before the last one there ({last.run}, {_time(last)}): nights stay in the order in "
                "which they were written; was it an older run, or did the clock go back?"
            )
    written = History(tuple(lines[-kept:]))
    return replace(written, trouble=(*parse(written.text()).trouble, *filter(None, (back,))))


def _time(night: Night) -> str:
    return f"{night.started:%Y-%m-%d %H:%M}"


def night_of(
    results: Results, code: int, changed: Collection[str], flaky: Collection[str], numbers: dict[str, int]
) -> Night:
    """What is remembered of a run. *code*: its exit code; *changed*, *flaky*: scenarios with a cell that is so; *numbers*: of changes.

    Raises BrokenMachinery for a run that does not say when it began.
    """
    cells = [cell for cell in results.cells if not cell.excluded]
    outcomes = [str(cell.outcome) for cell in cells]
    scenarios: dict[str, State] = {}
    for cell in cells:
        states = [scenarios.get(cell.scenario, State.SKIPPED), _state(cell)]
        states += [State.CHANGED] if cell.scenario in changed else []
        states += [State.FLAKY] if cell.scenario in flaky else []
        scenarios[cell.scenario] = min(states, key=_URGENCY.index)
    try:
        started = datetime.datetime.fromisoformat(results.run.started).astimezone(datetime.UTC)
    except ValueError as error:
        raise BrokenMachinery(
            "does not say when it began", where=f"run {results.run.id}", remedy="run it again"
        ) from error
    return Night(
        run=results.run.id,
        started=started.replace(microsecond=0),
        kernel=results.run.kernel,
        version=results.run.version,
        exit=code,
        cells={outcome: outcomes.count(outcome) for outcome in map(str, Outcome) if outcome in outcomes},
        changed=numbers,
        scenarios=dict(sorted(scenarios.items())),
        defects=dict(sorted(_shown(cells).items())),
    )


def _state(cell: CellResult) -> State:
    if cell.outcome is Outcome.PASSED:
        return State.KNOWN if cell.findings else State.PASSED
    return {Outcome.FINDING: State.NEW, Outcome.BROKEN: State.BROKEN, Outcome.SKIPPED: State.SKIPPED}[cell.outcome]


def _shown(cells: Iterable[CellResult]) -> dict[str, Shown]:
    asked: dict[str, set[tuple[str, str]]] = {}
    tools: dict[str, set[tuple[str, str]]] = {}
    showing: dict[str, set[str]] = {}
    for cell in cells:
        tool = (cell.tool.name, cell.tool.version)
        shows = {name for name, there in cell.tells.items() if there}
        for finding in flat(cell.findings):
            shows |= {one.defect for one in (finding.known, finding.back) if one is not None}
        for name in {*shows, *cell.tells, *(one.defect for one in cell.missing)} - {""}:
            asked.setdefault(name, set()).add(tool)
        for name in shows - {""}:
            tools.setdefault(name, set()).add(tool)
            showing.setdefault(name, set()).add(cell.id)
    return {
        name: Shown(len(tools.get(name, ())), len(showing.get(name, ())), len(some)) for name, some in asked.items()
    }


def _file(path: Path) -> Path:
    """What *path* leads to, where that is a regular file, or nothing. Raises UsageError, BrokenMachinery."""
    try:
        found = text_path(path).resolve()
        other = found.exists() and not found.is_file()  # a pipe would be waited for
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        words = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise BrokenMachinery(f"cannot be read: {words}", where=str(path), remedy=_OTHER) from error
    if other:
        raise UsageError("a history is a regular file, and this is none", where=str(path), remedy=_OTHER)
    return found


def read_history(path: Path) -> History:
    """The file; where there is none, no night. Raises BrokenMachinery where it cannot be read, UsageError for what is no history."""
    try:
        with _file(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return History()
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path), remedy=_OTHER) from error
    if len(raw) > LARGEST:
        raise UsageError(
            f"has more than {LARGEST >> 20} MB, and is no history", where=str(path), remedy=f"move it away, or {_OTHER}"
        )
    return parse(raw)


def write_history(history: History, path: Path) -> None:
    """Write it whole, or leave it as it was; through a symbolic link, what it leads to. Raises BrokenMachinery, UsageError."""
    target = _file(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, history.text(), sync=True)
    except OSError as error:
        raise BrokenMachinery(
            f"the history of nights cannot be written: {error.strerror}",
            where=str(path),
            remedy=f"make room there, or {_OTHER}",
        ) from error


def remember(night: Night, path: Path) -> History:
    """Add a night to the file, and say what is in it now. One at a time: the caller holds the night's lock. Raises BrokenMachinery."""
    history = with_night(read_history(path), night)
    write_history(history, path)
    return history
