"""What ``inspect`` tells of one layer: its marks and what they hide, who would see what, its findings and what leaves them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.judge.defects.likely import Likely, likely
from harness.judge.defects.model import Defect
from harness.judge.inspected import Below, Judged, judge_layer
from harness.layers.hiding import Hides, hidden_by
from harness.layers.seen import DOCUMENTED, Rules, Seen, seen_by_all
from harness.snapshot.image import Layer
from harness.whiteouts.markers import Marker, find_markers


@dataclass(frozen=True)
class Told:
    """Of one layer. ``hides`` and ``seen`` are empty where too little is known of what lies below."""

    judged: Judged
    markers: tuple[Marker, ...] = ()
    hides: Mapping[Marker, Hides] = field(default_factory=lambda: MappingProxyType({}))
    seen: tuple[Seen, ...] = ()
    rules: Rules = DOCUMENTED
    likely: tuple[Likely, ...] = ()

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        return self.judged.layer


def told_of(layer: Layer, below: Below, rules: Rules = DOCUMENTED) -> Told:
    """All but the defects, over what lies *below*."""
    judged = judge_layer(layer, below)
    if layer.unread:
        return Told(judged)
    markers = tuple(find_markers(layer.snapshot))
    if not (markers and below and below.whole):
        return Told(judged, markers)
    hides = hidden_by(markers, layer.snapshot, below.tree)
    seen = seen_by_all(layer.snapshot, below.tree, rules) if _sees_all(layer, below) else ()
    return Told(judged, markers, hides, seen, rules)


def _sees_all(layer: Layer, below: Below) -> bool:
    """Whether no mark can be there that was not seen."""
    return below.trusted and "trusted" not in layer.snapshot.unseen and not layer.missed


def explained(told: Told, defects: Sequence[Defect]) -> Told:
    """The same with the defects that leave what was found."""
    return Told(told.judged, told.markers, told.hides, told.seen, told.rules, likely(told.judged.findings, defects))
