"""The tables of a scenario: the picture of the tree, who writes what, who sees what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.classes import Class, Row, Seen, class_rows, rows
from harness.compare.describe import Look, looks
from harness.compare.words import Column, who
from harness.evidence.recording import Recording
from harness.judge.findings import flat
from harness.names import escape
from harness.places import ORACLE, REMOUNT, UPPER, VIEW, PlaceName
from harness.report import markup
from harness.scenario.layers import layer

MOST_ROWS = 150  # of one table; what is cut is said below it
VIEWS = (VIEW, REMOUNT)
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
    corner: str = "Path"  # what the rows are


def flags_of(seen: Seen, places: Sequence[PlaceName]) -> dict[str, Flags]:
    """The findings at some places, by path: codes, and whether nobody has named them; what is carried there too."""
    found: dict[str, dict[str, bool]] = {}
    for finding in flat(seen.findings):
        if finding.place in places or any(one in places for one in finding.carried):
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


def tree_table(recording: Recording, seen: Seen) -> Table:
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
    wanted = [(UPPER, "upper", ""), (VIEW, "users see", "before unmounting")]
    if seen.trees.get(REMOUNT) != seen.trees.get(VIEW):
        wanted.append((REMOUNT, "users see", "after a remount"))
    wanted.append((ORACLE, "they should see", "a plain directory"))
    for place, head, below in wanted:
        if place in seen.trees:
            heads.append((head, below))
            trees.append(seen.trees[place])
            flags.append(flags_of(seen, VIEWS if place == VIEW and len(wanted) == 3 else (place,)))
    return _table(heads, rows(trees), flags, fold=False)


def class_table(classes: Sequence[Class], place: PlaceName, columns: Sequence[Column]) -> Table:
    heads = [(one.letter, who(one.columns, columns)[0]) for one in classes]
    return _table(heads, class_rows(classes, place), [flags_of(one.first, (place,)) for one in classes], fold=True)


def view_table(classes: Sequence[Class], columns: Sequence[Column]) -> Table | None:
    """What users see, beside what they should see; None when all see the same and see it right."""
    if not classes or (len(classes) == 1 and all(sees_right(one) for one in classes[0].members)):
        return None
    oracle = classes[0].first.trees.get(ORACLE, {})
    heads, trees, flags = [("should see", "a plain directory")], [oracle], [dict[str, Flags]()]
    for one in classes:
        first = one.first
        tools = who(one.columns, columns)[0]
        remount = first.trees.get(REMOUNT)
        same = remount is None or remount == first.trees[VIEW]
        heads.append(("see", tools if same else f"{tools}; before unmounting"))
        trees.append(first.trees[VIEW])
        flags.append(flags_of(first, VIEWS if same else (VIEW,)))
        if not same and remount is not None:
            heads.append(("see", f"{tools}; after a remount"))
            trees.append(remount)
            flags.append(flags_of(first, (REMOUNT,)))
    return _table(heads, rows(trees), flags, fold=True)


def sees_right(seen: Seen) -> bool:
    """Whether users see what they should: no table may show a difference, and no finding may speak of one."""
    oracle = seen.trees.get(ORACLE)
    if oracle is None or any(seen.trees.get(place, oracle) != oracle for place in VIEWS):
        return False
    return not any(one.place in VIEWS for one in flat(seen.findings))
