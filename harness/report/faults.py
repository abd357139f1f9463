"""What users have after a fault: counts for each tool, and each thing that is wrong once, with who has it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.words import Column, count, who
from harness.diagnose.faults import AS_ELSE, Came, Fault, FaultCell, Faults
from harness.judge.findings import Finding
from harness.judge.rules.fault import CRASH, RULES

_LINES = 12  # calls that are shown of one thing
_SENTENCES = {row.code: row.one for row in RULES}
_DAEMONS = "each daemon was killed before each system call by which it changes its upper or work folder, or was given an error by it"
_MACHINES = (
    "the machine of a kernel, which is a guest, crashed after each commit of the file system below its overlay (ext4, on which each change "
    "of names is a commit of its own), and replayed its journal"
)
_STATES = (Came.BEFORE, Came.AFTER, Came.BETWEEN, Came.WRONG, Came.MISSED)


@dataclass(frozen=True)
class CountRow:
    """One tool and one kind of fault: at how many system calls, and what came of it."""

    tool: str
    fault: str
    points: int
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Thing:
    """One thing that is wrong. ``where``: the scenarios, with the calls; of a defect with what it shows at each."""

    codes: tuple[str, ...]
    message: str
    who: str
    where: tuple[str, ...]
    new: bool
    defect: str


@dataclass(frozen=True)
class FallbackRow:
    """One tool: what it does where each of some things is lacking."""

    tool: str
    does: tuple[str, ...]


@dataclass(frozen=True)
class CrashStep:
    """One step under a kernel: each commit, with what it changed below the overlay, and what users have after a crash behind it."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CrashTable:
    """One scenario under one kernel, commit by commit."""

    title: str
    steps: tuple[CrashStep, ...]


@dataclass(frozen=True)
class FaultsPage:
    """The section of the page. ``lacks``: over the columns of ``fallbacks``."""

    about: str
    states: tuple[str, ...]
    rows: tuple[CountRow, ...]
    things: tuple[Thing, ...]
    lacks: tuple[str, ...] = ()
    fallbacks: tuple[FallbackRow, ...] = ()
    crashes: tuple[CrashTable, ...] = ()


def faults_page(faults: Faults | None) -> FaultsPage | None:
    """The section; None where nobody tried any."""
    if faults is None or not faults.cells:
        return None
    total = sum(len(cell.faults) for cell in faults.cells)
    scenarios = sorted({cell.scenario for cell in faults.cells})
    kinds = {one.fault for cell in faults.cells for one in cell.faults}
    did = [_DAEMONS] if kinds - {CRASH} or not kinds else []
    did += [_MACHINES] if CRASH in kinds else []
    about = (
        f"{count(total, 'fault')} in {count(len(faults.cells), 'cell')} of {', '.join(scenarios)}, {faults.seconds:.0f} s: "
        f"{'; '.join(did)}. Then what users see is compared with the plain directory before the step and after it."
    )
    counts = tuple(_rows(faults.cells))
    told = tuple(things(faults.cells))
    crashes = tuple(_crash_table(cell) for cell in faults.cells if any(one.fault == CRASH for one in cell.faults))
    return FaultsPage(about, tuple(map(str, _STATES)), counts, told, *_fallbacks(faults.cells), crashes)


def _crash_table(cell: FaultCell) -> CrashTable:
    """The commits of one cell, step by step."""
    steps: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for one in cell.faults:
        steps.setdefault((one.point.step, one.point.request), []).append((one.point.call, one.why or str(one.came)))
    column = Column.of(cell.tool, cell.profile)
    return CrashTable(
        f"{cell.scenario} on {column.label}",
        tuple(CrashStep(f"step {step + 1}, {words}", tuple(lines)) for (step, words), lines in steps.items()),
    )


def _rows(cells: Sequence[FaultCell]) -> list[CountRow]:
    groups: dict[tuple[Column, str], list[Fault]] = {}
    for cell in cells:
        for fault in cell.faults:
            groups.setdefault((Column.of(cell.tool, cell.profile), fault.fault), []).append(fault)
    rows = []
    for column, name in sorted(groups, key=lambda one: one[0].order):
        some = groups[column, name]
        came = Counter(one.came for one in some)
        label = f"{column.label} {column.profile}"
        rows.append(CountRow(label, name, len(some), tuple((str(state), came[state]) for state in _STATES)))
    return rows


def _fallbacks(cells: Sequence[FaultCell]) -> tuple[tuple[str, ...], tuple[FallbackRow, ...]]:
    """What each tool does where something is lacking, of all its cells together: what is as else is said where nothing else is."""
    lacks = tuple(dict.fromkeys(one.lacks for cell in cells for one in cell.fallbacks))
    does: dict[Column, dict[str, dict[str, None]]] = {}
    for cell in cells:
        for one in cell.fallbacks:
            does.setdefault(Column.of(cell.tool, cell.profile), {}).setdefault(one.lacks, {})[one.words] = None
    rows = []
    for column in sorted(does, key=lambda one: one.order):
        told = [[words for words in does[column].get(lack, {}) if words != AS_ELSE] or [AS_ELSE] for lack in lacks]
        label = f"{column.label} {column.profile}"
        rows.append(FallbackRow(label, tuple("; ".join(some) for some in told)))
    return lacks, tuple(rows)


def things(cells: Sequence[FaultCell]) -> list[Thing]:
    """What is wrong: what nobody has named first, each sentence; then each defect, with what it shows."""
    groups: dict[tuple[str, str], list[tuple[FaultCell, Fault, Finding]]] = {}
    for cell in cells:
        for fault in cell.faults:
            for finding in fault.findings:
                key = (finding.known.defect, finding.known.title) if finding.known else ("", _what(finding))
                groups.setdefault(key, []).append((cell, fault, finding))
    columns = [Column.of(cell.tool, cell.profile) for cell in cells]
    found = []
    for (known, message), some in groups.items():
        having = [Column.of(cell.tool, cell.profile) for cell, _, _ in some]
        where: dict[str, None] = {}
        for cell, fault, finding in some:
            what = f"{_what(finding)}: " if known else ""
            where[f"{what}{cell.scenario}, step {fault.point.step + 1}: {fault.point.call}"] = None
        lines = [*list(where)[:_LINES], *([f"and {len(where) - _LINES} more"] if len(where) > _LINES else [])]
        codes = tuple(dict.fromkeys(finding.code for _, _, finding in some))
        found.append(Thing(codes, message, who(having, columns)[0], tuple(lines), not known, known))
    return sorted(found, key=lambda one: (not one.new, one.codes, one.message))


def _what(finding: Finding) -> str:
    """The sentence of any path: those differ from scenario to scenario."""
    return _SENTENCES[finding.code]("a name", finding.facts) if finding.code in _SENTENCES else finding.message
