"""umoci as an importer."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile
from harness.readings.image import NAME

UMOCI = "umoci"


@dataclass(frozen=True, kw_only=True)
class Umoci(Importer):
    rootless: bool = False

    def script(self, profile: Profile) -> ReadingText:
        how = " --rootless" if profile is Profile.USER else ""
        return ReadingText(reading=f"umoci unpack{how} --image image:{NAME} bundle || return\nshow bundle/rootfs")


SETUPS = (
    Umoci(program=UMOCI, called=UMOCI, needs=("container",)),
)
