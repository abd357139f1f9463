"""What a rule gets to see: one cell's layers, trees and steps. Computed once for all rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from harness.evidence.recording import Recording
from harness.names import escape
from harness.places import UPPER, Place, PlaceKind, PlaceName, at_each
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.snapshot.lab import named_in_lab
from harness.snapshot.model import EMPTY, Entry, Snapshot
from harness.whiteouts.encodings import Encoding, Says
from harness.whiteouts.markers import Marker, find_markers
from harness.whiteouts.readers import READERS, Reader
from harness.whiteouts.union import merge


class UpperEvidence:
    """What the WL1 rules look at: an upper, what lies below it, and what was in it before; with what follows from them."""

    trees: Mapping[PlaceName, Snapshot]
    profile: Profile  # with whose privilege the upper was written
    layers: list[Snapshot]  # the lower layers, the lowest first
    prepared: Snapshot  # the upper before the first step: what the tool did not write

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Who may be given the upper, without changing the privilege."""
        return READERS[self.profile]

    @property
    def upper(self) -> Snapshot | None:
        return self.trees.get(UPPER)

    def at_each(self, *kinds: PlaceKind) -> list[tuple[Place, Snapshot]]:
        """The trees at places of some kinds, in the order in which the cell came to them."""
        return [(place, self.trees[place.name]) for place in at_each(self.trees, *kinds)]

    @cached_property
    def below(self) -> Snapshot:
        """The lower layers merged, every marker honoured: what there was to delete."""
        return merge(self.layers) if self.layers else EMPTY

    @cached_property
    def markers(self) -> list[Marker]:
        """The markers that lie in the upper."""
        return find_markers(self.upper) if self.upper is not None else []

    @cached_property
    def opaque(self) -> frozenset[bytes]:
        """The directories that are opaque in the upper, whatever marks them."""
        return frozenset(marker.path for marker in self.markers if marker.says is Says.OPAQUE)

    @cached_property
    def written(self) -> list[Marker]:
        """The markers that came during the run: what the scenario itself put into the upper is not the tool's doing."""
        given = set(find_markers(self.prepared))
        return [marker for marker in self.markers if marker not in given]


class TreeEvidence(UpperEvidence):
    """A tree that no cell made, and the layers that were named with it.

    ``honoured``: the encodings that mark anything in it, None: all of them. ``readers``: who takes it; else, who could have written it.
    """

    def __init__(
        self,
        upper: Snapshot,
        layers: Sequence[Snapshot],
        *,
        honoured: frozenset[Encoding] | None = None,
        readers: tuple[Reader, ...] = (),
    ) -> None:
        self._honoured, self._readers = honoured, readers
        self.trees = {UPPER: upper}
        self.layers = list(layers)
        self.prepared = EMPTY
        names = {name for entry in upper for name in entry.xattrs}
        private = any(name.startswith((b"user.overlay.", b"user.fuseoverlayfs.")) for name in names)
        native = any(name.startswith(b"trusted.overlay.") for name in names)
        self.profile = Profile.USER if private and not native else Profile.ROOT  # as far as its xattrs tell

    @property
    def readers(self) -> tuple[Reader, ...]:
        return self._readers or super().readers

    @cached_property
    def markers(self) -> list[Marker]:
        found = find_markers(self.trees[UPPER])
        return [one for one in found if self._honoured is None or one.encoding in self._honoured]


@dataclass(frozen=True)
class RawLayer:
    """A layer that was made: every entry, doubles too, in the order of its archive; ``form``: ``tar`` or ``squashfs``."""

    entries: Sequence[Entry]
    form: str
    place: PlaceName


class LayerEvidence:
    """What the rules look at that speak of one layer by itself."""

    def __init__(self, made: Sequence[RawLayer]) -> None:
        self.made = made

    @property
    def tars(self) -> Sequence[RawLayer]:
        """The layers in which a name can be a marker: in a squashfs every marker is what it is by itself."""
        return [layer for layer in self.made if layer.form == "tar"]


class Evidence(UpperEvidence, LayerEvidence):
    """One cell's recording and trees."""

    def __init__(
        self,
        recording: Recording,
        trees: Mapping[PlaceName, Snapshot],
        raw: Mapping[PlaceName, Sequence[Entry]] = MappingProxyType({}),
    ) -> None:
        self.recording = recording
        self.raw = raw
        self.made = [
            RawLayer([named_in_lab(entry) for entry in raw[place.name]], place.form, place.name)
            for place in at_each(raw, PlaceKind.LAYER)
        ]
        self.trees = trees
        self.profile = recording.profile
        self.layers = [layer(tree, recording.profile) for tree in recording.scenario.layers]
        self.prepared = layer(recording.scenario.upper, recording.profile)


def shown(path: bytes) -> str:
    """A path for a message and for ``Finding.path``: the root is ``/``."""
    return escape(path) or "/"
