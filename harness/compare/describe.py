"""An entry put in words, and the markers that stand at a path: what every table of the report shows in its fields."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from harness.names import escape
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import ENCODINGS, Encoding, Says
from harness.whiteouts.markers import find_markers, is_marker_entry, markers_of

_USUAL = {Kind.DIR: 0o755, Kind.FILE: 0o644, Kind.LINK: 0o777}
_WORDS = {Kind.CHAR: "char device", Kind.BLOCK: "block device", Kind.LINK: "link", Kind.UNKNOWN: "listed only"}
_VALUES = {Says.OPAQUE: b"y", Says.HOLDS: b"x", Says.GONE: b"y"}
# Entries that are there only to mark: their mode is noise, and "empty" goes without saying.
_WHOLE = {Encoding.DEVICE, Encoding.FILE, Encoding.OPAQUE_FILE, Encoding.XATTR_TRUSTED, Encoding.XATTR_USER}
LONGEST = 48  # characters of a content that stand in a table; the digest tells longer ones apart


class Detail(NamedTuple):
    """One thing about an entry, in words; ``about`` says which, in one word: content, mode, owner, …"""

    about: str
    text: str


@dataclass(frozen=True)
class Look:
    """What stands at one path of one tree. Hashable: two looks are equal when nothing that matters differs.

    ``word`` is empty when there is no entry: then only the markers speak of the path (``.wh.f`` speaks of ``f``).
    """

    word: str
    details: tuple[Detail, ...] = ()
    markers: tuple[Encoding, ...] = ()

    @property
    def text(self) -> str:
        """For sentences: ``dir, opaque [user.overlay.opaque]``."""
        marks = [f"{_SAYS[ENCODINGS[m].says]} [{ENCODINGS[m].badge}]" for m in self.markers]
        details = (detail.text for detail in self.details)
        return ", ".join(part for part in (self.word, *details, *marks) if part) or "nothing"


NOTHING = Look("")
_SAYS = {Says.GONE: "whiteout", Says.OPAQUE: "opaque", Says.HOLDS: "holds whiteouts"}


def looks(snapshot: Snapshot, *, view: bool = False) -> dict[bytes, Look]:
    """What stands at every path, with the markers that *speak of* it, wherever they lie.

    A *view* is what users see, and to them a marker is a file like any other: nothing is gone or opaque there.
    """
    spoken: dict[bytes, list[Encoding]] = {}
    for marker in () if view else find_markers(snapshot):
        spoken.setdefault(marker.path, []).append(marker.encoding)
    found = {e.path: Look(*_entry(e, view=view), tuple(sorted(spoken.get(e.path, ())))) for e in snapshot}
    if snapshot.listed is not None:  # opened, and readdir did not give it: as much a fact as the reverse
        for path in found.keys() - snapshot.listed - {b""}:
            look = found[path]
            word = "found by name" if look.word == _WORDS[Kind.UNKNOWN] else look.word
            found[path] = Look(word, (*look.details, Detail("listing", "not listed")), look.markers)
    for path, encodings in spoken.items():
        if path not in found:
            found[path] = Look("", (), tuple(sorted(encodings)))
    return found


def shared_whiteouts(snapshot: Snapshot) -> tuple[str, ...]:
    """Whiteouts that share an inode, a sentence for each group. The kernel links its whiteouts together; a packer may care."""
    groups: dict[bytes, list[Entry]] = {}
    for entry in snapshot:
        if entry.same_as is not None and is_marker_entry(entry):
            groups.setdefault(entry.same_as, []).append(entry)
    return tuple(
        f"{len(group)} whiteouts of the upper share one inode (link count {group[0].links}): "
        + _cut(", ".join(escape(entry.path) for entry in group))
        for group in groups.values()
        if len(group) > 1
    )


def differing(one: Mapping[bytes, Look], other: Mapping[bytes, Look]) -> list[tuple[bytes, Look, Look]]:
    """The paths that look different in two trees, with both looks."""
    return [
        (path, before, after)
        for path in sorted(one.keys() | other.keys())
        if (before := one.get(path, NOTHING)) != (after := other.get(path, NOTHING))
    ]


def _entry(entry: Entry, *, view: bool) -> tuple[str, tuple[Detail, ...]]:
    mine = {marker.encoding for marker in markers_of(entry)}
    whole = bool(mine & _WHOLE)
    if view:
        return _WORDS.get(entry.kind, entry.kind.value), _rest(entry, set(), whole=whole)
    word = _WORDS.get(entry.kind, entry.kind.value)
    if entry.is_whiteout_device:
        word = "whiteout"
    elif Encoding.OPAQUE_FILE in mine:
        word = "opaque file"
    elif whole:
        word = "whiteout file"
    return word, _rest(entry, mine, whole=whole)


def _rest(entry: Entry, mine: Set[Encoding], *, whole: bool) -> tuple[Detail, ...]:
    """Everything that can differ and that neither the word nor a marker says, in a fixed order."""
    out: list[Detail] = []
    if entry.kind is Kind.FILE and not (whole and entry.size == 0):
        out.append(Detail("content", _content(entry)))
    if entry.device is not None and Encoding.DEVICE not in mine:
        out.append(Detail("device", f"{entry.device[0]}:{entry.device[1]}"))
    if entry.target is not None:
        out.append(Detail("target", f"→ {_cut(escape(entry.target))}"))
    if entry.mode != _USUAL.get(entry.kind, 0o644) and not whole and entry.kind is not Kind.UNKNOWN:
        out.append(Detail("mode", f"{entry.mode:04o}"))
    if entry.uid or entry.gid:
        out.append(Detail("owner", f"owner {entry.uid}:{entry.gid}"))
    if entry.same_as is not None and entry.same_as != entry.path:
        out.append(Detail("links", f"same file as {_cut(escape(entry.same_as))}"))
    for name, value in sorted(entry.xattrs.items()):
        is_marker = any(ENCODINGS[m].xattr == name and _VALUES.get(ENCODINGS[m].says) == value for m in mine)
        if not is_marker:
            out.append(Detail("xattr", f"{escape(name)}={_cut(escape(value))}"))
    return tuple(out)


def _content(entry: Entry) -> str:
    if entry.text and not entry.text.strip(b"\0"):  # the size alone is there: a sparse file, a metacopy
        return f"{len(entry.text):,} zero bytes"
    if entry.text is not None and len(entry.text) <= LONGEST:
        return f"“{escape(entry.text)}”" if entry.text else "empty"
    return f"{entry.size:,} bytes, sha256 {entry.digest[:12]}" if entry.size else "empty"


def _cut(text: str) -> str:
    """A long text is cut, and carries a digest: two that differ behind the cut still look different."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text)} characters, sha256 {sha256(text.encode()).hexdigest()[:12]})"
