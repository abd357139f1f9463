"""What a rule gets to see: one cell's layers, trees and steps. Computed once for all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.findings import Finding, Station
from harness.names import escape
from harness.recording import Recording
from harness.scenario.layers import layer
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.markers import Marker, find_markers
from harness.whiteouts.union import merge


@dataclass(frozen=True)
class Evidence:
    """One cell's recording and trees, with what follows from them."""

    recording: Recording
    trees: Mapping[Station, Snapshot]

    @cached_property
    def layers(self) -> list[Snapshot]:
        """The lower layers that the scenario says, the lowest first."""
        return [layer(tree, self.recording.profile) for tree in self.recording.scenario.layers]

    @cached_property
    def below(self) -> Snapshot:
        """The lower layers merged, every marker honoured: what there was to delete."""
        return merge(self.layers) if self.layers else EMPTY

    @cached_property
    def prepared(self) -> Snapshot:
        """The upper as the scenario put it there: what the tool did not write."""
        return layer(self.recording.scenario.upper, self.recording.profile)

    @property
    def upper(self) -> Snapshot | None:
        return self.trees.get(Station.UPPER)

    @cached_property
    def markers(self) -> list[Marker]:
        """The markers that lie in the upper."""
        return find_markers(self.upper) if self.upper is not None else []

    @cached_property
    def written(self) -> list[Marker]:
        """The markers that came during the run: what the scenario itself put into the upper is not the tool's doing."""
        given = set(find_markers(self.prepared))
        return [marker for marker in self.markers if marker not in given]

    @cached_property
    def before(self) -> Snapshot:
        """What users would see of layers and prepared upper before the first step."""
        return merge(self.layers or [EMPTY], self.prepared)


Rule = Callable[[Evidence], Iterator[Finding]]


def shown(path: bytes) -> str:
    """A path for a message and for ``Finding.path``: the root is ``/``."""
    return escape(path) or "/"
