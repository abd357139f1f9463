"""SingularityCE and apptainer as importers: ``build --sandbox`` of an OCI archive, whose folder is what a SIF would hold.

Both unpack by umoci's code, linked in: as root with owners, as a user without. They add what a container of theirs needs
(``.singularity.d``, mount points …): that is named, and left out of the tree where the image has no such name.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Importer, ReadingText
from harness.drivers.native import APPTAINER, CALLED, COMMANDS, SINGULARITY
from harness.profile import Profile

# Seen by building an image that has none of these.
_ADDED = (
    b".exec", b".run", b".shell", b".singularity.d/", b".test", b"dev", b"environment", b"etc", b"etc/hosts", b"etc/resolv.conf", b"home",
    b"proc", b"root", b"singularity", b"sys", b"tmp", b"var", b"var/tmp",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sandbox(Importer):
    """One command; ``$TMPDIR`` is where it unpacks."""

    def script(self, profile: Profile) -> ReadingText:
        """``build --sandbox``."""
        del profile  # it does what the user may
        return ReadingText(
            begin="""\
mkdir -p "$HOME" "$cell/build.tmp"
export TMPDIR="$cell/build.tmp\"""",
            reading=f"{COMMANDS[self.program]} -q build --disable-cache --sandbox tree oci-archive:image.tar || return 1\nshow tree",
        )


SETUPS = tuple(
    Sandbox(program=program, setup="build", called=CALLED[program], how="build", needs=("container",), adds=_ADDED)
    for program in (SINGULARITY, APPTAINER)
)
