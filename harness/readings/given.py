"""What readings are given: layers, as their archives, and the tree that they mean. Equal ones are read once."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from functools import cached_property

from harness.snapshot.model import Snapshot
from harness.snapshot.tar import entries_of_tar, join_links


@dataclass(frozen=True)
class Given:
    """Layers in question. ``layers``: a tar of each, the lowest first, as it is; the last one is what somebody wrote.

    ``meant``: the tree that all of them together must show. ``name``: of the scenario, or of what else it comes from. ``writers``: the
    ids of the cells that wrote it.
    """

    name: str
    layers: tuple[bytes, ...]
    meant: Snapshot
    writers: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def trees(self) -> tuple[Snapshot, ...]:
        """The layers as trees. Raises BrokenMachinery for what is no archive."""
        return tuple(Snapshot.of(join_links(list(entries_of_tar(io.BytesIO(one), self.name)))) for one in self.layers)

    @cached_property
    def key(self) -> str:
        """Twelve hexadecimal digits: of the layers' bytes, in their order."""
        whole = hashlib.sha256()
        for layer in self.layers:
            whole.update(hashlib.sha256(layer).digest())
        return whole.hexdigest()[:12]
