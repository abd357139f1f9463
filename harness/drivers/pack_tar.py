"""What makes a tar of an upper: GNU tar, bsdtar, and sqfs2tar behind mksquashfs, which is how SingularityCE pushes a layer."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Packer, ReadingText
from harness.profile import Profile

ALL_XATTRS = "--format=posix --numeric-owner --xattrs --xattrs-include='*'"


@dataclass(frozen=True, kw_only=True)
class MakeTar(Packer):
    """``command``: the lines that make ``layer.tar`` of the folder ``upper``."""

    command: str

    def script(self, profile: Profile) -> ReadingText:  # noqa: ARG002 - both type the same
        """One command for each upper."""
        return ReadingText(reading=f"{self.command} || return\npacked layer.tar")


SETUPS = (
    MakeTar(program="tar", called="GNU tar", command='"$program" -C upper -cf layer.tar .'),
    MakeTar(
        program="tar",
        setup="xattrs",
        called="GNU tar",
        how="with all xattrs",
        command=f'"$program" -C upper {ALL_XATTRS} -cf layer.tar .',
    ),
    MakeTar(program="bsdtar", called="bsdtar", command='"$program" -C upper -cf layer.tar .'),
    MakeTar(
        program="sqfs2tar",
        called="sqfs2tar",
        parts=("mksquashfs",),
        command="mksquashfs upper layer.sqfs -noappend -comp gzip -no-progress >/dev/null || exit 3\n"
        '"$program" layer.sqfs >layer.tar',
    ),
)
