"""The words by which a cell's script and this program understand each other: the one place that names them.

The script (``harness.script``: ``prelude.sh``, ``image.sh``, and what is put together for a cell) writes them into ``out/``,
``harness.evidence`` reads them there, and rules look at them. The ``.sh`` files spell them out; a test holds the two together.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Phase(StrEnum):
    """The phases (``say PHASE``) that mean something here; the others are for people. No phase at all: the script did not start."""

    LAYERS = "layers"  # the trees are laid out
    IMAGE = "image"  # and put into an image
    MOUNT = "mount"  # the tool mounts for the first time
    END = "end"  # the script came to its end


NOT_MOUNTED = frozenset({"", Phase.LAYERS, Phase.IMAGE, Phase.MOUNT})  # phases in which nothing is mounted yet
NOT_BEGUN = frozenset({"", Phase.LAYERS, Phase.IMAGE})  # phases in which no tool under test has begun


# A step of ``TREE.steps``: "step NUMBER", what it printed, "exit CODE".
STEP = re.compile(rb"^step (\d+)\n(.*?)^exit (\d+)\n", re.DOTALL | re.MULTILINE)
# One of ``answers``: "asked PLACE WHO", "exit CODE", and what it printed, two spaces before each line.
ANSWER = re.compile(rb"^asked (\S+) ([^\n]*)\nexit (\d+)\n((?:  [^\n]*\n?)*)", re.MULTILINE)
