"""crane as an importer."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile

CRANE = "crane"


@dataclass(frozen=True, kw_only=True)
class Crane(Importer):
    def script(self, profile: Profile) -> ReadingText:
        return ReadingText(reading="""\
crane export - flat.tar <image.tar || return
mkdir tree
tar -C tree --xattrs --xattrs-include='*' --numeric-owner -xpf flat.tar || return
show tree""")


SETUPS = (
    Crane(program=CRANE, called=CRANE, needs=("container",)),
)
