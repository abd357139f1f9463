"""What a recording of before does not say, by the names of then: what its tool was, and where an answer belongs. Pure."""

from __future__ import annotations

from typing import Literal

from harness.places import IMPORTED, PUSHED, READONLY, REMOUNT, SEALED, SEALED_VIEW, UPPER, PlaceName
from harness.worlds.renamed import RENAMED

# The programs of that time: where they stood in the order of tools, what they were, and how people say them.
_PROGRAMS: dict[str, tuple[int, Literal["mounts", "containers"], str]] = {
    "kernel": (0, "mounts", "kernel"),
    "fuse-overlayfs": (2, "mounts", "fuse-overlayfs"),
    "apptainer": (4, "containers", "apptainer"),
    "singularity-ce": (10, "containers", "SingularityCE"),
}
_LAST = 1 << 10  # the place of a program that nobody knew
_MAPPED = "apptainer+fakeroot"  # it alone showed its user as root


def said_before(name: str) -> dict[str, object]:
    """The fields of a ``ToolRecord`` that were not recorded, for a tool that was called *name*."""
    now = RENAMED.get(name, name)
    program, _, setup = now.partition("+")
    place, kind, called = _PROGRAMS.get(program, (_LAST, "mounts", program))
    how = setup.replace("+", " ")
    return {
        "program": program,
        "setup": setup,
        "called": called,
        "title": f"{called} {how}".rstrip(),
        "kind": kind,
        "place": place,
        "owners": "mapped" if now == _MAPPED else "visible",
    }


# Who was asked at that time, and where that leads to.
_ASKED = {
    "a second writable run": REMOUNT,
    "a read-only run": READONLY,
    "overlay sync": UPPER,
    "overlay seal": SEALED,
    "overlay seal by mksquashfs": SEALED,
    "a run of the sealed image": SEALED_VIEW,
    "push --layer-format tar": PUSHED,
    "push --layer-format squashfs": PUSHED,
    "podman pull": IMPORTED,
}


def place_before(who: str) -> PlaceName:
    """Where the answer of *who* belongs, of a recording that does not say it."""
    return _ASKED.get(who, IMPORTED)
