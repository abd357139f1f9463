"""WL2..: what a reader sees, compared with the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from harness.judge.errnos import error_of
from harness.judge.facts.base import Difference, Digest, Field, Value
from harness.judge.facts.view import (
    Changed,
    How,
    Lost,
    MarkerVisible,
    Phantom,
    Resurrected,
    StepResult,
    Turn,
    Unstable,
)
from harness.judge.rules import words
from harness.judge.rules.evidence import Evidence, shown
from harness.judge.rules.rule import Hit, Rule
from harness.names import escape
from harness.places import ORACLE, REMOUNT, STEPS, VIEW, PlaceKind, PlaceName, place_of
from harness.scenario.steps import OBSERVING
from harness.snapshot.model import Entry, Kind, Snapshot, ancestors
from harness.whiteouts.encodings import PRIVATE_PREFIXES
from harness.whiteouts.markers import is_marker_entry, markers_of

PAIR = (VIEW, REMOUNT)


def _pairs(evidence: Evidence) -> Iterator[tuple[PlaceName, Snapshot, Snapshot]]:
    """Each view with the oracle, the view after the remount only where it says something new (WL206 says the rest)."""
    oracle = evidence.trees.get(ORACLE)
    if oracle is not None:
        for place, view in evidence.at_each(PlaceKind.VIEW):
            yield place.name, view, oracle


def topmost(paths: Iterable[bytes]) -> list[bytes]:
    """The paths without those that lie below another one of them: one lost directory is one finding."""
    every = set(paths)
    return sorted(path for path in every if not any(above in every for above in ancestors(path) if above))


def _phantoms(view: Snapshot) -> set[bytes]:
    return {e.path for e in view if e.kind is Kind.UNKNOWN}


def _unlisted(view: Snapshot) -> set[bytes]:
    """What is found by looking it up, though readdir does not give it."""
    return {e.path for e in view if e.path and view.listed is not None and e.path not in view.listed}


def resurrected(evidence: Evidence) -> Iterator[Hit[Resurrected]]:
    """WL201: a name that the steps deleted, or a marker of a layer hid, is visible."""
    for place, view, oracle in _pairs(evidence):
        extra = {e.path for e in view if e.path not in oracle and not is_marker_entry(e)} - _phantoms(view)
        unlisted = _unlisted(view)
        for path in topmost(extra):
            how = How.LOOKED_UP if path in unlisted else How.LISTED
            kind = view.entries[path].kind.value
            yield Hit(shown(path), place, Resurrected(kind=kind, found=how, inside=_inside(view, path)))


def lost(evidence: Evidence) -> Iterator[Hit[Lost]]:
    """WL202."""
    for place, view, oracle in _pairs(evidence):
        for path in topmost({e.path for e in oracle if e.path not in view}):
            kind = oracle.entries[path].kind.value
            yield Hit(shown(path), place, Lost(kind=kind, inside=_inside(oracle, path)))


def phantom(evidence: Evidence) -> Iterator[Hit[Phantom]]:
    """WL203: containers/fuse-overlayfs#306, moby/moby#9572."""
    for place, view, _ in _pairs(evidence):
        unlisted = _unlisted(view)
        for path in sorted(_phantoms(view) - unlisted):
            yield Hit(shown(path), place, Phantom(found=How.LISTED))
        for path in topmost(unlisted):
            yield Hit(shown(path), place, Phantom(found=How.LOOKED_UP))


def marker_visible(evidence: Evidence) -> Iterator[Hit[MarkerVisible]]:
    """WL204: containers/fuse-overlayfs#172 for the xattrs."""
    for place, view, oracle in _pairs(evidence):
        for entry in view:
            if entry.path not in oracle and is_marker_entry(entry):
                forms = tuple(marker.encoding for marker in markers_of(entry))
                yield Hit(shown(entry.path), place, MarkerVisible(encodings=forms))
            twin = oracle.get(entry.path)
            mine = twin.xattrs if twin is not None else {}
            for name in sorted(entry.xattrs):
                if name.startswith(PRIVATE_PREFIXES) and name not in mine:
                    yield Hit(shown(entry.path), place, MarkerVisible(xattr=escape(name)))


def changed(evidence: Evidence) -> Iterator[Hit[Changed]]:
    """WL205."""
    for place, view, oracle in _pairs(evidence):
        for entry in oracle:
            other = view.get(entry.path)
            if other is None or other.kind is Kind.UNKNOWN:
                continue
            differences = difference(entry, seen_by(evidence, place, other, entry))
            if differences:
                yield Hit(shown(entry.path), place, Changed(kind=entry.kind.value, differences=differences))


def _same_reader(evidence: Evidence, place: PlaceName) -> bool:
    """Whether owners are evidence: FUSE shows each reader as the owner, and --fakeroot shows the user as root."""
    handed = evidence.recording.scenario.handover
    if evidence.recording.tool.owners == "mapped":
        return False
    return handed is None or handed.profile is None or not place_of(place).later


def seen_by(evidence: Evidence, place: PlaceName, seen: Entry, wanted: Entry) -> Entry:
    """An entry of a view as it is to be compared: its owner counts where owners are evidence."""
    if _same_reader(evidence, place):
        return seen
    return msgspec.structs.replace(seen, uid=wanted.uid, gid=wanted.gid)


def difference(wanted: Entry, seen: Entry) -> tuple[Difference, ...]:
    """What differs between an entry of the oracle and of a view; private xattrs are WL204's."""
    if wanted.kind is not seen.kind:
        return (Difference(Field.TYPE, seen.kind.value, wanted.kind.value),)
    found: list[Difference] = []
    if wanted.digest != seen.digest:
        found.append(Difference(Field.CONTENT, _content(seen), _content(wanted)))
    if wanted.mode != seen.mode and wanted.kind is not Kind.LINK:
        found.append(Difference(Field.MODE, seen.mode, wanted.mode))
    if (wanted.uid, wanted.gid) != (seen.uid, seen.gid):
        found.append(Difference(Field.OWNER, (seen.uid, seen.gid), (wanted.uid, wanted.gid)))
    if wanted.device != seen.device:
        found.append(Difference(Field.DEVICE, seen.device, wanted.device))
    if wanted.target != seen.target:
        found.append(Difference(Field.TARGET, _path(seen.target), _path(wanted.target)))
    if wanted.same_as != seen.same_as:
        found.append(Difference(Field.LINKS, _path(seen.same_as), _path(wanted.same_as)))
    for name in sorted(wanted.xattrs.keys() | seen.xattrs.keys()):
        here, there = seen.xattrs.get(name), wanted.xattrs.get(name)
        if here != there and not (name.startswith(PRIVATE_PREFIXES) and there is None):
            found.append(Difference(Field.XATTR, _xattr(here), _xattr(there), escape(name)))
    return tuple(found)


def unstable(evidence: Evidence) -> Iterator[Hit[Unstable]]:
    """WL206: nothing but an unmount and a mount lies between the two views."""
    before, after = (evidence.trees.get(place) for place in PAIR)
    if before is None or after is None:
        return
    gone = {e.path for e in before if e.path not in after} - _unlisted(before)  # WL203 tells of what is not listed
    new = {e.path for e in after if e.path not in before} - _unlisted(after)
    for path in topmost(gone):
        yield Hit(shown(path), REMOUNT, Unstable(turn=Turn.GONE, before=before.entries[path].kind.value))
    for path in topmost(new):
        yield Hit(shown(path), REMOUNT, Unstable(turn=Turn.NEW, after=after.entries[path].kind.value))
    for entry in before:
        other = after.get(entry.path)
        if other is None:
            continue
        kinds = (entry.kind.value, other.kind.value)
        if Kind.UNKNOWN in kinds and entry.kind is not other.kind:
            facts = Unstable(turn=Turn.UNREADABLE, before=kinds[0], after=kinds[1])
            yield Hit(shown(entry.path), REMOUNT, facts)
        elif differences := difference(entry, other):
            facts = Unstable(turn=Turn.DIFFERS, before=kinds[0], after=kinds[1], differences=differences)
            yield Hit(shown(entry.path), REMOUNT, facts)


def step_result(evidence: Evidence) -> Iterator[Hit[StepResult]]:
    """WL207. A step that observes (readdir, stat, read) is compared with its words too."""
    wanted = {step.index: step for step in evidence.recording.oracle_steps}
    for step in evidence.recording.steps:
        other = wanted.get(step.index)
        if other is None:
            continue
        step_done = evidence.recording.scenario.steps[step.index]
        observing = isinstance(step_done, OBSERVING)
        if bool(step.code) is bool(other.code) and not (observing and step.words != other.words):
            continue
        facts = StepResult(
            index=step.index,
            action=step_done.do,
            paths=tuple(path for _, path in step_done.named()),
            succeeds=not step.code,
            must_succeed=not other.code,
            error=error_of(step.words) if step.code else None,
            must_error=error_of(other.words) if other.code else None,
            words=step.words,
            must_words=other.words,
        )
        yield Hit(getattr(step_done, "path", "/"), STEPS, facts)


def _inside(tree: Snapshot, path: bytes) -> int:
    return sum(1 for _ in tree.below(path))


def _content(entry: Entry) -> Value:
    return escape(entry.text) if entry.text is not None else Digest(entry.size, entry.digest[:12])


def _path(path: bytes | None) -> str | None:
    return None if path is None else shown(path)


def _xattr(value: bytes | None) -> str | None:
    return None if value is None else escape(value)


_WRITTEN = frozenset({VIEW, ORACLE})

RULES: tuple[Rule[Evidence, Any], ...] = (
    Rule(
        "WL201", _WRITTEN, resurrected, words.resurrected,
        ("shows {} again after it was deleted", "show {} again after it was deleted"),
    ),
    Rule("WL202", _WRITTEN, lost, words.lost, ("loses {}, which must be there", "lose {}, which must be there")),
    Rule(
        "WL203", _WRITTEN, phantom, words.phantom,
        ("lets readdir and lookup disagree about {}", "let readdir and lookup disagree about {}"),
    ),
    Rule(
        "WL204", _WRITTEN, marker_visible, words.marker_visible,
        ("shows the marker {} to users", "show the marker {} to users"),
    ),
    Rule("WL205", _WRITTEN, changed, words.changed, ("changes {}", "change {}")),
    Rule(
        "WL206", frozenset(PAIR), unstable, words.unstable,
        ("shows {} differently after a remount", "show {} differently after a remount"),
    ),
    Rule(
        "WL207", frozenset({VIEW}), step_result, words.step_result,
        ("gives steps on {} another result than a plain directory does",
         "give steps on {} another result than a plain directory does"),
    ),
)  # fmt: skip
