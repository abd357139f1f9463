"""What a scenario says to be known."""

from __future__ import annotations

import msgspec

from harness.places import Station


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A finding that is known: for which tools, why, and where one can read about it.

    ``tools``: ``fuse-overlayfs``, ``fuse-overlayfs<2``, ``fuse-overlayfs>=1.8,<2``, ``fuse-overlayfs==1.4``; empty: every tool.
    In a file ``code`` may be a list: an entry for each.
    ``profiles``: empty: both. ``path`` and ``words``: shell patterns over the escaped path and over the sentence; empty: any.
    ``stations``: where it first appears; empty: anywhere.
    ``optional``: no finding when it does not appear. Otherwise a known finding must be there, or it seems fixed.
    ``sometimes``: the same cell has it in one run and not in the next; so it need not appear, and ``repeat`` tells how often it does.
    """

    code: str
    reason: str
    link: str = ""
    tools: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    path: str = ""
    words: str = ""
    stations: tuple[Station, ...] = ()
    optional: bool = False
    sometimes: bool = False
