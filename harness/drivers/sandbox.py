"""SingularityCE and apptainer as importers: ``build --sandbox`` of an OCI archive, whose folder is what a SIF would hold; ``pull --oci``.

Both build by umoci's code, linked in: as root with owners, as a user without. They add what a container of theirs needs
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
_BEGIN = """\
mkdir -p "$HOME" "$cell/build.tmp"
export TMPDIR="$cell/build.tmp\""""


@dataclass(frozen=True, kw_only=True)
class Sandbox(Importer):
    """One command; ``$TMPDIR`` is where it unpacks."""

    def script(self, profile: Profile) -> ReadingText:
        """``build --sandbox``."""
        del profile  # it does what the user may
        return ReadingText(
            begin=_BEGIN,
            reading=f"{COMMANDS[self.program]} -q build --disable-cache --sandbox tree oci-archive:image.tar || return 1\nshow tree",
        )


@dataclass(frozen=True, kw_only=True)
class Pull(Importer):
    """An OCI-SIF, into whose one layer all are squashed by code of SingularityCE's own, and packed by tar2sqfs. It adds nothing to it."""

    def script(self, profile: Profile) -> ReadingText:
        """``pull --oci``; the layer, which stands first in the SIF, is mounted by squashfuse: a user could not unpack all of it."""
        del profile
        return ReadingText(
            begin=_BEGIN,
            reading=f"""\
{COMMANDS[self.program]} -q pull --disable-cache --oci image.sif oci-archive:image.tar >words 2>&1 || {{
  grep -av -e '^Packing ' -e '^Hard link ' words  # behind its reason stand all names that tar2sqfs had come to
  return 1
}}
mkdir tree
{COMMANDS[self.program]} sif dump 1 image.sif >layer.sqfs && squashfuse layer.sqfs tree || die "the layer cannot be mounted"
show tree
fusermount3 -u tree""",
        )


SETUPS: tuple[Importer, ...] = (
    *(
        Sandbox(program=program, setup="build", called=CALLED[program], how="build", needs=("container",), adds=_ADDED)
        for program in (SINGULARITY, APPTAINER)
    ),
    Pull(
        program=SINGULARITY,
        setup="pull",
        called=CALLED[SINGULARITY],
        how="pull to an OCI-SIF",
        needs=("container", "fuse"),
        parts=("tar2sqfs", "squashfuse"),
    ),
)
