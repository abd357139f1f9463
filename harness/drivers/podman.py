"""podman as an importer: ``podman pull`` of the layout, ``podman image mount``, with each storage driver that its users have.

*overlay* makes whiteouts for the kernel and mounts by it, or by fuse-overlayfs as its mount program, which then decides what the marks
mean; *vfs* merges folders.

An ordinary user has a store and a user namespace of its own, in which its subordinate ids are mapped by ``newuidmap``, set-uid in the
worlds. What else stood in the way: podman keeps its sockets and its pause process in ``$XDG_RUNTIME_DIR``; mounts are seen in its
namespaces alone, so ``podman unshare`` stands before who looks at them. An archive is unpacked to ``/var/tmp`` by podman 3 and 4 whatever
``TMPDIR`` says, and that cannot be written to here: so the layout's folder is pulled, which the archive is packed from. It is pulled
without its name: podman 5.4 pulls ``oci:image:latest`` as root, and then says that it does not know the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Importer, ReadingText
from harness.drivers.containerd import shown
from harness.profile import Profile

PODMAN, FUSE = "podman", "fuse-overlayfs"


@dataclass(frozen=True, kw_only=True)
class Podman(Importer):
    """``storage``: the driver of its store. ``mounts``: its mount program; the kernel without one."""

    storage: Literal["overlay", "vfs"] = "overlay"
    mounts: str = ""

    def script(self, profile: Profile) -> ReadingText:
        """Its store is the run's own, and no file of a user's or a system's configuration says what is used."""
        program = f" --storage-opt overlay.mount_program=/usr/bin/{self.mounts}" if self.mounts else ""
        user = profile is Profile.USER
        begin = f"""\
mkdir -p "$cell/podman.tmp" "$HOME"
export TMPDIR="$cell/podman.tmp"
podman="podman --root $cell/podman --runroot {"$XDG_RUNTIME_DIR" if user else "/run"}/podman --storage-driver {self.storage}{program} \\
  --cgroup-manager cgroupfs --events-backend file --log-level error"
within={'"$podman unshare"' if user else ""}"""
        reading = f"""\
id=$($podman pull -q oci:image) || return 1
folder=$($within $podman image mount "$id") || die "the image cannot be mounted"
{shown(profile, '"$folder"')}
$podman rmi --force "$id\""""  # that unmounts it as well
        # the process by which a user's podman keeps its namespaces goes with the cell
        return ReadingText(begin=begin, reading=reading)


def _row(setup: str, how: str, storage: Literal["overlay", "vfs"] = "overlay", mounts: str = "") -> Podman:
    return Podman(
        program=PODMAN,
        setup=setup,
        called=PODMAN,
        how=how,
        needs=("container", *(["fuse"] if mounts else [])),
        parts=(mounts,) if mounts else (),
        storage=storage,
        mounts=mounts,
    )


SETUPS = (
    _row("overlay", "with overlay"),
    _row("fuse", "with fuse-overlayfs", mounts=FUSE),
    _row("vfs", "with vfs", "vfs"),
)
