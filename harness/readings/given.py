"""What readings are given: layers, as their archives, and the tree that they mean. Equal ones are read once."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.tar import entries_of_tar, join_links

PACKED, SEALED = "pack", "seal"  # by what a layer was made that is no cell's

Refusal = Literal["wrong", "allowed", "demanded"]


@dataclass(frozen=True)
class Given:
    """Layers in question. ``layers``: a tar of each, the lowest first, as it is; the last one is what somebody wrote.

    ``meant``: the tree that all of them together must show. ``name``: of the scenario, or of what else it comes from. ``writers``: the
    ids of the cells that wrote it.

    Of layers that no cell wrote, the specification may leave open what they mean. ``also``: further trees that are right;
    ``refusal``: whether it is right to refuse them (``meant`` says nothing where that is demanded); ``unsaid``: directories in these trees
    that no member of a layer made, of which nothing says mode, owner and xattrs.
    """

    name: str
    layers: tuple[bytes, ...]
    meant: Snapshot
    writers: tuple[str, ...] = field(default=(), compare=False)
    also: tuple[Snapshot, ...] = ()
    refusal: Refusal = "wrong"
    unsaid: frozenset[bytes] = frozenset()
    made: str = (
        ""  # by what, where it is no cell's: what is sealed may be to the letter what was written, and is told apart
    )

    @property
    def allowed(self) -> tuple[Snapshot, ...]:
        """Every tree that is right."""
        return () if self.refusal == "demanded" else (self.meant, *self.also)

    @property
    def verdict(self) -> Literal["tree", "refuse", "open"]:
        """What is right: one tree; to refuse the layers; or one of several."""
        if self.refusal == "demanded":
            return "refuse"
        return "open" if self.also or self.refusal == "allowed" else "tree"

    @cached_property
    def trees(self) -> tuple[Snapshot, ...]:
        """The layers as trees. Raises BrokenMachinery for what is no archive."""
        return tuple(Snapshot.of(join_links(list(entries_of_tar(io.BytesIO(one), self.name)))) for one in self.layers)

    @cached_property
    def members(self) -> tuple[Entry, ...]:
        """Every member of the last layer, in its order, doubles too. Raises BrokenMachinery for what is no archive."""
        return tuple(entries_of_tar(io.BytesIO(self.layers[-1]), self.name))

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits: of the layers' bytes, in their order, and of what made them."""
        whole = hashlib.sha256(self.made.encode())
        for layer in self.layers:
            whole.update(hashlib.sha256(layer).digest())
        return whole.hexdigest()[:12]
