"""The namespaces in which a cell runs, as an argument vector. Pure.

``unshare --mount --pid --fork --kill-child --propagation private``, and a user namespace for the profile ``user``. A world that is a
folder is entered by ``pivot_root``: in a chroot the kernel refuses ``unshare --user``. The cell's folder stands at ``/mnt`` in every
world, so that one script fits all, and so that a path which an ordinary user may not walk is not walked.

The first process is this module's ``INIT``. It holds the *lifeline*: standard input is a pipe from the program, and at its end of file, which
also SIGKILL of the program causes, it leaves; the kernel then ends every process of the PID namespace and drops every mount.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.layers import Profile

CELL = "/mnt"

# $1: root of the world   $2: folder of the cell   $3: program to place at /mnt/tool or ""
# $4: how to go down: "" or the uid that an unprivileged user is to have   $5: 1 when the cell needs loop devices
INIT = r"""
set -eu
root=$1 cell=$2 tool=$3 uid=$4 loop=$5
exec 3<&0 </dev/null
if [ "$root" = / ]; then
  root=
  if [ -n "$uid" ] && [ -e /dev/fuse ]; then  # /dev/fuse is 0600 on some machines: a node of the cell's own
    mount -t tmpfs tmpfs /mnt
    mknod -m 666 /mnt/fuse c 10 229
    mount --bind /mnt/fuse /dev/fuse
    umount -l /mnt
  fi
else
  mount -o bind,ro "$root" "$root" 2>/dev/null || mount --bind "$root" "$root"
  if [ "$LAB_REAL_ROOT" = 1 ]; then  # device nodes of the cell's own; a user namespace may not make them
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    devices='/dev/null /dev/zero /dev/urandom'
    [ "$loop" = 0 ] || devices="$devices /dev/loop*"
    if [ -z "$uid" ]; then
      cp -a $devices /dev/fuse "$root/dev" 2>/dev/null || cp -a $devices "$root/dev"
    else  # /dev/fuse is 0600 on some machines
      cp -a $devices "$root/dev"
      [ ! -e /dev/fuse ] || mknod -m 666 "$root/dev/fuse" c 10 229
    fi
  else
    mount --rbind /dev "$root/dev"
  fi
  mount -t proc proc "$root/proc"
fi
mount --bind "$cell" "$root/mnt"
[ -z "$tool" ] || mount --bind "$tool" "$root/mnt/tool"
if [ -n "$root" ]; then
  cd "$root"
  pivot_root . .
  umount -l .
fi
cd /mnt
trap 'exit 143' TERM
{ read -r _ <&3 || :; kill -TERM 1; } &
exec 3<&-
if [ -n "$uid" ]; then
  setpriv --reuid "$uid" --regid "$uid" --clear-groups unshare --user --map-root-user --mount --propagation private sh script.sh &
else
  sh script.sh &
fi
wait $!
"""


@dataclass(frozen=True)
class Enclosure:
    """Everything that decides the namespaces of a cell. ``uid``: of the unprivileged user when the program itself is root."""

    root: Path
    profile: Profile
    as_root: bool  # whether this program runs as root
    uid: int
    tool: Path | None = None  # a program from outside the world
    loop: bool = False  # whether the cell's own /dev gets the loop devices

    def argv(self, cell: Path) -> list[str]:
        """The command that runs ``script.sh`` in *cell*."""
        user = [] if self.as_root else ["--user", "--map-root-user"]
        down = str(self.uid) if self.as_root and self.profile is Profile.USER else ""
        return [
            "unshare", *user, "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
            "sh", "-c", INIT, "whiteout-lab-cell", str(self.root), str(cell), str(self.tool or ""), down,
            str(int(self.loop)),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """The whole environment of the cell: nothing of the caller's leaks in."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "HOME": "/",
            "LAB_REAL_ROOT": "1" if self.as_root else "0",
        }
