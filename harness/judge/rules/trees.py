"""A whole tree beside the one that is meant, of whom nobody says which steps made it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.judge.facts.base import Difference
from harness.judge.facts.layer import Taking
from harness.judge.rules.view import difference, topmost
from harness.snapshot.model import Entry, Snapshot


def otherwise(
    tree: Snapshot, meant: Snapshot, compared: Callable[[Entry, Entry], Entry] = lambda _, seen: seen
) -> Iterator[tuple[bytes, Taking, tuple[Difference, ...]]]:
    """Where a tree is another one: the topmost paths that are extra, those that are absent, then what differs at others.

    *compared*: of a wanted and a seen entry the seen one, without what is no evidence. Of the root nothing is compared: the container's
    own is laid over that of an image, which several importers make anew, and sqfs2tar and differs leave it away.
    """
    extra = topmost(path for path in tree.entries if path not in meant)
    absent = topmost(path for path in meant.entries if path not in tree)
    for paths, taken in ((extra, Taking.EXTRA), (absent, Taking.ABSENT)):
        for path in paths:
            yield path, taken, ()
    for entry in meant:
        other = tree.get(entry.path)
        if entry.path and other is not None:
            differences = difference(entry, compared(entry, other))
            if differences:
                yield entry.path, Taking.DIFFERS, differences
