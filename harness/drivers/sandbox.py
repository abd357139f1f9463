"""SingularityCE and apptainer as importers: ``build`` of a sandbox from an OCI archive."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile
from harness.drivers.native import CALLED, COMMANDS, SINGULARITY, APPTAINER


@dataclass(frozen=True, kw_only=True)
class Sandbox(Importer):
    flags: str = ""
    def script(self, profile: Profile) -> ReadingText:
        return ReadingText(begin='mkdir -p "$HOME" "$cell/tmp"\nexport TMPDIR="$cell/tmp" SINGULARITY_TMPDIR="$cell/tmp" APPTAINER_TMPDIR="$cell/tmp"', reading=f"""\
{COMMANDS[self.program]} -q build --disable-cache{self.flags} --sandbox tree oci-archive:image.tar || return
show tree""")


SETUPS = (
    Sandbox(program=SINGULARITY, setup="build", called=CALLED[SINGULARITY], how="build", needs=("container",)),
    Sandbox(program=APPTAINER, setup="build", called=CALLED[APPTAINER], how="build", needs=("container",)),
)
