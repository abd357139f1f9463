"""What a recording of before says of its tool, where it was not recorded: by the tool's name of then. Pure."""

from __future__ import annotations

from typing import Literal

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
