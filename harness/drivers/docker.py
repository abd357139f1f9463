"""docker as an importer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Importer, ReadingText
from harness.drivers.containerd import END, START
from harness.profile import Profile
from harness.readings.image import TAG

DOCKER, DOCKERD, CONTAINERD = "docker", "dockerd", "containerd"


@dataclass(frozen=True, kw_only=True)
class Docker(Importer):
    storage: Literal["overlay2", "vfs", "containerd"] = "overlay2"

    def script(self, profile: Profile) -> ReadingText:
        own = self.storage == "containerd"
        flags = "" if own else f" --storage-driver {self.storage}"
        begin = f"""\
{START.format(namespace="moby")}
mkdir -p "$cell/docker" "$cell/docker.etc" "$cell/tmp" "$HOME"
mount --bind "$cell/docker.etc" /etc/docker
export TMPDIR="$cell/tmp" DOCKER_HOST=unix:///run/docker.lab
printf '{{"features":{{"containerd-snapshotter":{"true" if own else "false"}}}}}' >"$cell/docker.json"
dockerd --config-file "$cell/docker.json" --containerd $CONTAINERD_ADDRESS --iptables=false --ip6tables=false --ip-forward=false \\
  --bridge=none{flags} --data-root "$cell/docker" --exec-root /run/docker.exec --pidfile /run/docker.pid --host $DOCKER_HOST \\
  >"$cell/docker.log" 2>&1 </dev/null &
daemon=$!
until docker version >/dev/null 2>&1; do
  kill -0 $daemon 2>/dev/null || die "dockerd: $(tail -n 2 "$cell/docker.log")"
  sleep 0.05
done"""
        load = f'docker load -q -i image.tar || return\nimage={TAG}\nmkdir tree none'
        shown = {
            "overlay2": """\
below=$(docker image inspect --format '{{.GraphDriver.Data.UpperDir}}:{{with .GraphDriver.Data.LowerDir}}{{.}}:{{end}}' $image)
LIBMOUNT_FORCE_MOUNT2=always mount -t overlay overlay -o "ro,lowerdir=$below$PWD/none" tree || die "the graph driver's folders cannot be mounted"
show tree
umount tree""",
            "vfs": """\
chain=
for diff in $(docker image inspect --format '{{range .RootFS.Layers}}{{.}} {{end}}' $image); do
  if [ -n "$chain" ]; then diff=$(printf '%s %s' "$chain" "$diff" | sha256sum) && diff=sha256:${diff%% *}; fi
  chain=$diff
done
show "$cell/docker/vfs/dir/$(cat "$cell/docker/image/vfs/layerdb/sha256/${chain#*:}/cache-id")\"""",
            "containerd": """\
ctr images mount docker.io/$image "$PWD/tree" >/dev/null || die "no mount"
show tree
ctr images unmount --rm "$PWD/tree" >/dev/null""",
        }[self.storage]
        return ReadingText(begin=begin, reading=f"{load}\n{shown}\ndocker rmi --force $image >/dev/null", end=f"kill -KILL $daemon\n{END}")


SETUPS = (
    Docker(program=DOCKER, called=DOCKER, profiles=(Profile.ROOT,), needs=("container",), parts=()),
    Docker(program=DOCKER, setup="vfs", called=DOCKER, how="with vfs", profiles=(Profile.ROOT,), needs=("container",), storage="vfs"),
    Docker(program=DOCKER, setup="containerd", called=DOCKER, how="with containerd's snapshotter", profiles=(Profile.ROOT,), needs=("container",), storage="containerd"),
)
