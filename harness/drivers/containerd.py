"""containerd as an importer, by its own client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile
from harness.readings.image import TAG

CONTAINERD, CTR = "containerd", "ctr"

# started NAME: a daemon of this script's, whose socket is $socket, is there; $daemon is its process.
START = """\
mkdir -p "$cell/containerd"
export CONTAINERD_ADDRESS=/run/containerd/lab CONTAINERD_NAMESPACE={namespace}
containerd --config /dev/null --root "$cell/containerd" --state /run/containerd --address $CONTAINERD_ADDRESS \\
  >"$cell/containerd.log" 2>&1 </dev/null &
containerd=$!
until [ -S $CONTAINERD_ADDRESS ]; do
  kill -0 $containerd 2>/dev/null || die "containerd: $(tail -n 2 "$cell/containerd.log")"
  sleep 0.01
done"""
END = "kill -KILL $containerd"


@dataclass(frozen=True, kw_only=True)
class Containerd(Importer):
    snapshotter: Literal["overlayfs", "native"] = "overlayfs"

    def script(self, profile: Profile) -> ReadingText:
        local = 'local=$(ctr images import --help | grep -o -m 1 -e --local || :)'
        return ReadingText(
            begin=START.format(namespace="lab") + "\n" + local,
            reading=f"""\
ctr images import $local --snapshotter {self.snapshotter} image.tar || return
mkdir tree
chain=
for layer in image/blobs/sha256/*; do :; done
ctr images mount --snapshotter {self.snapshotter} docker.io/{TAG} "$PWD/tree" || return
show tree
ctr images unmount --rm --snapshotter {self.snapshotter} "$PWD/tree"
ctr images rm --sync docker.io/{TAG} >/dev/null""",
            end=END,
        )


SETUPS = (
    Containerd(program=CONTAINERD, called=CONTAINERD, how="with overlayfs", profiles=(Profile.ROOT,), needs=("container",), parts=(CTR,)),
    Containerd(program=CONTAINERD, setup="native", called=CONTAINERD, how="with the native snapshotter", profiles=(Profile.ROOT,), needs=("container",), parts=(CTR,), snapshotter="native"),
)
