"""Who would see what of an upper: the tree that each reader shows, beside the one that its marks mean. Pure.

By the documented rules of readers (``harness.whiteouts.readers``): a recording that says otherwise is right.
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


def seen_by_all(upper: Snapshot, below: Snapshot) -> tuple[Seen, ...]:
    """For each reader what it shows of an *upper* over what lies *below*, merged."""
    meant = merge([below, upper], reader=EVERYONE)
    return tuple(_seen(reader, upper, below, meant) for reader in READERS)


def _seen(reader: Reader, upper: Snapshot, below: Snapshot, meant: Snapshot) -> Seen:
    shown = merge([below], upper, reader)
    more = [path for path in shown.entries if path not in meant]
    own = {path for path in more if (entry := upper.get(path)) is not None and is_marker_entry(entry)}
    back = tuple(path for path in more if path not in own)
    lost = tuple(path for path in meant.entries if path not in shown)
    return Seen(reader, back, tuple(sorted(own)), lost)
