"""One scenario's section, put together from its cells. Pure: what is read from disk comes in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.boundary import boundaries
from harness.compare.classes import (
    Class,
    Seen,
    classify,
    most_interesting,
    tree_key,
    with_place,
)
from harness.compare.steps import step_words
from harness.compare.words import Column, count, who
from harness.evidence.recording import Recording
from harness.judge.codes import CODES
from harness.judge.findings import Finding, Outcome, flat, often
from harness.places import ORACLE, REMOUNT, UPPER, VIEW, at_each
from harness.protocol import Phase
from harness.report import markup
from harness.report.defects import row_id
from harness.report.grid import Field, field_of
from harness.report.journey import JourneyTable, journey_tables, taken_by
from harness.report.load import Loaded
from harness.report.tables import Table, class_table, sees_right, tree_table, view_table
from harness.report.why import WhySection, why_section
from harness.scenario.model import Scenario


@dataclass(frozen=True)
class FindingRow:
    """Findings of the same code, path and message over all cells."""

    code: str
    name: str
    path: str
    places: str
    message: str
    who: str
    new: bool
    defect: Markup  # empty where none explains it
    back: bool
    below: tuple[str, ...] = ()  # what follows from it, and is no finding of its own
    times: str = ""  # how often, where not every time


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
    linked: tuple[str, ...] = ()  # whiteouts of the upper that share an inode


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
    journeys: tuple[JourneyTable, ...]
    boundaries: tuple[tuple[bool, Markup], ...]
    findings: tuple[FindingRow, ...]
    codes: tuple[str, ...]
    why: WhySection | None
    cells: tuple[CellRow, ...]
    classes: tuple[Class, ...]
    unseen: str


def section(name: str, cells: Sequence[Loaded], defects: Collection[str] = (), *, brief: bool = False) -> Section:
    """The section of one scenario; *cells* are all of its cells, those that did not run too; *defects* have rows on the page.

    *brief* leaves out what is least missed: the raw lines of cells that are like another one.
    """
    ran = [one for one in cells if one.recording is not None and one.seen is not None]
    seen = sorted((one.seen for one in ran if one.seen is not None), key=lambda s: s.column.order)
    recordings = {one.result.id: one.recording for one in ran if one.recording is not None}
    scenario = next((recording.scenario for recording in recordings.values()), None)
    columns = [one.column for one in ran]
    uppers = classify(with_place(seen, UPPER), tree_key(UPPER))
    views = classify(with_place(seen, VIEW), tree_key(VIEW, REMOUNT, ORACLE))
    chosen = most_interesting(uppers) or most_interesting(views)
    found = _findings(seen, columns, defects)
    fields = [field_of(one.result) for one in cells]
    state, summary = _summary(fields)
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
        tree=tree_table(recordings[chosen.first.id], chosen.first) if chosen else None,
        tree_of=_tree_of(chosen, uppers, columns) if chosen else "",
        uppers=class_table(uppers, UPPER, columns) if len(uppers) > 1 else None,
        uppers_same=_same("leaves the same upper", uppers, columns),
        views=view_table(views, columns),
        views_same=_views_same(views, columns),
        journeys=journey_tables(seen, columns, recordings),
        boundaries=tuple((one.changed, markup.words(one.words)) for one in boundaries(seen)),
        findings=found,
        codes=tuple(dict.fromkeys(one.code for one in found)),
        why=why_section([(one.column, one.why) for one in ran if one.why is not None]),
        cells=tuple(
            _cell_row(one, field, letters.get(one.result.id, ""), raw=not brief or one.result.id in stand_for)
            for one, field in zip(cells, fields, strict=True)
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
    if scenario.handover is not None:
        out.append(f"handed over after the last writable run: {taken_by(scenario.handover)}")
    out += [f"{driver}: mount options {options}" for driver, options in scenario.options.items()]
    out += [f"environment {key}={value}" for key, value in scenario.env.items()]
    return tuple(out)


_STATES = ("new", "fixed", "broken", "known", "passed", "skipped", "excluded")
_STATE_WORDS = {
    "new": "with a new finding", "fixed": "where a defect is gone", "broken": "broken",
    "known": "with known findings", "passed": "passed", "skipped": "not run", "excluded": "excluded",
}  # fmt: skip


def _summary(fields: Sequence[Field]) -> tuple[str, str]:
    states = [one.state for one in fields]
    parts = [f"{states.count(state)} {_STATE_WORDS[state]}" for state in _STATES if state in states]
    return next((state for state in _STATES if state in states), "skipped"), ", ".join(parts)


def _tree_of(chosen: Class, classes: Sequence[Class], columns: Sequence[Column]) -> str:
    tools = who(chosen.columns, columns)[0]
    return f"class {chosen.letter}: {tools}" if len(classes) > 1 else tools


def _same(what: str, classes: Sequence[Class], columns: Sequence[Column]) -> str:
    if not classes:
        return "No upper was taken: no cell came that far."
    return f"Everything that ran {what}: {who(classes[0].columns, columns)[0]}." if len(classes) == 1 else ""


def _views_same(classes: Sequence[Class], columns: Sequence[Column]) -> str:
    members = [member for one in classes for member in one.members]
    right = [member for member in members if sees_right(member)]
    if not right:
        return ""
    if len(right) < len(columns):  # others see another tree, or none
        return f"Users see what they should with {who([m.column for m in right], columns)[0]}."
    again = all(REMOUNT in member.trees for member in right)
    return f"In every cell that ran, users see what they should{', before and after a remount' if again else ''}."


def _findings(cells: Sequence[Seen], columns: Sequence[Column], defects: Collection[str]) -> tuple[FindingRow, ...]:
    groups: dict[tuple[str, str, str, bool, str, tuple[str, ...]], list[tuple[Seen, Finding]]] = {}
    for seen in cells:
        for finding in seen.findings:
            named = finding.known or finding.back
            key = (
                finding.code, finding.path, finding.message, finding.known is None, named.defect if named else "",
                tuple(f"{one.code} at {one.place}: {one.message}" for one in flat(finding.consequences)),
            )  # fmt: skip
            groups.setdefault(key, []).append((seen, finding))
    made = [
        FindingRow(
            code, CODES[code].name if code in CODES else "", path,
            ", ".join(place.name for place in at_each({finding.place for _, finding in found})),
            message, who([seen.column for seen, _ in found], columns)[0], new,
            markup.defect(defect, row_id(defect) if defect in defects else ""), new and bool(defect), below,
            ", ".join(sorted({f"{often(f)} with {seen.column.label}" for seen, f in found if often(f)})),
        )
        for (code, path, message, new, defect, below), found in groups.items()
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda one: (not one.new, one.code, one.path, one.message)))


def _cell_row(one: Loaded, field: Field, letter: str, *, raw: bool) -> CellRow:
    cell, recording = one.result, one.recording
    label = field.label.removeprefix(f"{cell.scenario}, {cell.tool.label}, {cell.profile}: ")
    base = (
        field.href,
        f"{one.column.title} {cell.tool.version}",
        cell.profile.value,
        field.state,
        field.text,
        label,
        letter,
    )
    if recording is None:
        return CellRow(*base, "", "", "", (), (), "", ())
    codes = " ".join(str(step.code) for step in recording.steps)
    oracle = " ".join(str(step.code) for step in recording.oracle_steps)
    ended = f"exit {recording.exit_code}" if recording.exit_code >= 0 else f"signal {-recording.exit_code}"
    if recording.timed_out:
        ended += ", over its time limit"
    if recording.phase != Phase.END:
        ended += f", in the phase “{recording.phase or 'start'}”"
    if recording.refused:
        ended += f": {recording.refused}"
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
        one.seen.linked if one.seen is not None else (),
    )  # fmt: skip


def _unseen(recordings: Iterable[Recording]) -> str:
    names = sorted({(space, one.profile.value) for one in recordings for space in one.unseen})
    return "; ".join(f"{space}.* could not be read in the profile {profile}" for space, profile in names)


def broken(cells: Sequence[Loaded]) -> list[Loaded]:
    """The cells that ran and have no upper: they are in no class, and their scripts are shown too."""
    return [one for one in cells if one.recording is not None and one.result.outcome is Outcome.BROKEN]
