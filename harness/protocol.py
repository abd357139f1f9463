"""The words by which a cell's script and this program understand each other: the one place that names them.

The script (``harness.script``: ``prelude.sh``, ``image.sh``, and what is put together for a cell) writes them into ``out/``,
``harness.evidence`` reads them there, and rules look at them. The ``.sh`` files spell them out; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from harness.places import Station


class Phase(StrEnum):
    """The phases (``say PHASE``) that mean something here; the others are for people. No phase at all: the script did not start."""

    LAYERS = "layers"  # the trees are laid out
    IMAGE = "image"  # and put into an image
    MOUNT = "mount"  # the tool mounts for the first time
    END = "end"  # the script came to its end


NOT_MOUNTED = frozenset({"", Phase.LAYERS, Phase.IMAGE, Phase.MOUNT})  # phases in which nothing is mounted yet
NOT_BEGUN = frozenset({"", Phase.LAYERS, Phase.IMAGE})  # phases in which no tool under test has begun


class Asked(StrEnum):
    """What a program on an image's way is asked for (``asked WHO COMMAND...``): its name in a recording and in sentences."""

    AGAIN = "a second writable run"
    READONLY = "a read-only run"
    SYNC = "overlay sync"
    SEAL = "overlay seal"
    MKSQUASHFS = "overlay seal by mksquashfs"
    SEALED_RUN = "a run of the sealed image"
    PUSH_TAR = "push --layer-format tar"
    PUSH_SQUASHFS = "push --layer-format squashfs"
    PULL = "podman pull"


# Where an answer belongs.
STATION_OF: Mapping[str, Station] = {
    Asked.AGAIN: Station.REMOUNT, Asked.READONLY: Station.READONLY, Asked.SYNC: Station.UPPER,
    Asked.SEAL: Station.SEALED, Asked.MKSQUASHFS: Station.SEALED, Asked.SEALED_RUN: Station.SEALED_VIEW,
    Asked.PUSH_TAR: Station.PUSHED, Asked.PUSH_SQUASHFS: Station.PUSHED, Asked.PULL: Station.IMPORTED,
}  # fmt: skip

# A step of ``TREE.steps``: "step NUMBER", what it printed, "exit CODE".
STEP = re.compile(rb"^step (\d+)\n(.*?)^exit (\d+)\n", re.DOTALL | re.MULTILINE)
# One of ``answers``: "asked WHO", "exit CODE", and what it printed, two spaces before each line.
ANSWER = re.compile(rb"^asked ([^\n]*)\nexit (\d+)\n((?:  [^\n]*\n?)*)", re.MULTILINE)
