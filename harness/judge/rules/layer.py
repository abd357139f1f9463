"""WL3..: layers and images. What an upper became when it was sealed and pushed, and what an importer made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from harness.judge.errnos import error_of
from harness.judge.facts.layer import (
    OPAQUE_XATTR,
    Breach,
    Cause,
    Duplicate,
    Fate,
    LinkToMarker,
    MarkLost,
    Misread,
    NotTheSpec,
    Refused,
    Taking,
    WhenConverted,
)
from harness.judge.facts.upper import UnportableXattr
from harness.judge.findings import Finding
from harness.judge.refusals import cause_of, essence, last_lines, lasting
from harness.judge.rules import upper, words
from harness.judge.rules.evidence import Evidence, LayerEvidence, RawLayer, shown
from harness.judge.rules.rule import Hit, Need, Rule
from harness.judge.rules.view import difference, topmost
from harness.names import escape
from harness.places import IMPORTED, ORACLE, PUSHED, REMOUNT, SEALED, UPPER, PlaceKind, PlaceName
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot, ancestors
from harness.whiteouts.encodings import OPAQUE_NAME, PRIVATE_PREFIXES, WH, Encoding, Says
from harness.whiteouts.markers import Marker, beside, find_markers, is_marker_entry

# What the readers of a layer honour. Squashfs layers follow oci-tools, which SingularityCE uses; tar layers follow image-spec, layer.md.
# By the layer's form: what it is called, and the encodings that its readers honour.
HONOURED = {
    "squashfs": ("squashfs", frozenset({Encoding.DEVICE, Encoding.OPAQUE_TRUSTED})),
    "tar": ("OCI tar", frozenset({Encoding.FILE, Encoding.OPAQUE_FILE})),
}
_MOST_NAMED = 6  # of what stands many times

Statement = tuple[bytes, Says]


def layer_findings(raw: Sequence[Entry], *, form: str, place: PlaceName = PUSHED) -> list[Finding]:
    """What is wrong with one layer by itself. *raw*: its entries in the order of the archive; *form*: ``tar`` or ``squashfs``."""
    alone = LayerEvidence([RawLayer(raw, form, place)])
    return [finding for rule in LAYER_RULES for finding in rule(alone)]


def duplicates(evidence: LayerEvidence) -> Iterator[Hit[Duplicate]]:
    """WL301: sylabs/singularity#3176; containers/storage and moby answer "duplicates of file paths not supported"."""
    for layer in evidence.made:
        kinds: dict[bytes, list[str]] = {}
        for entry in layer.entries:
            kinds.setdefault(entry.path, []).append(entry.kind.value)
        for path, kinds_there in kinds.items():
            if len(kinds_there) > 1:
                yield Hit(
                    shown(path), layer.place, Duplicate(times=len(kinds_there), kinds=tuple(kinds_there[:_MOST_NAMED]))
                )


def links_to_markers(evidence: LayerEvidence) -> Iterator[Hit[LinkToMarker]]:
    """WL303: the kernel hard-links its whiteouts together (5.8), and a packer that keeps links makes one of them a link."""
    for layer in evidence.tars:
        by_path = {entry.path: entry for entry in layer.entries}
        for entry in layer.entries:
            if not _is_link(entry):
                continue
            target = entry.same_as or b""
            first = by_path.get(target)
            marks = [name for name in (target, entry.path) if name.rpartition(b"/")[2].startswith(WH)]
            if marks or (first is not None and is_marker_entry(first)):
                yield Hit(shown(entry.path), layer.place, LinkToMarker(to=shown(target)))


def _is_link(entry: Entry) -> bool:
    return entry.same_as is not None and entry.same_as != entry.path


def not_the_spec(evidence: LayerEvidence) -> Iterator[Hit[NotTheSpec]]:
    """WL306: opencontainers/image-spec, layer.md, "Whiteouts"."""
    for layer in evidence.tars:
        for entry in (one for one in layer.entries if not _is_link(one)):
            breach = _breach(entry)
            if breach is not None:
                facts = NotTheSpec(breach=breach, kind=entry.kind.value, size=entry.size)
                yield Hit(shown(entry.path), layer.place, facts)


def _breach(entry: Entry) -> Breach | None:
    name = entry.name
    if entry.is_whiteout_device:
        return Breach.DEVICE
    if name == WH:
        return Breach.NAMELESS
    if name.startswith(WH + WH) and name != OPAQUE_NAME:
        return Breach.UNKNOWN
    if name.startswith(WH) and (entry.kind is not Kind.FILE or entry.size):
        return Breach.NOT_EMPTY
    return None


def private_xattrs(evidence: LayerEvidence) -> Iterator[Hit[UnportableXattr]]:
    """WL107 in a tar: the specification knows xattrs; but whoever unpacks this one makes an overlay's mark of it (moby/moby#47962)."""
    for layer in evidence.tars:
        for entry in (one for one in layer.entries if not _is_link(one)):
            private = sorted(key for key in entry.xattrs if key.startswith(PRIVATE_PREFIXES))
            if private:
                facts = UnportableXattr(xattrs=tuple(escape(key) for key in private), in_layer=True)
                yield Hit(shown(entry.path), layer.place, facts)


def when_converted(raw: Sequence[Entry]) -> Iterator[Finding]:
    """What comes of a squashfs layer when a push makes a tar of it."""
    return WHEN_CONVERTED(LayerEvidence([RawLayer(raw, "squashfs", SEALED)]))


def become_one(evidence: LayerEvidence) -> Iterator[Hit[WhenConverted]]:
    """WL307: sylabs/singularity#3176, seen in the squashfs layer, before a push makes a tar of it.

    As oci-tools converts: a device 0:0 becomes a file ``.wh.NAME``, ``trusted.overlay.opaque=y`` a file ``.wh..wh..opq``, and a file of
    such a name stays. In a cell the tar itself is looked at (WL301), so nothing is foretold there.
    """
    for layer in evidence.made:
        becomes: dict[bytes, dict[tuple[str, str], None]] = {}
        for entry in layer.entries:
            at = shown(entry.path)
            if entry.is_whiteout_device:
                becomes.setdefault(beside(entry.path, WH + entry.name), {})["device", at] = None
            elif entry.name.startswith(WH):
                becomes.setdefault(entry.path, {})[entry.kind.value, at] = None
            elif entry.kind is Kind.DIR and entry.xattrs.get(OPAQUE_XATTR.encode()) == b"y":
                one = entry.path + b"/" + OPAQUE_NAME if entry.path else OPAQUE_NAME
                becomes.setdefault(one, {})[OPAQUE_XATTR, at] = None
        for path, marks in becomes.items():
            if len(marks) > 1:
                forms, sources = zip(*marks, strict=True)
                yield Hit(shown(path), layer.place, WhenConverted(forms=forms, sources=sources))


def mark_lost(evidence: Evidence) -> Iterator[Hit[MarkLost]]:
    """WL302: what the upper said and the layer does not say to its readers, and the other way round. Said where it happens first."""
    if evidence.upper is None:
        return
    oracle = evidence.trees.get(ORACLE, EMPTY)  # a file .wh.x that a user made says nothing
    wanted = statements([m for m in find_markers(evidence.upper) if not users_own(m, oracle)], None)
    lost: set[Statement] = set()
    for place, tree in evidence.at_each(PlaceKind.LAYER):
        there = [m for m in find_markers(tree) if not users_own(m, oracle)]
        for one, facts in marks_changed(wanted, there, place.form):
            if facts.fate is Fate.ADDED:
                wanted.add(one)  # from here on it is part of the image: a later layer that drops it loses it
            elif one in lost:
                continue
            else:
                lost.add(one)
            yield Hit(shown(one[0]), place.name, facts)


def marks_changed(wanted: set[Statement], there: Sequence[Marker], form: str) -> Iterator[tuple[Statement, MarkLost]]:
    """What is *wanted* and the marks of a layer do not say to its readers; and the other way round. *form*: of the layer."""
    called, honoured = HONOURED[form]
    stated = statements(there, honoured)
    for path, says in sorted(wanted - stated):
        forms = tuple(sorted({m.encoding for m in there if (m.path, m.says) == (path, says)}))
        fate = Fate.UNREAD if forms else Fate.LOST
        yield (path, says), MarkLost(layer=called, says=says, fate=fate, encodings=forms)
    for path, says in sorted(stated - wanted):
        yield (path, says), MarkLost(layer=called, says=says, fate=Fate.ADDED)


def statements(markers: Sequence[Marker], honoured: frozenset[Encoding] | None) -> set[Statement]:
    """What markers say to a reader of some encodings (None: of all). Whiteouts of markers, and below an opaque directory, say nothing."""
    read = [m for m in markers if m.says is not Says.HOLDS and (honoured is None or m.encoding in honoured)]
    opaque = {m.path for m in markers if m.says is Says.OPAQUE}
    return {
        (m.path, m.says)
        for m in read
        if m.says is Says.OPAQUE or not (m.path.rpartition(b"/")[2].startswith(WH) or _inside(m.path, opaque))
    }


def users_own(marker: Marker, oracle: Snapshot) -> bool:
    """Whether a mark is a file that a user made, which the oracle has too."""
    return marker.encoding in {Encoding.FILE, Encoding.OPAQUE_FILE} and marker.at in oracle


def _inside(path: bytes, folders: set[bytes]) -> bool:
    return any(folder in folders for folder in ancestors(path))


def refused(evidence: Evidence) -> Iterator[Hit[Refused]]:
    """WL304: who did not take what, in its own words."""
    for answer in evidence.recording.answers:
        if answer.code:
            lines = last_lines(answer.words)
            cause = cause_of(lines)
            signalled = 128 < answer.code < 128 + 65  # 255 is what Go programs end with when they give up
            facts = Refused(
                who=answer.who,
                exit_code=None if signalled else answer.code,
                signal=answer.code - 128 if signalled else None,
                cause=cause,
                last_line=lasting(lines[-1]) if cause == Cause.OTHER and lines else None,
                error=error_of(answer.words),
                words=essence(lines),
            )
            yield Hit("/", answer.place or IMPORTED, facts)


def misread(evidence: Evidence) -> Iterator[Hit[Misread]]:
    """WL305: an export carries no owners of the image and no xattrs: they are not compared.

    What the container itself already showed so, written and run again, is no importer's doing: it is WL201, WL202 or WL205 there.
    """
    oracle = evidence.trees.get(ORACLE)
    if oracle is None:
        return
    for place, tree in evidence.at_each(PlaceKind.IMAGE):
        for path, facts in _misread(tree, oracle, evidence.trees.get(REMOUNT, oracle)):
            yield Hit(shown(path), place.name, facts)


def _misread(tree: Snapshot, oracle: Snapshot, shown_so: Snapshot) -> Iterator[tuple[bytes, Misread]]:
    extra = tree.entries.keys() - oracle.entries.keys() - shown_so.entries.keys()
    absent = (oracle.entries.keys() & shown_so.entries.keys()) - tree.entries.keys()
    for paths, taken in ((extra, Taking.EXTRA), (absent, Taking.ABSENT)):
        for path in topmost(paths):
            yield path, Misread(taken=taken)
    for entry in oracle:
        other, before = tree.get(entry.path), shown_so.get(entry.path)
        if not entry.path or other is None:
            continue
        differences = difference(_bare(entry), _bare(other))
        if differences and (before is None or differences != difference(_bare(entry), _bare(before))):
            yield entry.path, Misread(taken=Taking.DIFFERS, differences=differences)


def _bare(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, uid=0, gid=0, xattrs={}, links=1)


_ANY: frozenset[PlaceName | Need] = frozenset()  # each looks at whatever layers and answers there are

LAYER_RULES: tuple[Rule[LayerEvidence, Any], ...] = (
    Rule("WL301", _ANY, duplicates, words.duplicate, ("puts {} twice into a layer", "put {} twice into a layer")),
    Rule(
        "WL303", _ANY, links_to_markers, words.link_to_marker,
        ("makes {} a hard link to a marker", "make {} a hard link to a marker"),
    ),
    Rule(
        "WL306", _ANY, not_the_spec, words.not_the_spec,
        ("pushes a layer that breaks the OCI specification at {}", "push a layer that breaks the OCI specification at {}"),
    ),
    Rule("WL107", _ANY, private_xattrs, words.unportable_xattr, upper.UNPORTABLE),
)  # fmt: skip
RULES: tuple[Rule[Evidence, Any], ...] = (
    *LAYER_RULES,
    Rule(
        "WL302", frozenset({UPPER}), mark_lost, words.mark_lost,
        ("loses or changes the mark on {} when it seals or pushes", "lose or change the mark on {} when they seal or push"),
    ),
    Rule(
        "WL304", _ANY, refused, words.refused,
        ("makes what a program on an image's journey refuses", "make what a program on an image's journey refuses"),
    ),
    Rule(
        "WL305", frozenset({IMPORTED}), misread, words.misread,
        ("makes an image that an importer takes with another tree at {}",
         "make an image that an importer takes with another tree at {}"),
    ),
)  # fmt: skip
# Of a layer that no cell made: in a cell the tar itself is looked at.
WHEN_CONVERTED: Rule[LayerEvidence, WhenConverted] = Rule(
    "WL307", _ANY, become_one, words.when_converted,
    ("seals a layer in which {} would stand twice as a tar", "seal a layer in which {} would stand twice as a tar"),
)  # fmt: skip
