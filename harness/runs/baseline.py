"""Baselines: what each cell gave when somebody last said that this is so, as text for people who review a diff.

One file for each version of a tool, ``TOOL/VERSION.txt``; in it the scenarios by name, and below each the lines that its cells give:
those of both profiles once, below ``SCENARIO root user``. Two spaces stand before what every run gives, ``~`` and a space before what some
do; behind two spaces, ``#`` and a space the defect that explains it, for people alone. A cell that gives nothing has its head alone.
Nothing of a machine or a day is in it but the line that says why it was written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from harness.errors import BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.machine.cache import write_whole
from harness.names import one_line
from harness.profile import Profile
from harness.runs.accounts import Account, Accounts, Subject
from harness.runs.folders import reports_folder
from harness.runs.results import CellResult
from harness.scenario.toml import NAME

SCHEMA = 1
_FIRST = "whiteout-lab baseline "
_ALWAYS, _SOMETIMES, _BY = "  ", "~ ", "  # "
_SUFFIX = ".txt"
SECONDS = "seconds.txt"  # beside the tools: what a cell of each takes
_SECONDS = re.compile(r"(\S+) (\d+(?:\.\d+)?)")
_ANEW = "write it anew: whiteout-lab baseline update"


def text(tool: str, version: str, cells: Mapping[tuple[str, str], Account], reason: str) -> str:
    """The file of one version. *cells*: by scenario and profile; those that did not run are left out."""
    lines = [f"{_FIRST}{SCHEMA}", f"tool {tool} {version}", f"reason {one_line(reason)}"]
    scenarios: dict[str, dict[str, Account]] = {}
    for (scenario, profile), account in sorted(cells.items()):
        if account.ran:
            scenarios.setdefault(scenario, {})[profile] = account
    for scenario, by in scenarios.items():
        marked = {profile: _marked(account) for profile, account in by.items()}
        shared = frozenset.intersection(*marked.values())
        own = {profile: these - shared for profile, these in marked.items()}
        lines += ["", " ".join([scenario, *by]), *_sorted(shared)]
        for profile, these in own.items():
            if these and len(by) > 1:
                lines += [f"{scenario} {profile}", *_sorted(these)]
    return "\n".join(lines) + "\n"


def _marked(account: Account) -> frozenset[str]:
    every = {*(_ALWAYS + one for one in account.always), *(_SOMETIMES + one for one in account.sometimes)}
    known = account.defects
    return frozenset(f"{line}{_BY}{known[line[2:]]}" if line[2:] in known else line for line in every)


def _sorted(lines: Iterable[str]) -> list[str]:
    return sorted(lines, key=lambda line: (line[len(_ALWAYS) :], line))


def parse(raw: str, where: str) -> tuple[str, str, dict[tuple[str, str], Account]]:
    """Tool, version and cells of a file. Raises BrokenMachinery for what is none, or of a later schema, with the line."""
    lines = raw.splitlines()
    _check_first(lines[0] if lines else "", where)
    words = lines[1].split(" ", 2) if len(lines) > 1 else []
    if words[:1] != ["tool"] or len(words) != 3:
        raise BrokenMachinery("does not say of which tool it is", where=f"{where}: line 2", remedy=_ANEW)
    cells: dict[tuple[str, str], tuple[set[str], set[str], dict[str, str]]] = {}
    here: list[tuple[str, str]] = []
    for place, line in enumerate(lines[2:], 3):
        if line.startswith((_ALWAYS, _SOMETIMES)) and here and line[2:].strip():
            what, by, defect = line[2:].partition(_BY)
            for cell in here:
                always, sometimes, defects = cells[cell]
                (sometimes if line.startswith(_SOMETIMES) else always).add(what)
                defects |= {what: defect} if by else {}
        elif line and not (line.startswith("reason ") and not here):
            here = _head(line, f"{where}: line {place}")
            cells |= {cell: (set(), set(), {}) for cell in here if cell not in cells}
    return words[1], words[2], {cell: _account(*these) for cell, these in cells.items()}


def _check_first(line: str, where: str) -> None:
    number = line.removeprefix(_FIRST)
    if not line.startswith(_FIRST) or not number.isdigit():
        raise BrokenMachinery("is no baseline", where=f"{where}: line 1", remedy=_ANEW)
    if int(number) > SCHEMA:
        raise BrokenMachinery(
            f"has schema {number}, and this version reads {SCHEMA}", where=where, remedy="update this program"
        )


def _head(line: str, where: str) -> list[tuple[str, str]]:
    scenario, *profiles = line.split(" ")
    if not NAME.fullmatch(scenario) or not profiles or not set(profiles) <= set(Profile):
        raise BrokenMachinery(f"cannot be read: {line[:80]!r}", where=where, remedy=f"was it merged by hand? {_ANEW}")
    return [(scenario, profile) for profile in profiles]


def _account(always: set[str], sometimes: set[str], defects: dict[str, str]) -> Account:
    return Account(Outcome.PASSED, frozenset(always), frozenset(sometimes), defects=defects)


def read_baseline(folder: Path) -> Accounts:
    """Every file of a baseline. No folder: nothing. Raises BrokenMachinery for one that is none, UsageError for a folder that is a file."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            "a baseline is a folder", where=str(folder), remedy="name the folder that holds TOOL/VERSION.txt"
        )
    found: dict[Subject, dict[str, Account]] = {}
    for path in sorted(folder.glob(f"*/*{_SUFFIX}")):
        try:
            raw = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BrokenMachinery(f"cannot be read: {error}", where=str(path)) from error
        tool, version, cells = parse(raw, str(path))
        for (scenario, profile), account in cells.items():
            found.setdefault(Subject(tool, scenario, profile), {})[version] = account
    return Accounts(found)


def baseline_folder(named: Path | None = None) -> Path:
    """The folder that was named, or the project's own."""
    return named or reports_folder() / "baselines"


def read_seconds(folder: Path) -> dict[str, float]:
    """What a cell of each tool takes, as it was measured when the baseline was last written. Lines that are none are left out."""
    try:
        lines = (folder / SECONDS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {found[1]: float(found[2]) for line in lines if (found := _SECONDS.fullmatch(line))}


def write_seconds(folder: Path, cells: Iterable[CellResult]) -> None:
    """Write it, to one digit: shards are even by it, and it need not change each night. Raises BrokenMachinery."""
    taken: dict[str, list[float]] = {}
    for cell in cells:
        if cell.seconds:
            taken.setdefault(cell.tool.name, []).append(cell.seconds)
    now = read_seconds(folder) | {tool: float(f"{sum(some) / len(some):.1g}") for tool, some in taken.items()}
    text = "".join(f"{tool} {seconds:g}\n" for tool, seconds in sorted(now.items()))
    try:
        write_whole(folder / SECONDS, text.encode())
    except OSError as error:
        raise BrokenMachinery(f"cannot be written: {error.strerror}", where=str(folder / SECONDS)) from error


def write_baseline(folder: Path, now: Accounts, reason: str, scenarios: Collection[str]) -> list[Path]:
    """Write the files of every version in *now*, and say which of them are new or other than they were.

    *scenarios*: those that there are; what a file says of one that *now* does not speak of stays. Raises BrokenMachinery where one
    cannot be written.
    """
    before = read_baseline(folder)
    ran = {subject.scenario for subject in now.of}
    files: dict[tuple[str, str], dict[tuple[str, str], Account]] = {}
    for subject, by in now.of.items():
        for version, account in by.items():
            files.setdefault((subject.tool, version), {})[subject.scenario, subject.profile] = account
    for subject, by in before.of.items():
        for version, account in by.items():
            if (subject.tool, version) in files and subject.scenario not in ran and subject.scenario in scenarios:
                files[subject.tool, version][subject.scenario, subject.profile] = account
    written = []
    for (tool, version), cells in sorted(files.items()):
        path = folder / tool / f"{version.replace(' ', '+')}{_SUFFIX}"
        said = text(tool, version, cells, reason)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            there = path.read_text(encoding="utf-8") if path.exists() else ""
            if _without_reason(there) != _without_reason(said):
                write_whole(path, said.encode())
                written.append(path)
        except OSError as error:
            raise BrokenMachinery(f"cannot be written: {error.strerror}", where=str(path)) from error
    return written


def _without_reason(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("reason ")]
