"""docker as an importer: ``docker load`` into a daemon of the run's own, on the containerd of the run's own, as Debian's services do it.

Without containers to run it needs neither a bridge nor ``iptables``. It knows two kinds of stores: graph drivers (``overlay2``,
``vfs``), and from 24 on containerd's snapshotter, in which ``docker load`` is not the same program any more.

``docker export`` shows names that docker puts into each container (``dev``, ``etc/hosts``, ``.dockerenv`` …), so the tree is what a
container would get below them: the folders of the graph driver, mounted here as the driver mounts them; the folder of ``vfs``; a view of
the snapshot.

An ordinary user has it by RootlessKit, see ``containerd``; ``dockerd --rootless`` asks for its variables. With the network of the cell
``docker version`` ends the answering thread (26.1: it asks for a network driver that is not there), so ``docker info`` says when it is up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import IMAGE_TAG, Importer, ReadingText
from harness.drivers.containerd import CONTAINERD, CTR, END, KIT, shown, start, view
from harness.profile import Profile

DOCKER, DAEMON = "docker", "dockerd"

# The image's own layer is the uppermost one; an image of one layer has no other, and the kernel wants two.
_OVERLAY = f"""\
mkdir tree none
folders=$(docker image inspect {IMAGE_TAG} \\
  --format '{{{{.GraphDriver.Data.UpperDir}}}}{{{{with .GraphDriver.Data.LowerDir}}}}:{{{{.}}}}{{{{end}}}}')
$within mount -t overlay overlay -o "ro,%(option)slowerdir=$folders:$PWD/none" "$PWD/tree" ||
  die "the folders of the graph driver cannot be mounted"
%(tree)s
$within umount "$PWD/tree\""""
_VFS = """\
folder=$store/vfs/dir/$($within cat "$store/image/vfs/layerdb/sha256/$(chain | cut -d: -f2)/cache-id")
%(folder)s"""
# 28 says why it does not unpack an image, and ends as if it had: a refusal is that nothing is there.
_UNPACKED = f"""\
ctr snapshots --snapshotter overlayfs info "$(chain)" >/dev/null 2>&1 || {{
  docker rmi --force {IMAGE_TAG} >/dev/null 2>&1
  return 1
}}"""


@dataclass(frozen=True, kw_only=True)
class Docker(Importer):
    """``storage``: what holds images."""

    storage: Literal["overlay2", "vfs", "overlayfs"] = "overlay2"

    def script(self, profile: Profile) -> ReadingText:
        """``docker load``. That the store is the one that was asked for is seen, since an older daemon knows nothing of a feature."""
        user = profile is Profile.USER
        snapshotter = self.storage == "overlayfs"
        chosen = "" if snapshotter else f"--storage-driver {self.storage} "
        rootless = 'env ROOTLESSKIT_STATE_DIR="$XDG_RUNTIME_DIR/kit" dockerd --rootless' if user else "dockerd"
        begin = f"""\
{start(profile, "moby")}
store=$cell/docker
mkdir -p "$store" "$cell/docker.etc" "$cell/docker.tmp" "$HOME"
export DOCKER_HOST=unix://$state/docker.lab DOCKER_TMPDIR=$cell/docker.tmp
echo '{{"features": {{"containerd-snapshotter": {str(snapshotter).lower()}}}}}' >"$cell/docker.json"
$within mount --bind "$cell/docker.etc" /etc/docker  # 20.10 writes a key there
$within {rootless} --config-file "$cell/docker.json" --containerd "$CONTAINERD_ADDRESS" {chosen}\\
  --iptables=false --ip6tables=false --ip-forward=false --bridge=none --data-root "$store" --exec-root "$state/docker" \\
  --pidfile "$state/docker.pid" --host "$DOCKER_HOST" >"$cell/docker.log" 2>&1 </dev/null &
dockerd=$!
until storage=$(docker info --format '{{{{.Driver}}}}' 2>/dev/null) && [ -n "$storage" ]; do
  kill -0 $dockerd 2>/dev/null || die "dockerd: $(tail -n 3 "$cell/docker.log")"
  sleep 0.02
done
[ "$storage" = {self.storage} ] || die "dockerd has its images in $storage\""""
        option = "userxattr," if user else ""
        lines = {
            "overlay2": _OVERLAY % {"option": option, "tree": shown(profile, '"$PWD/tree"')},
            "vfs": _VFS % {"folder": shown(profile, '"$folder"')},
            "overlayfs": f"{_UNPACKED}\n{view(profile, self.storage)}",
        }[self.storage]
        return ReadingText(
            begin=begin,
            reading=f"docker load -q -i image.tar || return 1\n{lines}\ndocker rmi --force {IMAGE_TAG}",
            end=f"kill -KILL $dockerd\n{END}",
        )


def _row(setup: str, how: str, storage: Literal["overlay2", "vfs", "overlayfs"], since: str = "") -> Docker:
    return Docker(
        program=DOCKER,
        setup=setup,
        called=DOCKER,
        how=how,
        needs=("container",),
        parts=(DAEMON, *((CONTAINERD, CTR) if storage == "overlayfs" else ())),
        helpers=(
            CONTAINERD,
            CTR,
            KIT,
        ),  # by which it is started, and which has no part in what its graph drivers make of layers
        storage=storage,
        since=since,
    )


SETUPS = (
    _row("", "", "overlay2"),
    _row("vfs", "with vfs", "vfs"),
    _row("containerd", "with containerd's snapshotter", "overlayfs", since="24"),
)
