"""Who would see what of an upper: the tree that each reader shows, beside the one that its marks mean. Pure.

What a reader honours is a row, and the rows are known from somewhere: today from documents (``harness.whiteouts.readers``); what was
measured takes their place with the same names.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.snapshot.model import Snapshot
from harness.whiteouts.markers import is_marker_entry
from harness.whiteouts.readers import (
    EVERYONE,
    FUSE_ROOT,
    FUSE_USER,
    IMPORTER,
    KERNEL_NOUSERXATTR,
    KERNEL_ROOT,
    KERNEL_USERXATTR,
    Reader,
)
from harness.whiteouts.union import merge

READERS = (KERNEL_ROOT, KERNEL_USERXATTR, KERNEL_NOUSERXATTR, FUSE_ROOT, FUSE_USER, IMPORTER)


@dataclass(frozen=True)
class Rules:
    """What is known of readers. ``source``: from where, as it stands behind "who would see what"."""

    readers: tuple[Reader, ...]
    source: str


DOCUMENTED = Rules(READERS, "by the documented rules of each reader")


@dataclass(frozen=True)
class Seen:
    """What one reader shows otherwise: names that *come back* from below, *marks* shown as files, and names that are *lost*."""

    reader: Reader
    back: tuple[bytes, ...] = ()
    marks: tuple[bytes, ...] = ()
    lost: tuple[bytes, ...] = ()

    @property
    def same(self) -> bool:
        """Whether it shows the tree that is meant."""
        return not (self.back or self.marks or self.lost)


def seen_by_all(upper: Snapshot, below: Snapshot, rules: Rules = DOCUMENTED) -> tuple[Seen, ...]:
    """For each reader what it shows of an *upper* over what lies *below*, merged."""
    meant = merge([below, upper], reader=EVERYONE)
    return tuple(_seen(reader, upper, below, meant) for reader in rules.readers)


def _seen(reader: Reader, upper: Snapshot, below: Snapshot, meant: Snapshot) -> Seen:
    shown = merge([below], upper, reader)
    more = [path for path in shown.entries if path not in meant]
    own = {path for path in more if (entry := upper.get(path)) is not None and is_marker_entry(entry)}
    back = tuple(path for path in more if path not in own)
    lost = tuple(path for path in meant.entries if path not in shown)
    return Seen(reader, back, tuple(sorted(own)), lost)
