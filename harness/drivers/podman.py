"""podman as an importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile

PODMAN, FUSE = "podman", "fuse-overlayfs"


@dataclass(frozen=True, kw_only=True)
class Podman(Importer):
    storage: Literal["overlay", "vfs"] = "overlay"
    mount_program: str = ""

    def script(self, profile: Profile) -> ReadingText:
        option = f" --storage-opt overlay.mount_program=/usr/bin/{self.mount_program}" if self.mount_program else ""
        rootless = profile is Profile.USER
        begin = f"""\
mkdir -p "$cell/tmp" "$HOME"
export TMPDIR="$cell/tmp"
podman="podman --root $cell/podman --runroot ${{XDG_RUNTIME_DIR:-/run}}/podman --storage-driver {self.storage}{option} \\
  --cgroup-manager cgroupfs --events-backend file --log-level error"
{'within="$podman unshare"' if rootless else 'within='}"""
        return ReadingText(
            begin=begin,
            reading="""\
id=$($podman pull -q oci:image) || return
at=$($within podman-mount) || return
""" if False else """\
id=$($podman pull -q oci:image) || return
at=$($within $podman image mount "$id") || return
show "$at"
$within $podman image unmount "$id" >/dev/null
$podman rmi --force "$id" >/dev/null""",
        )


SETUPS = (
    Podman(program=PODMAN, setup="overlay", called=PODMAN, how="with the kernel's overlay", needs=("container",), parts=()),
    Podman(program=PODMAN, setup="fuse", called=PODMAN, how="with fuse-overlayfs", needs=("container", "fuse"), mount_program=FUSE),
    Podman(program=PODMAN, setup="vfs", called=PODMAN, how="with vfs", needs=("container",), storage="vfs"),
)
