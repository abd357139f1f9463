"""crane as an importer: ``crane export``, which merges the layers to one tar by go-containerregistry's ``mutate.Extract``.

Other programs have their images' files from that function, so what it drops and keeps is what they get. GNU tar lays its tar out, as a
folder to look at; what tar refuses of it is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile

CRANE = "crane"


@dataclass(frozen=True, kw_only=True)
class Crane(Importer):
    """Two commands; nothing of it needs root but what tar may set."""

    def script(self, profile: Profile) -> ReadingText:
        """``crane export`` of what ``docker save`` writes."""
        del profile  # to tar a user is one by itself
        return ReadingText(
            reading="""\
crane export - flat.tar <image.tar || return 1
mkdir tree
tar -C tree --numeric-owner --xattrs --xattrs-include='*' -xpf flat.tar || return 1
show tree"""
        )


SETUPS = (Crane(program=CRANE, called=CRANE, needs=("container",), parts=("tar",)),)
