"""The sentences of the first screen: what was found in the whole run, which tools have it, and which do not.

One sentence for each code, known link and set of versions that have it at the same paths (``harness.compare.groups``); what is new, back
or gone first, and of that and of the rest the founding case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.compare.defects import Row, showing, tables
from harness.compare.groups import Group, Rank, Status, column_of, groups, status_of
from harness.compare.words import Column, Name, Words, count, listing, names, plain, who
from harness.judge.codes import CODES
from harness.judge.facts.upper import MarkerOfAMarker
from harness.judge.findings import Finding, Outcome, often
from harness.judge.rules.every import MANY
from harness.names import printable
from harness.runs.results import CellResult, Results
from harness.whiteouts.encodings import ENCODINGS

FOUNDING = "WL101"


@dataclass(frozen=True)
class Sentence:
    """One thing that was found. ``scenarios`` are in the order of the run; ``link`` and ``reason`` are of the known finding."""

    rank: Rank
    code: str
    words: Words
    scenarios: tuple[str, ...]
    cells: int
    defect: str = ""
    link: str = ""
    reason: str = ""
    tools: tuple[Column, ...] = ()
    spread: str = ""  # in how many of the scenarios each version has it, where it did not run in all of them
    without: tuple[Column, ...] = ()  # who ran there and has it in none of them
    at: tuple[tuple[str, str], ...] = ()  # the scenarios and paths that it is true of

    @property
    def given(self) -> bool:
        """Whether all that it speaks of are programs that the user gave."""
        return all(column.given for column in self.tools)

    @property
    def name(self) -> str:
        """``marker-of-a-marker``."""
        return CODES[self.code].name if self.code in CODES else ""


def sentences(cells: Iterable[CellResult]) -> tuple[Sentence, ...]:
    """Every sentence of a run, ordered by importance. No two of them contradict each other."""
    every = list(cells)
    there: dict[tuple[str, str], list[CellResult]] = {}  # (code, scenario) -> cells that have it
    for cell in every:
        for code in {*(one.code for one in cell.findings), *(one.code for one in cell.missing)}:
            there.setdefault((code, cell.scenario), []).append(cell)
    found = groups(every)
    places = Counter(place for group in found for place in {unit[:2] for unit in group.units})
    made = [
        _sentence(group, status, there, whole=any(places[unit[:2]] > 1 for unit in group.units))
        for group in found
        for status in group.statuses
    ]
    return tuple(sorted(made, key=_importance))


def _importance(one: Sentence) -> tuple[object, ...]:
    founding = one.code == FOUNDING and one.rank is not Rank.GONE
    subject = tuple(column.order for column in one.tools)
    return (
        one.rank is Rank.KNOWN, not founding, one.rank, not one.code.startswith("WL2"), -one.cells, one.code, one.link, one.reason, subject,
        one.scenarios,
    )  # fmt: skip


def _sentence(
    group: Group, status: Status, there: Mapping[tuple[str, str], Sequence[CellResult]], *, whole: bool
) -> Sentence:
    """What one group has in one way: who, what, and who of the others that ran there has it in no way.

    *whole*: other tools have the same code at another path of the same scenario, so the paths are told whole.
    """
    having = group.columns(status)
    units = set(group.units)
    found: dict[str, list[Finding]] = {}  # cell -> what it has of the group
    cells: dict[str, CellResult] = {}
    for code, scenario in dict.fromkeys((code, scenario) for code, scenario, _ in group.units):
        for cell in there[code, scenario]:
            mine = [f for f in cell.findings if (f.code, scenario, f.path) in units and status_of(f) == status]
            if column_of(cell) in having and (mine or status.rank is Rank.GONE):
                found[cell.id], cells[cell.id] = mine, cell
    scenarios = tuple(dict.fromkeys(cell.scenario for cell in cells.values()))
    subject, many = who(having, group.states)
    findings = [finding for mine in found.values() for finding in mine]
    does = (
        _gone(status.defect or group.code, many=many)
        if status.rank is Rank.GONE
        else _does(group.code, findings, many=many, whole=whole)
    )
    having_any = {(column.name, column.version) for column, state in group.states.items() if state}
    without = [column for column in group.without if (column.name, column.version) not in having_any]
    words: Words = (f"{subject} ", *does)
    times = {often(finding) for finding in findings}
    if "" not in times and times:
        words += (f" ({', '.join(sorted(times))})",)
    if without and status.rank is not Rank.GONE:
        others, several = who(without, group.states)
        words += (f"; {others} {'do' if several else 'does'} not",)
    tools, others_than = (tuple(sorted(some, key=lambda column: column.order)) for some in (having, without))
    at = tuple(sorted({(cells[cell].scenario, one.path) for cell, mine in found.items() for one in mine}))
    why = status.reason or next((known.reason for f in findings if (known := f.known or f.back)), "")
    spread = _spread(cells.values())
    return Sentence(
        status.rank,
        group.code,
        (*words, "."),
        scenarios,
        len(found),
        status.defect,
        status.link,
        why,
        tools,
        spread,
        others_than,
        at,
    )


def _spread(cells: Iterable[CellResult]) -> str:
    found: dict[tuple[str, str], set[str]] = {}
    for cell in sorted(cells, key=lambda cell: column_of(cell).order):
        found.setdefault((column_of(cell).title, cell.tool.version), set()).add(cell.scenario)
    if len({len(scenarios) for scenarios in found.values()}) < 2:
        return ""
    titles: dict[str, list[tuple[str, int]]] = {}
    for (title, version), scenarios in found.items():
        titles.setdefault(title, []).append((version, len(scenarios)))
    parts = [
        f"{title} in {versions[0][1]}"
        if len({number for _, number in versions}) == 1
        else (f"{title} " if len(titles) > 1 else "")
        + ", ".join(f"{version} in {number}" for version, number in versions)
        for title, versions in titles.items()
    ]
    return "; ".join(parts)


def _gone(defect: str, *, many: bool) -> Words:
    return (f"no longer {'show' if many else 'shows'} {defect}: it seems fixed, and its file should say so",)


def _does(code: str, findings: list[Finding], *, many: bool, whole: bool) -> Words:
    """What the row of the rule says of many, with the paths where it has a hole for them, and how the marks look."""
    paths = [finding.path for finding in findings]
    if code not in MANY:
        return (f"{'have' if many else 'has'} {code} at ", *names(paths))
    before, hole, after = MANY[code][many].partition("{}")
    subject_names = _ghosts(paths, whole=whole) if code == FOUNDING else names(paths)
    before = before.replace("{encodings}", listing(_nouns(findings)) or "a whiteout")
    return (before, *subject_names, after) if hole else (before,)


def _ghosts(paths: Iterable[str], *, whole: bool) -> Words:
    """Of a marker the name says it all, unless others have the same elsewhere."""
    every = set(paths)
    last = names({path.rpartition("/")[2] for path in every}, 1)
    if not whole:
        return last
    return names(every, 1) if len(every) == 1 else (*last, f" at {count(len(every), 'path')}")


def _nouns(findings: Iterable[Finding]) -> list[str]:
    """How the whiteouts of markers look; a run of a time before facts does not say it."""
    return sorted({ENCODINGS[f.facts.encoding].noun for f in findings if isinstance(f.facts, MarkerOfAMarker)})


def counts(results: Results) -> dict[str, int]:
    """How many cells came to what; ``excluded`` are apart from those that something is missing for."""
    found = dict.fromkeys(("passed", "known", "finding", "broken", "skipped", "excluded"), 0)
    for cell in results.cells:
        if cell.outcome is Outcome.SKIPPED:
            found["excluded" if cell.excluded else "skipped"] += 1
        elif cell.outcome is Outcome.PASSED and cell.findings:
            found["known"] += 1
        else:
            found[cell.outcome.value] += 1
    return found


@dataclass(frozen=True)
class NotRun:
    """Why cells did not run, or broke, and what to do; ``kind`` is skipped, excluded or broken."""

    kind: str
    reason: str
    remedy: str
    cells: tuple[str, ...]


def not_run(cells: Iterable[CellResult]) -> tuple[NotRun, ...]:
    """The reasons, those with the most cells first; broken machinery before all."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        if cell.outcome is Outcome.SKIPPED:
            groups.setdefault(("excluded" if cell.excluded else "skipped", cell.reason, cell.remedy), []).append(
                cell.id
            )
        elif cell.outcome is Outcome.BROKEN:
            groups.setdefault(("broken", cell.reason, cell.remedy), []).append(cell.id)
    order = ("broken", "skipped", "excluded")
    made = (NotRun(*key, tuple(ids)) for key, ids in groups.items())
    return tuple(sorted(made, key=lambda one: (order.index(one.kind), -len(one.cells), one.reason)))


_SIGNS = {Rank.NEW: "✗ NEW", Rank.BACK: "✗ BACK", Rank.GONE: "✓ GONE"}


def _of_each_effect(known: Sequence[Row], most: int | None) -> list[Row]:
    """The first *most* of rows that stand by effect: of each effect one, before any has a second; in their order."""
    seen: Counter[object] = Counter()
    turn: list[tuple[int, int]] = []
    for place, row in enumerate(known):
        turn.append((seen[row.defect.effect], place))
        seen[row.defect.effect] += 1
    return [known[place] for place in sorted(place for _, place in sorted(turn)[:most])]


def summary_lines(results: Results, most: int | None = None, most_known: int | None = None, run: str = "") -> list[str]:
    """The first screen as plain text for a terminal; the names in it are escaped.

    What is new, back or gone in sentences, *most* of them; of what is known each defect that shows once, *most_known* of them, the worst
    effect first. *run*: what ``whiteout-lab defects`` would be told for the rest.
    """
    lines: list[str] = []
    news = [one for one in sentences(results.cells) if one.rank is not Rank.KNOWN]
    for one in news[:most]:
        where = names(one.scenarios, 3)
        lines.append(f"{_SIGNS[one.rank]}  {plain(one.words)}")
        facts = [
            f"{one.code} {one.name}".strip(),
            one.defect,
            one.link or one.reason,
            one.spread,
            "in " + plain(where).replace("`", ""),
        ]
        lines.append("        " + " · ".join(fact for fact in facts if fact))
    if len(news) > len(news[:most]):
        lines.append(f"   {count(len(news) - len(news[:most]), 'more sentence')} in the report")
    known = showing(tables(results.cells, results.defects))
    for row in _of_each_effect(known, most_known):
        lines.append(f"✗ known  {row.defect.effect.words}: {row.defect.title}")
        by_design = " · by design" if row.defect.kind == "limit" else ""
        lines.append(f"        {row.boundary}{by_design} · explain {row.defect.name}")
    if len(known) > len(known[:most_known]):
        rest = len(known) - len(known[:most_known])
        lines.append(
            f"   and {count(rest, 'more known defect')}: see the report, or {f'whiteout-lab defects {run}'.strip()}"
        )
    if not news and not known and any(cell.outcome is Outcome.PASSED for cell in results.cells):
        lines.append("✓  nothing was found: every cell that ran shows what it should")
    for why in not_run(results.cells):
        if why.kind != "excluded":
            sign, verb = ("!", "broke") if why.kind == "broken" else ("-", "did not run")
            remedy = f" → {why.remedy}" if why.remedy else ""
            lines.append(f"{sign}  {count(len(why.cells), 'cell')} {verb}: {why.reason}{remedy}")
    return [printable(line.replace("\n", " ")) for line in lines]


__all__ = ["Name", "NotRun", "Rank", "Sentence", "counts", "not_run", "sentences", "summary_lines"]
