"""craft-parts as what moves uppers on: ``migrate_files`` with ``oci_translation``, as rockcraft and its like make layers of overlays.

It is a Python package and has no command for this: the program is the interpreter that has it. The layer is what tar makes of the folder
that it filled, without xattrs: rockcraft packs by Python's tarfile, which knows none. It carries a work-around for the file that
fuse-overlayfs leaves (sylabs/singularity#3176).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Packer, ReadingText
from harness.machine.quote import quote
from harness.profile import Profile

CRAFT_PARTS = "craft-parts"

# In one line: the body of a shell function is indented.
_MIGRATE = "; ".join(
    (
        "import pathlib",
        "from craft_parts.executor.migration import migrate_files",
        "upper = pathlib.Path('upper')",
        "every = {one.relative_to(upper) for one in upper.rglob('*')}",
        "dirs = {one for one in every if (upper / one).is_dir() and not (upper / one).is_symlink()}",
        "migrate_files(files=every - dirs, dirs=dirs, srcdir=upper, destdir=pathlib.Path('stage'), oci_translation=True)",
    )
)


@dataclass(frozen=True, kw_only=True)
class Migrate(Packer):
    """One call for each upper."""

    def script(self, profile: Profile) -> ReadingText:  # noqa: ARG002 - root alone
        """The call, and the tar of what it filled."""
        call = f'mkdir stage && "$program" -c {quote(_MIGRATE)} || return'
        return ReadingText(reading=f"{call}\ntar -C stage -cf layer.tar . || exit 3\npacked layer.tar")


# An ordinary user need not be able to read the interpreter's folder, which is somebody's.
SETUPS = (Migrate(program=CRAFT_PARTS, called=CRAFT_PARTS, profiles=(Profile.ROOT,)),)
