"""umoci as an importer: ``umoci unpack`` of the layout into a folder; an ordinary user has ``--rootless``, and owns all that is in it.

No store and no mount: the folder that it unpacked is the tree.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import IMAGE_NAME, Importer, ReadingText
from harness.profile import Profile

UMOCI = "umoci"


@dataclass(frozen=True, kw_only=True)
class Umoci(Importer):
    """One command."""

    def script(self, profile: Profile) -> ReadingText:
        """``umoci unpack``."""
        rootless = " --rootless" if profile is Profile.USER else ""
        return ReadingText(
            reading=f"umoci unpack{rootless} --image image:{IMAGE_NAME} bundle || return 1\nshow bundle/rootfs"
        )


SETUPS = (Umoci(program=UMOCI, called=UMOCI, needs=("container",)),)
