"""A tree or a layer that no cell made, judged by itself and with what lies below it. Pure.

What a rule could only say from what was not seen, or not given, it does not say: it is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.judge.findings import Finding
from harness.judge.rules.every import codes_that_need
from harness.judge.rules.evidence import TreeEvidence, UpperEvidence, shown
from harness.judge.rules.layer import layer_findings, when_converted
from harness.judge.rules.rule import Need, Rule
from harness.judge.rules.upper import RULES, unreadable_mark
from harness.places import SEALED
from harness.snapshot.image import Layer
from harness.snapshot.model import EMPTY, Kind, Snapshot
from harness.whiteouts.encodings import Encoding
from harness.whiteouts.markers import find_markers
from harness.whiteouts.readers import IMPORTER
from harness.whiteouts.union import merge

_NEED_LAYERS = codes_that_need(Need.BELOW)
_NEED_TRUSTED = codes_that_need(Need.TRUSTED)
_USERS = {Encoding.OPAQUE_USER, Encoding.OPAQUE_FUSE, Encoding.XATTR_USER}  # what no root needs to write
NO_LAYERS = "they compare with the layers below: name them with --lower"
UNREAD_BELOW = "what lies below could not be read, or not all of it"
NO_TRUSTED = "marks in trusted.* could not be seen, and may say otherwise (WL108 is told of marks in user.* alone)"


@dataclass(frozen=True)
class Judged:
    """A layer with what was found in it. ``unjudged``: codes that were not judged, with the reason."""

    layer: Layer
    findings: tuple[Finding, ...] = ()
    unjudged: tuple[tuple[str, str], ...] = ()


@dataclass
class Below:
    """The layers below one: merged when somebody asks, and then once for all that come."""

    whole: bool = True  # whether all of it could be read
    trusted: bool = True  # whether trusted.* could be seen everywhere
    _merged: Snapshot = EMPTY
    _waiting: list[Snapshot] = field(default_factory=list)
    _count: int = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, layer: Layer) -> None:
        """Lay one more on top."""
        self._count += 1
        self._waiting.append(layer.snapshot)
        self.whole = self.whole and not layer.unread and not any(e.kind is Kind.UNKNOWN for e in layer.snapshot)
        self.trusted = self.trusted and "trusted" not in layer.snapshot.unseen

    @property
    def tree(self) -> Snapshot:
        """What they are together."""
        if self._waiting:
            self._merged = merge([self._merged, *self._waiting])
            self._waiting.clear()
        return self._merged


def judge_layer(layer: Layer, below: Below) -> Judged:
    """The findings of a layer: WL1 of its tree, and WL3 of a tar or a squashfs. One that could not be read has none."""
    if layer.unread:
        return Judged(layer)
    marked = find_markers(layer.snapshot)
    blind = not below.trusted or "trusted" in layer.snapshot.unseen
    unjudged = dict.fromkeys(_NEED_TRUSTED, NO_TRUSTED) if blind else {}
    if marked and not (below and below.whole):
        unjudged |= dict.fromkeys(_NEED_LAYERS, UNREAD_BELOW if below else NO_LAYERS)
    layers = [below.tree] if marked and below and below.whole else []
    found = _judge_tar(layer, layers) if layer.form == "tar" else judge_tree(layer.snapshot, layers)
    if blind:
        # a mark in user.* was written without privilege: for those who read it so, trusted.* says nothing
        sure = {shown(marker.path) for marker in marked if marker.encoding in _USERS}
        found = [f for f in found if f.code not in _NEED_TRUSTED or (f.code == "WL108" and f.path in sure)]
    if layer.form == "squashfs":
        found += [*layer_findings(layer.raw, form="squashfs", place=SEALED), *when_converted(layer.raw)]
    return Judged(layer, tuple(sorted(found, key=lambda f: (f.code, f.path))), tuple(sorted(unjudged.items())))


def judge_tree(upper: Snapshot, layers: list[Snapshot]) -> list[Finding]:
    """The WL1 findings of a tree. Without lower layers, the rules that compare with them are left out."""
    return _findings(RULES, TreeEvidence(upper, layers))


def _judge_tar(layer: Layer, layers: list[Snapshot]) -> list[Finding]:
    """An OCI layer is for importers: a mark that they do not honour marks nothing. What breaks the specification is told once, as that."""
    of_layer = layer_findings(layer.raw, form="tar")
    broken_paths = {one.path for one in of_layer if one.code == "WL306"}
    honoured = TreeEvidence(layer.snapshot, layers, honoured=IMPORTER.honours)
    found = _findings([rule for rule in RULES if rule.check is not unreadable_mark], honoured)
    found += _findings(
        [rule for rule in RULES if rule.check is unreadable_mark],
        TreeEvidence(layer.snapshot, layers, readers=(IMPORTER,)),
    )
    return [*(one for one in found if one.path not in broken_paths), *of_layer]


def _findings(rules: Iterable[Rule[UpperEvidence, Any]], evidence: TreeEvidence) -> list[Finding]:
    found = (finding for rule in rules for finding in rule(evidence))
    return [one for one in found if evidence.layers or one.code not in _NEED_LAYERS]
