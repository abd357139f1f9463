"""What makes a squashfs of an upper: mksquashfs, as ``overlay seal`` of SingularityCE calls it, tar2sqfs and gensquashfs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Packer, ReadingText
from harness.drivers.pack_tar import ALL_XATTRS
from harness.profile import Profile

# The options of `overlay seal`: internal/pkg/util/fs/squashfs/mksquashfs_singularity.go and internal/pkg/ocisif/overlay.go of its source.
# From 4.2.0 on it leaves out the device that fuse-overlayfs leaves (sylabs/singularity#3176).
_SEAL_41 = "-noappend -comp gzip"
_SEAL_42 = f"{_SEAL_41} -wildcards -e '... .wh..opq'"
_QUIET = "-no-progress"  # what it draws on a terminal is no word of its own


@dataclass(frozen=True, kw_only=True)
class MakeSquash(Packer):
    """``command``: the lines that make ``layer.sqfs`` of the folder ``upper``."""

    form: Literal["tar", "squashfs"] = "squashfs"
    command: str

    def script(self, profile: Profile) -> ReadingText:  # noqa: ARG002 - both type the same
        """One command for each upper."""
        return ReadingText(reading=f"{self.command} || return\npacked layer.sqfs")


SETUPS = (
    MakeSquash(
        program="mksquashfs",
        called="mksquashfs",
        command=f'"$program" upper layer.sqfs {_SEAL_41} {_QUIET} >/dev/null',
    ),
    MakeSquash(
        program="mksquashfs",
        setup="seal",
        called="mksquashfs",
        how="as SingularityCE seals",
        command=f'"$program" upper layer.sqfs {_QUIET} {_SEAL_42} >/dev/null',
    ),
    MakeSquash(
        program="tar2sqfs",
        called="tar2sqfs",
        helpers=("tar",),
        # as oci-tools calls it, which SingularityCE uses
        command=f"tar -C upper {ALL_XATTRS} -cf upper.tar . || exit 3\n"
        '"$program" --quiet --compressor gzip layer.sqfs <upper.tar',
    ),
    MakeSquash(
        program="gensquashfs",
        called="gensquashfs",
        command='"$program" --quiet --pack-dir upper --keep-xattr --compressor gzip layer.sqfs',
    ),
)
