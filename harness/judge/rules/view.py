"""WL2..: what a reader sees, compared with the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from harness.judge.findings import Finding
from harness.judge.rules.evidence import Evidence, shown
from harness.names import escape
from harness.places import Station
from harness.scenario.steps import OBSERVING
from harness.snapshot.model import Entry, Kind, Snapshot, ancestors
from harness.whiteouts.encodings import ENCODINGS, PRIVATE_PREFIXES
from harness.whiteouts.markers import is_marker_entry, markers_of

PAIR = (Station.VIEW, Station.REMOUNT)
VIEWS = (*PAIR, Station.READONLY, Station.SEALED_VIEW)


def _pairs(evidence: Evidence) -> Iterator[tuple[Station, Snapshot, Snapshot]]:
    """Each view with the oracle, the view after the remount only where it says something new (WL206 says the rest)."""
    oracle = evidence.trees.get(Station.ORACLE)
    for station in VIEWS:
        view = evidence.trees.get(station)
        if view is not None and oracle is not None:
            yield station, view, oracle


def topmost(paths: Iterable[bytes]) -> list[bytes]:
    """The paths without those that lie below another one of them: one lost directory is one finding."""
    every = set(paths)
    return sorted(path for path in every if not any(above in every for above in ancestors(path) if above))


def _phantoms(view: Snapshot) -> set[bytes]:
    return {e.path for e in view if e.kind is Kind.UNKNOWN}


def _unlisted(view: Snapshot) -> set[bytes]:
    """What is found by looking it up, though readdir does not give it."""
    return {e.path for e in view if e.path and view.listed is not None and e.path not in view.listed}


def resurrected(evidence: Evidence) -> Iterator[Finding]:
    """WL201: a name that the steps deleted, or a marker of a layer hid, is visible."""
    for station, view, oracle in _pairs(evidence):
        extra = {e.path for e in view if e.path not in oracle and not is_marker_entry(e)} - _phantoms(view)
        for path in topmost(extra):
            yield Finding(
                "WL201", shown(path), station, f"{shown(path)} was deleted and is there again: {_what(view, path)}"
            )


def lost(evidence: Evidence) -> Iterator[Finding]:
    """WL202."""
    for station, view, oracle in _pairs(evidence):
        for path in topmost({e.path for e in oracle if e.path not in view}):
            yield Finding(
                "WL202", shown(path), station, f"{shown(path)} must be there and is not: {_what(oracle, path)}"
            )


def phantom(evidence: Evidence) -> Iterator[Finding]:
    """WL203: containers/fuse-overlayfs#306, moby/moby#9572."""
    for station, view, _ in _pairs(evidence):
        unlisted = _unlisted(view)
        for path in sorted(_phantoms(view) - unlisted):
            yield Finding("WL203", shown(path), station, f"{shown(path)} is listed and cannot be opened")
        for path in topmost(unlisted):
            yield Finding("WL203", shown(path), station, f"{shown(path)} is found by its name and is not listed")


def marker_visible(evidence: Evidence) -> Iterator[Finding]:
    """WL204: containers/fuse-overlayfs#172 for the xattrs."""
    for station, view, oracle in _pairs(evidence):
        for entry in view:
            if entry.path not in oracle and is_marker_entry(entry):
                forms = ", ".join(ENCODINGS[m.encoding].badge for m in markers_of(entry))
                yield Finding(
                    "WL204", shown(entry.path), station, f"the marker {shown(entry.path)} ({forms}) is shown as a file"
                )
            twin = oracle.get(entry.path)
            mine = twin.xattrs if twin is not None else {}
            for name in sorted(entry.xattrs):
                if name.startswith(PRIVATE_PREFIXES) and name not in mine:
                    yield Finding(
                        "WL204", shown(entry.path), station, f"the private xattr {escape(name)} is shown to users"
                    )


def changed(evidence: Evidence) -> Iterator[Finding]:
    """WL205."""
    for station, view, oracle in _pairs(evidence):
        for entry in oracle:
            other = view.get(entry.path)
            if other is None or other.kind is Kind.UNKNOWN:
                continue
            differences = difference(entry, seen_by(evidence, station, other, entry))
            if differences:
                yield Finding("WL205", shown(entry.path), station, f"{shown(entry.path)}: {'; '.join(differences)}")


def _same_reader(evidence: Evidence, station: Station) -> bool:
    """Whether owners are evidence: FUSE shows each reader as the owner, and --fakeroot shows the user as root."""
    handed = evidence.recording.scenario.handover
    if evidence.recording.tool.owners == "mapped":
        return False
    return handed is None or handed.profile is None or station in PAIR


def seen_by(evidence: Evidence, station: Station, seen: Entry, wanted: Entry) -> Entry:
    """An entry of a view as it is to be compared: its owner counts where owners are evidence."""
    if _same_reader(evidence, station):
        return seen
    return msgspec.structs.replace(seen, uid=wanted.uid, gid=wanted.gid)


def difference(wanted: Entry, seen: Entry) -> list[str]:
    """What differs between an entry of the oracle and of a view, in words; private xattrs are WL204's."""
    if wanted.kind is not seen.kind:
        return [f"is a {seen.kind}, must be a {wanted.kind}"]
    said: list[str] = []
    if wanted.digest != seen.digest:
        said.append(f"content is {_content(seen)}, must be {_content(wanted)}")
    if wanted.mode != seen.mode and wanted.kind is not Kind.LINK:
        said.append(f"mode is {seen.mode:04o}, must be {wanted.mode:04o}")
    if (wanted.uid, wanted.gid) != (seen.uid, seen.gid):
        said.append(f"owner is {seen.uid}:{seen.gid}, must be {wanted.uid}:{wanted.gid}")
    if wanted.device != seen.device:
        said.append(f"device is {seen.device}, must be {wanted.device}")
    if wanted.target != seen.target:
        said.append(f"points to {shown(seen.target or b'')}, must point to {shown(wanted.target or b'')}")
    if wanted.same_as != seen.same_as:
        said.append(f"is linked with {_links(seen)}, must be linked with {_links(wanted)}")
    for name in sorted(wanted.xattrs.keys() | seen.xattrs.keys()):
        here, there = seen.xattrs.get(name), wanted.xattrs.get(name)
        if here != there and not (name.startswith(PRIVATE_PREFIXES) and there is None):
            said.append(f"xattr {escape(name)} is {_value(here)}, must be {_value(there)}")
    return said


def unstable(evidence: Evidence) -> Iterator[Finding]:
    """WL206: nothing but an unmount and a mount lies between the two views."""
    before, after = (evidence.trees.get(station) for station in PAIR)
    if before is None or after is None:
        return
    gone = {e.path for e in before if e.path not in after} - _unlisted(before)  # WL203 tells of what is not listed
    new = {e.path for e in after if e.path not in before} - _unlisted(after)
    for path in topmost(gone):
        yield Finding(
            "WL206", shown(path), Station.REMOUNT, f"{shown(path)} was there before the remount and is not after it"
        )
    for path in topmost(new):
        yield Finding(
            "WL206", shown(path), Station.REMOUNT, f"{shown(path)} was not there before the remount and is after it"
        )
    for entry in before:
        other = after.get(entry.path)
        if other is not None and Kind.UNKNOWN in {entry.kind, other.kind} and entry.kind is not other.kind:
            yield Finding(
                "WL206",
                shown(entry.path),
                Station.REMOUNT,
                f"{shown(entry.path)} can be opened on one side of the remount alone",
            )
        elif other is not None:
            said = difference(entry, other)
            if said:
                text = "; ".join(said).replace("must be", "was").replace("must point to", "pointed to")
                yield Finding(
                    "WL206", shown(entry.path), Station.REMOUNT, f"{shown(entry.path)} after the remount: {text}"
                )


def step_result(evidence: Evidence) -> Iterator[Finding]:
    """WL207. A step that observes (readdir, stat, read) is compared with its words too."""
    wanted = {step.index: step for step in evidence.recording.oracle_steps}
    for step in evidence.recording.steps:
        other = wanted.get(step.index)
        if other is None:
            continue
        said = evidence.recording.scenario.steps[step.index]
        name = said.__struct_config__.tag
        path = getattr(said, "path", "/")
        if bool(step.code) is not bool(other.code):
            here = f"failed ({step.words})" if step.code else "succeeded"
            there = "fails" if other.code else "succeeds"
            yield Finding(
                "WL207",
                path,
                Station.STEPS,
                f"step {step.index + 1}, {name} {path}: {here}; on a plain directory it {there}",
                step=step.index,
            )
        elif isinstance(said, OBSERVING) and step.words != other.words:
            here, there = step.words or "nothing", other.words or "nothing"
            yield Finding(
                "WL207",
                path,
                Station.STEPS,
                f"step {step.index + 1}, {name} {path} says {here}, must say {there}",
                step=step.index,
            )


def _what(tree: Snapshot, path: bytes) -> str:
    entry = tree.entries[path]
    inside = sum(1 for _ in tree.below(path))
    return f"a {entry.kind}" + (f" with {inside} {'entry' if inside == 1 else 'entries'}" if inside else "")


def _content(entry: Entry) -> str:
    return repr(escape(entry.text)) if entry.text is not None else f"{entry.size} bytes, sha256 {entry.digest[:12]}"


def _links(entry: Entry) -> str:
    return shown(entry.same_as) if entry.same_as is not None else "nothing"


def _value(value: bytes | None) -> str:
    return "absent" if value is None else repr(escape(value))


RULES = (resurrected, lost, phantom, marker_visible, changed, unstable, step_result)
