"""WL1..: what lies in the upper. Each rule is a pure function from the evidence to findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.judge.facts.upper import (
    MarkerOfAMarker,
    MixedEncodings,
    NameAndWhiteout,
    NeedlessOpaque,
    NeedlessWhiteout,
    UnportableXattr,
    UnreadableMark,
    WhiteoutInOpaque,
)
from harness.judge.rules import words
from harness.judge.rules.evidence import UpperEvidence, shown
from harness.judge.rules.rule import F, Hit, Need, Rule
from harness.places import ORACLE, UPPER, VIEW
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.encodings import OVERLAY_PREFIXES, WH, Encoding, Says
from harness.whiteouts.markers import Marker
from harness.whiteouts.union import merge


def _hit(path: bytes, facts: F) -> Hit[F]:
    return Hit(shown(path), UPPER, facts)


def _is_marker_name(name: bytes) -> bool:
    return name.startswith(WH)


def _whiteouts(evidence: UpperEvidence) -> list[Marker]:
    return [m for m in evidence.written if m.says is Says.GONE]


def _opaque(evidence: UpperEvidence) -> list[Marker]:
    return [m for m in evidence.written if m.says is Says.OPAQUE]


def marker_of_a_marker(evidence: UpperEvidence) -> Iterator[Hit[MarkerOfAMarker]]:
    """WL101: sylabs/singularity#3176. A whiteout is for a name of a user, and a marker's name is one only where a lower layer has it so."""
    for marker in _whiteouts(evidence):
        name = marker.path.rpartition(b"/")[2]
        if (
            marker.path in evidence.below
        ):  # a user's own .wh. file, deleted by the kernel's overlay (containers/podman#3582)
            continue
        if _is_marker_name(name) or (name == b".opq" and marker.encoding is Encoding.DEVICE):
            yield _hit(marker.at, MarkerOfAMarker(encoding=marker.encoding, name=shown(name)))


def _opaque_above(evidence: UpperEvidence, path: bytes) -> bytes | None:
    """The nearest directory above a path that is opaque in the upper: below it no lower layer shows through, at any depth."""
    while path:
        path = path.rpartition(b"/")[0]
        if path in evidence.opaque:
            return path
    return None


def whiteout_in_opaque(evidence: UpperEvidence) -> Iterator[Hit[WhiteoutInOpaque]]:
    """WL102: containers/fuse-overlayfs#306. The kernel lists such a name and cannot open it.

    Nothing between an opaque directory and the whiteout can make the lower layers visible again: a lookup goes down with the layers
    that the parent has, and an opaque one has the upper alone (ovl_lookup in fs/overlayfs/namei.c). Only a redirect leads elsewhere.
    """
    for marker in _whiteouts(evidence):
        top = _opaque_above(evidence, marker.path)
        if (
            top is not None
            and not _is_marker_name(marker.path.rpartition(b"/")[2])
            and not _led_elsewhere(evidence, marker, top)
        ):
            yield _hit(
                marker.at,
                WhiteoutInOpaque(encoding=marker.encoding, deletes=shown(marker.path), opaque=shown(top)),
            )


def _led_elsewhere(evidence: UpperEvidence, marker: Marker, top: bytes) -> bool:
    """Whether a directory between an opaque one and a whiteout says that its content lies at an absolute path of the lower layers."""
    path = marker.path.rpartition(b"/")[0]
    while path != top and evidence.upper is not None:
        entry = evidence.upper.get(path)
        if entry is not None and any(entry.xattrs.get(p + b"redirect", b"").startswith(b"/") for p in OVERLAY_PREFIXES):
            return True
        path = path.rpartition(b"/")[0]
    return False


def needless_whiteout(evidence: UpperEvidence) -> Iterator[Hit[NeedlessWhiteout]]:
    """WL103: containers/fuse-overlayfs#327, canonical/craft-parts#274.

    Where a directory above is opaque WL102 says it alone: what lies below such a directory is hidden already, whether or not a lower
    layer has the name, and the remedy (and the harm: the kernel lists the name) is WL102's.
    """
    for marker in _whiteouts(evidence):
        name = marker.path.rpartition(b"/")[2]
        if marker.path in evidence.below or _is_marker_name(name):
            continue
        top = _opaque_above(evidence, marker.path)
        if top is None or _led_elsewhere(evidence, marker, top):
            yield _hit(marker.at, NeedlessWhiteout(encoding=marker.encoding, deletes=shown(marker.path)))


def name_and_whiteout(evidence: UpperEvidence) -> Iterator[Hit[NameAndWhiteout]]:
    """WL104: opencontainers/image-spec, layer.md: readers differ in which of the two wins."""
    upper = evidence.upper
    for marker in _whiteouts(evidence):
        if upper is not None and marker.encoding is Encoding.FILE and marker.path in upper:
            other = upper.entries[marker.path]
            if not other.is_whiteout_device:
                facts = NameAndWhiteout(encoding=marker.encoding, deletes=shown(marker.path), kind=other.kind.value)
                yield _hit(marker.at, facts)


def mixed_encodings(evidence: UpperEvidence) -> Iterator[Hit[MixedEncodings]]:
    """WL105: containers/podman#12347."""
    for says in (Says.GONE, Says.OPAQUE):
        if not any(marker.says is says for marker in evidence.written):
            continue
        groups: dict[bytes, set[Encoding]] = {}
        for marker in evidence.markers:
            if marker.says is says and not _is_marker_name(marker.path.rpartition(b"/")[2]):
                groups.setdefault(marker.path, set()).add(marker.encoding)
        if len(groups) < 2:
            continue
        if not any(all(forms & reader.honours for forms in groups.values()) for reader in evidence.readers):
            forms = sorted({form for group in groups.values() for form in group})
            yield _hit(b"", MixedEncodings(says=says, encodings=tuple(forms)))


def needless_opaque(evidence: UpperEvidence) -> Iterator[Hit[NeedlessOpaque]]:
    """WL106: moby/moby#34300. Such a directory hides what a later change of the lower layers puts there.

    A mark over a lower name, even over an empty directory, is not needless: it says that the name was replaced, and the kernel must set it.
    """
    marks = _opaque(evidence)
    for path in sorted({marker.path for marker in marks}):
        if path not in evidence.below:
            forms = sorted({marker.encoding for marker in marks if marker.path == path})
            yield _hit(path, NeedlessOpaque(encodings=tuple(forms)))


_CHANGING = ("redirect", "metacopy")


def unportable_xattr(evidence: UpperEvidence) -> Iterator[Hit[UnportableXattr]]:
    """WL107: moby/moby#34342, moby/moby#47962: only the kernel's overlay with the same options follows them."""
    for entry in evidence.upper or ():
        for prefix in OVERLAY_PREFIXES:
            for word in _CHANGING:
                name = prefix + word.encode()
                if name in entry.xattrs:
                    to = shown(entry.xattrs[name]) if word == "redirect" else None
                    yield _hit(entry.path, UnportableXattr(xattrs=(name.decode(),), to=to))


def unreadable_mark(evidence: UpperEvidence) -> Iterator[Hit[UnreadableMark]]:
    """WL108: sylabs/singularity#3177, containers/podman#12347."""
    upper = evidence.upper
    if upper is None or not evidence.markers:
        return
    whole = merge(evidence.layers, upper)
    oracle = evidence.trees.get(ORACLE, EMPTY)  # what users made themselves comes back to nobody
    forms: dict[bytes, set[Encoding]] = {}
    for marker in evidence.markers:
        forms.setdefault(marker.path, set()).add(marker.encoding)
    for reader in evidence.readers:
        missed = {m.path: m for m in evidence.written if m.says is not Says.HOLDS}
        read = {m.path for m in evidence.markers if m.encoding in reader.honours}
        unread = {path: m for path, m in missed.items() if path not in read}
        if not unread:
            continue
        seen = merge(evidence.layers, upper, reader)
        extra = Snapshot.of(e for e in seen if e.path not in whole and e.path not in oracle)
        for path, marker in sorted(unread.items()):
            back = _comes_back(path, marker, extra)
            if back:
                facts = UnreadableMark(
                    reader=reader.name, says=marker.says, encodings=tuple(sorted(forms[path])),
                    shows=tuple(shown(name) for name in back[:3]), count=len(back),
                )  # fmt: skip
                yield _hit(path, facts)


def _comes_back(path: bytes, marker: Marker, extra: Snapshot) -> list[bytes]:
    """The names that a reader shows again since it does not honour a mark; the marker's own entry is not one of them."""
    itself = [path] if path in extra else []
    return [
        name
        for name in (*itself, *(entry.path for entry in extra.below(path)))
        if name != marker.at and not _is_marker_name(name.rpartition(b"/")[2])
    ]


UNPORTABLE = (
    "leaves a private xattr on {} that changes what other readers see",
    "leave a private xattr on {} that changes what other readers see",
)
_LOOKED = frozenset({VIEW, UPPER})
_COMPARED = _LOOKED | {Need.BELOW}

RULES: tuple[Rule[UpperEvidence, Any], ...] = (
    Rule(
        "WL101", _LOOKED, marker_of_a_marker, words.marker_of_a_marker,
        ("leaves {encodings} {}, a whiteout of a marker's own name", "leave {encodings} {}, a whiteout of a marker's own name"),
    ),
    Rule(
        "WL102", _LOOKED, whiteout_in_opaque, words.whiteout_in_opaque,
        ("leaves {} in a directory that is opaque already", "leave {} in a directory that is opaque already"),
    ),
    Rule(
        "WL103", _COMPARED, needless_whiteout, words.needless_whiteout,
        ("leaves a whiteout {} that hides nothing", "leave a whiteout {} that hides nothing"),
    ),
    Rule(
        "WL104", _LOOKED, name_and_whiteout, words.name_and_whiteout,
        ("leaves a name beside its own whiteout {}", "leave a name beside its own whiteout {}"),
    ),
    Rule(
        "WL105", _LOOKED | {Need.TRUSTED}, mixed_encodings, words.mixed_encodings,
        ("mixes encodings in one upper that no single reader honours together",
         "mix encodings in one upper that no single reader honours together"),
    ),
    Rule(
        "WL106", _COMPARED, needless_opaque, words.needless_opaque,
        ("marks {} opaque, where nothing lies below to be hidden", "mark {} opaque, where nothing lies below to be hidden"),
    ),
    Rule(
        "WL107", _LOOKED, unportable_xattr, words.unportable_xattr,
        UNPORTABLE,
    ),
    Rule(
        "WL108", _COMPARED | {Need.TRUSTED}, unreadable_mark, words.unreadable_mark,
        ("writes a mark on {} that another reader does not honour", "write a mark on {} that another reader does not honour"),
    ),
)  # fmt: skip
