"""A folder that holds an overlay's ``upper`` and ``work`` is no upper: what was written lies in its ``upper``. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from harness.snapshot.model import Entry, Kind

UPPER, WORK = b"upper", b"work"
UPPER_OF_OVERLAY = "an overlay: this is its folder upper"
# an image's users see both folders, and the deletions below upper/ delete nothing
SEALED_AS_IT_LIES = (
    "it holds the folders upper and work beside each other: an overlay was made a layer as it lies, and what was written is below /upper "
    "(sylabs/singularity#3175)"
)


def holds_overlay(entries: Iterable[Entry]) -> bool:
    """Whether a tree holds both folders at its top."""
    return {UPPER, WORK} <= {entry.path for entry in entries if entry.kind is Kind.DIR}


def upper_of(entries: Iterable[Entry]) -> list[Entry]:
    """The entries of the folder ``upper``, with their paths in it."""
    prefix = UPPER + b"/"
    return [
        msgspec.structs.replace(
            entry,
            path=entry.path.removeprefix(prefix) if entry.path != UPPER else b"",
            same_as=entry.same_as.removeprefix(prefix) if entry.same_as is not None else None,
        )
        for entry in entries
        if entry.path == UPPER or entry.path.startswith(prefix)
    ]
