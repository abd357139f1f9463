"""What makes a layer of the difference of two trees: containerd's differ, and ``umoci repack``."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import Packer, ReadingText
from harness.drivers.containerd import END, start
from harness.drivers.pack_commit import functions
from harness.profile import Profile


@dataclass(frozen=True, kw_only=True)
class Containerd(Packer):
    """``ctr snapshots diff`` of a snapshot whose upper is filled; one daemon for all readings."""

    profiles: tuple[Profile, ...] = (Profile.ROOT,)
    needs: tuple[str, ...] = ("container",)
    container: bool = True

    def script(self, profile: Profile) -> ReadingText:
        """A chain of snapshots, laid one by one."""
        return ReadingText(
            begin=f"""\
{functions()}
{start(profile, "lab")}
snapshots() {{ ctr --namespace "lab$number" snapshots --snapshotter overlayfs "$@"; }}
# laid FOLDER SNAPSHOT: where a snapshot is written to is said by its mount: a bind of the lowest one, an overlay's upperdir of others.
laid() {{
  mount=$(snapshots mounts /at "$2")
  case $mount in
    *upperdir=*) at=${{mount##*upperdir=}} at=${{at%%,*}} ;;
    *) at=${{mount#mount -t bind }} at=${{at%% *}} ;;
  esac
  lay "$1" "$at"
}}""",
            reading="""\
count=0 below=''
for folder in lower/*; do
  count=$((count + 1))
  snapshots prepare written$count $below >/dev/null || die 'no snapshot can be made'
  laid "lower/$count" written$count
  snapshots commit below$count written$count || die 'no snapshot can be made'
  below=below$count
done
snapshots prepare lab $below >/dev/null || die 'no snapshot can be made'
laid upper lab
snapshots diff lab >layer || return
case $(head -c 11 layer | tr -d '\\0') in application) tail -n +2 layer >bare && mv bare layer ;; esac  # 1.4 says the media type first
packed layer""",
            end=END,
        )


@dataclass(frozen=True, kw_only=True)
class Umoci(Packer):
    """``umoci repack`` compares a tree with what it was when it was unpacked: the kernel's overlay shows it both."""

    profiles: tuple[Profile, ...] = (Profile.ROOT,)
    needs: tuple[str, ...] = ("overlay", "container")
    container: bool = True

    def script(self, profile: Profile) -> ReadingText:  # noqa: ARG002 - root's alone
        """A layer of the lowers, and one of what the upper changes there."""
        return ReadingText(
            begin=functions(),
            reading="""\
lowers='' count=0
for folder in lower/*; do count=$((count + 1)) lowers=lower/$count${lowers:+:}$lowers; done
mkdir empty
{
  umoci init --layout made && umoci new --image made:latest && umoci unpack --image made:latest bundle &&
    mount -t overlay overlay -o "lowerdir=empty:$lowers" bundle/rootfs && umoci repack --refresh-bundle --image made:latest bundle &&
    umount bundle/rootfs && mount -t overlay overlay -o "lowerdir=$lowers,upperdir=upper,workdir=work" bundle/rootfs
} >/dev/null || die 'the trees cannot be shown to umoci'
umoci repack --image made:latest bundle >/dev/null
ended=$?
umount bundle/rootfs
[ $ended = 0 ] || return $ended
top made""",
        )


SETUPS = (
    Containerd(program="ctr", setup="diff", called="containerd", how="differ", parts=("containerd",)),
    Umoci(program="umoci", setup="repack", called="umoci", how="repack"),
)
