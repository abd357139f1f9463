"""One scenario's section, put together from its cells. Pure: what is read from disk comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.boundary import boundaries
from harness.compare.classes import (
    Class,
    Row,
    Seen,
    class_rows,
    classify,
    most_interesting,
    rows,
    tree_key,
    with_station,
)
from harness.compare.describe import Look, looks
from harness.compare.words import Column, count, who
from harness.findings import Finding, Outcome, Station
from harness.names import escape
from harness.recording import Recording
from harness.report import markup
from harness.report.grid import field_of
from harness.report.load import Loaded
from harness.report.steps import step_words
from harness.scenario.layers import layer
from harness.scenario.model import Scenario
from harness.whiteouts.codes import CODES

MOST_ROWS = 150  # of one table; what is cut is said below it
VIEWS = (Station.VIEW, Station.REMOUNT)
Flags = tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class TableRow:
    """A path and its fields, ready to stand in the page. ``depth`` indents it in the picture of the tree."""

    path: str
    name: str
    depth: int
    fields: tuple[Markup, ...]


@dataclass(frozen=True)
class Table:
    """Rows that differ, rows that are equal everywhere (folded), and how many were cut."""

    heads: tuple[tuple[str, str], ...]  # short head, and the words below it
    rows: tuple[TableRow, ...]
    equal: tuple[TableRow, ...] = ()
    cut: int = 0


@dataclass(frozen=True)
class FindingRow:
    """Findings of the same code, path and message over all cells."""

    code: str
    name: str
    path: str
    stations: str
    message: str
    who: str
    new: bool
    reason: str
    link: str


@dataclass(frozen=True)
class CellRow:
    """One cell in the table of evidence; its ``id`` is where the grid leads to."""

    id: str
    tool: str
    profile: str
    state: str
    sign: str
    outcome: str
    letter: str
    steps: str
    ended: str
    seconds: str
    mounts: tuple[str, ...]
    words: tuple[str, ...]
    log: str
    left: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A scenario as the template takes it."""

    id: str
    name: str
    title: str
    guards: str
    links: tuple[Markup, ...]
    steps: tuple[Markup, ...]
    facts: tuple[str, ...]
    summary: str
    state: str
    tree: Table | None
    tree_of: str
    uppers: Table | None
    uppers_same: str
    views: Table | None
    views_same: str
    boundaries: tuple[tuple[bool, Markup], ...]
    findings: tuple[FindingRow, ...]
    codes: tuple[str, ...]
    cells: tuple[CellRow, ...]
    classes: tuple[Class, ...]
    unseen: str


def section(name: str, cells: Sequence[Loaded], *, brief: bool = False) -> Section:
    """The section of one scenario; *cells* are all of its cells, those that did not run too.

    *brief* leaves out what is least missed: the raw lines of cells that are like another one.
    """
    ran = [one for one in cells if one.recording is not None and one.seen is not None]
    seen = sorted((one.seen for one in ran if one.seen is not None), key=lambda s: s.column.order)
    recordings = {one.result.id: one.recording for one in ran if one.recording is not None}
    scenario = next((recording.scenario for recording in recordings.values()), None)
    columns = [one.column for one in ran]
    uppers = classify(with_station(seen, Station.UPPER), tree_key(Station.UPPER))
    views = classify(with_station(seen, Station.VIEW), tree_key(Station.VIEW, Station.REMOUNT, Station.ORACLE))
    chosen = most_interesting(uppers) or most_interesting(views)
    found = _findings(seen, columns)
    state, summary = _summary(cells)
    stand_for = {one.first.id for one in uppers}
    letters = {member.id: one.letter for one in uppers for member in one.members}
    return Section(
        id=markup.anchor(name),
        name=name,
        title=scenario.title if scenario else "",
        guards=scenario.guards if scenario else "",
        links=tuple(markup.link(url) for url in scenario.links) if scenario else (),
        steps=tuple(markup.words(step_words(step)) for step in scenario.steps) if scenario else (),
        facts=_facts(scenario) if scenario else (),
        summary=summary,
        state=state,
        tree=_tree(recordings[chosen.first.id], chosen.first) if chosen else None,
        tree_of=_tree_of(chosen, uppers, columns) if chosen else "",
        uppers=_class_table(uppers, Station.UPPER, columns) if len(uppers) > 1 else None,
        uppers_same=_same("leaves the same upper", uppers, columns),
        views=_view_table(views, columns),
        views_same=_views_same(views, columns),
        boundaries=tuple((one.changed, markup.words(one.words)) for one in boundaries(seen)),
        findings=found,
        codes=tuple(dict.fromkeys(one.code for one in found)),
        cells=tuple(
            _cell_row(one, letters.get(one.result.id, ""), raw=not brief or one.result.id in stand_for)
            for one in cells
            if not one.result.excluded
        ),
        classes=uppers,
        unseen=_unseen(recordings.values()),
    )  # fmt: skip


def _facts(scenario: Scenario) -> tuple[str, ...]:
    out = [count(len(scenario.layers), "lower layer")]
    if scenario.upper:
        out.append("a prepared upper")
    if scenario.below.fs != "host":
        features = f" with {scenario.below.features}" if scenario.below.features else ""
        out.append(f"upper on {scenario.below.fs}{features}")
    if scenario.stack != "plain":
        out.append(f"stack {scenario.stack}")
    out += [f"{driver}: mount options {options}" for driver, options in scenario.options.items()]
    out += [f"environment {key}={value}" for key, value in scenario.env.items()]
    return tuple(out)


_STATES = ("new", "fixed", "broken", "known", "passed", "skipped", "excluded")
_STATE_WORDS = {
    "new": "with a new finding", "fixed": "where a known finding did not appear", "broken": "broken",
    "known": "with known findings", "passed": "passed", "skipped": "not run", "excluded": "excluded",
}  # fmt: skip


def _summary(cells: Sequence[Loaded]) -> tuple[str, str]:
    states = [field_of(one.result).state for one in cells]
    parts = [f"{states.count(state)} {_STATE_WORDS[state]}" for state in _STATES if state in states]
    return next((state for state in _STATES if state in states), "skipped"), ", ".join(parts)


def _flags(seen: Seen, stations: Sequence[Station]) -> dict[str, Flags]:
    found: dict[str, dict[str, bool]] = {}
    for finding in seen.findings:
        if finding.station in stations:
            here = found.setdefault(finding.path, {})
            here[finding.code] = here.get(finding.code, False) or finding.known is None
    return {path: tuple(sorted(codes.items())) for path, codes in found.items()}


def _row(row: Row, flags: Sequence[Mapping[str, Flags]]) -> TableRow:
    path = escape(row.path) or "/"
    fields = tuple(markup.look(look, mine.get(path, ())) for look, mine in zip(row.looks, flags, strict=True))
    depth = row.path.count(b"/") + 1 if row.path else 0
    slash = "/" if row.path and any(look.word == "dir" for look in row.looks) else ""
    return TableRow(path, (escape(row.path.rpartition(b"/")[2]) or "/") + slash, min(depth, 9), fields)


def _table(
    heads: Sequence[tuple[str, str]],
    every: Sequence[Row],
    flags: Sequence[Mapping[str, Flags]],
    *,
    fold: bool,
) -> Table:
    """A table of rows; with *fold* those that are equal in all columns stand apart, unless a finding stands there."""
    flagged = {path for one in flags for path in one}
    equal = [row for row in every if fold and row.equal and (escape(row.path) or "/") not in flagged]
    apart = {row.path for row in equal}
    differ = [row for row in every if row.path not in apart]
    cut = max(0, len(differ) - MOST_ROWS) + max(0, len(equal) - MOST_ROWS)
    return Table(
        tuple(heads),
        tuple(_row(row, flags) for row in differ[:MOST_ROWS]),
        tuple(_row(row, flags) for row in equal[:MOST_ROWS]),
        cut,
    )


def _tree(recording: Recording, seen: Seen) -> Table:
    """The picture of the tree: lower layers, upper, what users see, what they should see."""
    scenario, profile = recording.scenario, recording.profile
    lowers = [looks(layer(tree, profile)) for tree in scenario.layers]
    heads = [(f"lower {i + 1}" if len(lowers) > 1 else "lower", "") for i in range(len(lowers))]
    trees: list[Mapping[bytes, Look]] = [*lowers]
    flags: list[Mapping[str, Flags]] = [{} for _ in lowers]
    if scenario.upper:
        heads.append(("upper, before", "as the scenario prepared it"))
        trees.append(looks(layer(scenario.upper, profile)))
        flags.append({})
    wanted = [(Station.UPPER, "upper", ""), (Station.VIEW, "users see", "before unmounting")]
    if seen.trees.get(Station.REMOUNT) != seen.trees.get(Station.VIEW):
        wanted.append((Station.REMOUNT, "users see", "after a remount"))
    wanted.append((Station.ORACLE, "they should see", "a plain directory"))
    for station, head, below in wanted:
        if station in seen.trees:
            heads.append((head, below))
            trees.append(seen.trees[station])
            flags.append(_flags(seen, VIEWS if station is Station.VIEW and len(wanted) == 3 else (station,)))
    return _table(heads, rows(trees), flags, fold=False)


def _tree_of(chosen: Class, classes: Sequence[Class], columns: Sequence[Column]) -> str:
    tools = who(chosen.columns, columns)[0]
    return f"class {chosen.letter}: {tools}" if len(classes) > 1 else tools


def _class_table(classes: Sequence[Class], station: Station, columns: Sequence[Column]) -> Table:
    heads = [(one.letter, who(one.columns, columns)[0]) for one in classes]
    return _table(heads, class_rows(classes, station), [_flags(one.first, (station,)) for one in classes], fold=True)


def _view_table(classes: Sequence[Class], columns: Sequence[Column]) -> Table | None:
    """What users see, beside what they should see; None when all see the same and see it right."""
    if not classes or (len(classes) == 1 and _right(classes[0].first)):
        return None
    oracle = classes[0].first.trees.get(Station.ORACLE, {})
    heads, trees, flags = [("should see", "a plain directory")], [oracle], [dict[str, Flags]()]
    for one in classes:
        first = one.first
        tools = who(one.columns, columns)[0]
        remount = first.trees.get(Station.REMOUNT)
        same = remount is None or remount == first.trees[Station.VIEW]
        heads.append(("see", tools if same else f"{tools}; before unmounting"))
        trees.append(first.trees[Station.VIEW])
        flags.append(_flags(first, VIEWS if same else (Station.VIEW,)))
        if not same and remount is not None:
            heads.append(("see", f"{tools}; after a remount"))
            trees.append(remount)
            flags.append(_flags(first, (Station.REMOUNT,)))
    return _table(heads, rows(trees), flags, fold=True)


def _right(seen: Seen) -> bool:
    oracle = seen.trees.get(Station.ORACLE)
    return oracle is not None and all(seen.trees.get(station, oracle) == oracle for station in VIEWS)


def _same(what: str, classes: Sequence[Class], columns: Sequence[Column]) -> str:
    if not classes:
        return "No upper was taken: no cell came that far."
    return f"Everything that ran {what}: {who(classes[0].columns, columns)[0]}." if len(classes) == 1 else ""


def _views_same(classes: Sequence[Class], columns: Sequence[Column]) -> str:
    if not classes:
        return ""
    right = [member for one in classes for member in one.members if _right(member)]
    if len(right) == sum(len(one.members) for one in classes):
        return "In every cell that ran, users see what they should, before and after a remount."
    return f"Users see what they should with {who([m.column for m in right], columns)[0]}." if right else ""


def _findings(cells: Sequence[Seen], columns: Sequence[Column]) -> tuple[FindingRow, ...]:
    groups: dict[tuple[str, str, str, bool, str, str], list[tuple[Seen, Finding]]] = {}
    for seen in cells:
        for finding in seen.findings:
            known = finding.known
            key = (
                finding.code, finding.path, finding.message, known is None,
                known.reason if known else "", known.link if known else "",
            )  # fmt: skip
            groups.setdefault(key, []).append((seen, finding))
    made = [
        FindingRow(
            code, CODES[code].name if code in CODES else "", path,
            ", ".join(station for station in Station if any(finding.station is station for _, finding in found)),
            message, who([seen.column for seen, _ in found], columns)[0], new, reason, link,
        )
        for (code, path, message, new, reason, link), found in groups.items()
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda one: (not one.new, one.code, one.path, one.message)))


def _cell_row(one: Loaded, letter: str, *, raw: bool) -> CellRow:
    cell, recording = one.result, one.recording
    field = field_of(cell)
    said = field.label.removeprefix(f"{cell.scenario}, {cell.tool.label}, {cell.profile}: ")
    base = (
        field.href,
        f"{one.column.title} {cell.tool.version}",
        cell.profile.value,
        field.state,
        field.text,
        said,
        letter,
    )
    if recording is None:
        return CellRow(*base, "", "", "", (), (), "", ())
    codes = " ".join(str(step.code) for step in recording.steps)
    oracle = " ".join(str(step.code) for step in recording.oracle_steps)
    ended = f"exit {recording.exit_code}" if recording.exit_code >= 0 else f"signal {-recording.exit_code}"
    if recording.timed_out:
        ended += ", over its time limit"
    if recording.phase != "end":
        ended += f", in the phase “{recording.phase or 'start'}”"
    if any(recording.daemon_exits):
        ended += f"; daemon {' '.join(str(code) for code in recording.daemon_exits)}"
    codes = codes if codes == oracle else f"{codes} (oracle: {oracle})"
    seconds = f"{recording.seconds:.2f} s"
    if not raw and letter:
        return CellRow(*base, codes, ended, seconds, (), (), "", ())
    words = tuple(f"step {step.index + 1}: {step.words}" for step in recording.steps if step.words)
    return CellRow(
        *base,
        codes, ended, seconds, recording.mounts, words, recording.log.strip(), recording.work_left,
    )  # fmt: skip


def _unseen(recordings: Iterable[Recording]) -> str:
    names = sorted({(space, one.profile.value) for one in recordings for space in one.unseen})
    return "; ".join(f"{space}.* could not be read in the profile {profile}" for space, profile in names)


def broken(cells: Sequence[Loaded]) -> list[Loaded]:
    """The cells that ran and have no upper: they are in no class, and their scripts are shown too."""
    return [one for one in cells if one.recording is not None and one.result.outcome is Outcome.BROKEN]
