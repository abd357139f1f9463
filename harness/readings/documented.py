"""What a reader would show by the documented rules (``harness.whiteouts.readers``): what it shows is held against that. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.profile import Profile
from harness.readings.taker import Role, Taker
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.encodings import OVERLAY_PREFIXES
from harness.whiteouts.readers import (
    FUSE_ROOT,
    FUSE_ROOT_OLD,
    FUSE_USER,
    FUSE_USER_OLD,
    KERNEL_NOUSERXATTR,
    KERNEL_ROOT,
    KERNEL_USERXATTR,
    Reader,
)
from harness.whiteouts.union import merge
from harness.worlds.ranges import in_ranges

_RULES: dict[tuple[str, str, Profile], Reader] = {
    ("kernel", "", Profile.ROOT): KERNEL_ROOT,
    ("kernel", "", Profile.USER): KERNEL_USERXATTR,
    ("kernel", "nouserxattr", Profile.USER): KERNEL_NOUSERXATTR,
    ("fuse-overlayfs", "", Profile.ROOT): FUSE_ROOT,
    ("fuse-overlayfs", "", Profile.USER): FUSE_USER,
    ("fuse-overlayfs", "stack", Profile.ROOT): FUSE_ROOT,
    ("fuse-overlayfs", "stack", Profile.USER): FUSE_USER,
}
_OLD = {FUSE_ROOT.name: FUSE_ROOT_OLD, FUSE_USER.name: FUSE_USER_OLD}
# Where a name's content or place is in a layer below: no rule of markers says what then shows.
# And what is a mark of an overlay in the overlay, which that one shows unescaped (kernel 6.7).
_ELSEWHERE = tuple(prefix + name for prefix in OVERLAY_PREFIXES for name in (b"metacopy", b"redirect", b"overlay."))


def rule_of(taker: Taker) -> Reader | None:
    """The documented rule of who mounts layers; None for others."""
    setup = taker.setup
    rule = _RULES.get((setup.program, setup.setup, taker.profile))
    old = setup.program == "fuse-overlayfs" and in_ranges(("<1.8",), taker.tool.version)
    return _OLD.get(rule.name, rule) if rule is not None and old else rule


def documented(taker: Taker, layers: Sequence[Snapshot]) -> Snapshot | None:
    """The tree that the rules say. None where they say nothing: of who mounts nothing, and of content that lies elsewhere."""
    rule = rule_of(taker)
    if rule is None or any(name.startswith(_ELSEWHERE) for tree in layers for entry in tree for name in entry.xattrs):
        return None
    if taker.role is Role.UPPER:
        return merge(layers[:-1], layers[-1], rule)
    return merge(layers, EMPTY, rule)
