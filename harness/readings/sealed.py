"""Uppers sealed, as what readings are given: whoever a layer is sealed for must read it as the upper is meant. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterator

from harness.errors import UsageError
from harness.layers.sealing import seal
from harness.layers.targets import TARGETS
from harness.layers.writing import items, write_tar
from harness.readings.given import SEALED, Given
from harness.snapshot.contents import Content
from harness.snapshot.model import Snapshot
from harness.whiteouts.union import merge

ALONE = "alone"  # sealed without knowing what lies below


def sealed(given: Given) -> Iterator[tuple[str, Given]]:
    """For each target, by its name, what an upper is sealed as; for importers also without its lowers. What cannot be said is left out."""
    *lowers, upper = given.trees
    below = merge(lowers)
    for name in TARGETS:
        yield from _one(given, upper, below, name, name)
    yield from _one(given, upper, None, "oci", f"oci, {ALONE}")


def _one(given: Given, upper: Snapshot, below: Snapshot | None, target: str, name: str) -> Iterator[tuple[str, Given]]:
    try:
        made = seal(upper, below, TARGETS[target])
    except UsageError:  # in words that its own tests hold
        return
    out = io.BytesIO()
    write_tar(
        items(made, lambda: (Content(one.path, 0, iter([one.text or b""])) for one in upper), repeats=False), out.write
    )
    yield name, Given(given.name, (*given.layers[:-1], out.getvalue()), given.meant, given.writers, made=SEALED)
