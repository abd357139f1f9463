"""Boundaries: what changed between neighbouring versions of one tool, put in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.compare.classes import Seen
from harness.compare.describe import Look, differing
from harness.compare.words import Name, Words, listing, short
from harness.judge.findings import SILENT, flat
from harness.names import escape
from harness.places import REMOUNT, UPPER, VIEW, PlaceName

SHOWN = 3  # changes that one sentence names; the table beside it has them all


@dataclass(frozen=True)
class Boundary:
    """A sentence on one tool. ``changed`` is false for "the same in …"."""

    tool: str
    profiles: tuple[str, ...]
    words: Words
    changed: bool


_Change = tuple[str, str, str, Words]  # title, older, newer, what


def boundaries(cells: Iterable[Seen]) -> tuple[Boundary, ...]:
    """One sentence for each change between neighbours, and one for each tool that has several versions and no change.

    A change that is the same in both profiles is told once.
    """
    lines: dict[tuple[str, str], list[Seen]] = {}
    for seen in sorted(cells, key=lambda seen: seen.column.order):
        lines.setdefault((seen.column.name, seen.column.profile), []).append(seen)
    changed_in: dict[_Change, list[str]] = {}
    same: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    order: dict[str, int] = {}
    for (_, profile), versions in lines.items():
        title = versions[0].column.title
        order.setdefault(title, len(order))
        if len(versions) < 2:
            continue
        changes = _changes(versions)
        for change in changes:
            changed_in.setdefault(change, []).append(profile)
        if not changes:
            same.setdefault((title, tuple(seen.column.version for seen in versions)), []).append(profile)
    both = {title: {s.column.profile for s in v} for title, v in _by_title(lines.values()).items()}
    joined: dict[tuple[str, str, str, tuple[str, ...]], list[Words]] = {}
    for (title, older, newer, what), profiles in changed_in.items():
        joined.setdefault((title, older, newer, tuple(profiles)), []).append(what)
    out = [
        Boundary(title, profiles, (*_head(title, newer, profiles, both[title]), *_joined(whats)), changed=True)
        for (title, _, newer, profiles), whats in joined.items()
    ]
    out += [
        Boundary(
            title,
            tuple(profiles),
            (f"{title}{_profiles(profiles, both[title])}: the same in {listing(versions)}",),
            changed=False,
        )
        for (title, versions), profiles in same.items()
    ]
    return tuple(sorted(out, key=lambda one: (order[one.tool], not one.changed)))


def _by_title(lines: Iterable[Sequence[Seen]]) -> Mapping[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for line in lines:
        found.setdefault(line[0].column.title, []).extend(line)
    return found


def _head(title: str, newer: str, profiles: Sequence[str], both: set[str]) -> Words:
    return (f"from {title} {newer} on{_profiles(profiles, both)}: ",)


def _joined(whats: Sequence[Words]) -> Words:
    out: list[str | Name] = []
    for what in whats:
        out += ["; ", *what] if out else what
    return tuple(out)


def _profiles(profiles: Sequence[str], both: set[str]) -> str:
    return "" if set(profiles) >= both else f" as {listing(sorted(profiles))}"


def _changes(versions: Sequence[Seen]) -> list[_Change]:
    return [
        (older.column.title, older.column.version, newer.column.version, what)
        for older, newer in pairwise(versions)
        for what in (*_findings(older, newer), *_trees(older, newer))
    ]


def _findings(older: Seen, newer: Seen) -> Iterable[Words]:
    before, after = ({(f.code, f.path) for f in one.findings} for one in (older, newer))
    gone = before - {(f.code, f.path) for f in flat(newer.findings)}  # a consequence is still there
    come = after - {(f.code, f.path) for f in flat(older.findings)}
    if any(code in SILENT for code, _ in before | after):  # who was not seen to the end does not say what it has not
        gone, come = ({one for one in some if one[0] in SILENT} for some in (gone, come))
    for some, word in ((gone, "no longer"), (come, "now")):
        for code in sorted({code for code, _ in some}):
            paths = sorted(path for other, path in some if other == code)
            yield (f"{word} {code} at ", *_some(paths))


def _some(paths: Sequence[str]) -> Words:
    out: list[str | Name] = []
    for path in paths[:SHOWN]:
        out += [", ", Name(short(path))] if out else [Name(short(path))]
    return (*out, f" and {len(paths) - SHOWN} more") if len(paths) > SHOWN else tuple(out)


_VERBS = {UPPER: "writes", VIEW: "shows", REMOUNT: "shows after a remount"}


def _trees(older: Seen, newer: Seen) -> Iterable[Words]:
    views = [UPPER, VIEW]
    if _same(older, VIEW, REMOUNT) != _same(newer, VIEW, REMOUNT):
        views.append(REMOUNT)
    for place in views:
        one, other = older.trees.get(place), newer.trees.get(place)
        if one is None or other is None:
            if one is not other:
                yield (f"{'a' if other is not None else 'no'} tree at the place {place}",)
            continue
        changed = differing(one, other)
        if changed:
            yield (f"{_VERBS[place]} ", *_told(changed))


def _same(seen: Seen, one: PlaceName, other: PlaceName) -> bool:
    return seen.trees.get(one) == seen.trees.get(other)


def _told(changed: Sequence[tuple[bytes, Look, Look]]) -> Words:
    out: list[str | Name] = []
    for path, before, after in changed[:SHOWN]:
        out += ["; "] if out else []
        out += [Name(short(escape(path) or "/")), f" as {after.text}, not as {before.text}"]
    if len(changed) > SHOWN:
        out.append(f"; and {len(changed) - SHOWN} more")
    return tuple(out)
