"""containerd as an importer, by its own client; and its start, which docker has too.

``ctr images import`` unpacks the image into a snapshotter: *overlayfs*, which makes whiteouts for the kernel, or *native*, which merges
folders. ``ctr snapshots view`` then says how a container would get it mounted.

An ordinary user has it by RootlessKit, as ``containerd-rootless.sh`` of nerdctl starts it: without, it may neither mount nor own its
folders. RootlessKit maps the subordinate ids (its ``newuidmap`` is set-uid in the worlds) and lays a writable ``/etc`` and ``/run``
over the world's; the network stays the cell's own, since who fetches nothing needs no user-mode network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import IMAGE_TAG, Importer, ReadingText
from harness.profile import Profile

CONTAINERD, CTR, KIT = "containerd", "ctr", "rootlesskit"
REFERENCE = f"docker.io/{IMAGE_TAG}"

# What a user's daemon is started by, and the words before a command that sees its mounts; it begins at the root, so paths are whole.
AS_USER = 'rootlesskit --net=host --copy-up=/etc --copy-up=/run --state-dir "$XDG_RUNTIME_DIR/kit"'
WITHIN = 'within="nsenter --target $(cat "$XDG_RUNTIME_DIR/kit/child_pid") --user --preserve-credentials --mount"'


def shown(profile: Profile, folder: str) -> str:
    """Lines that show a folder: of a user from where its mounts are, by a function of the one reading, whose subshell it goes with."""
    return f"show {folder}" if profile is Profile.ROOT else f'tar() {{ $within tar "$@"; }}\nshow {folder}'


def start(profile: Profile, namespace: str) -> str:
    """Lines that start it; ``$containerd`` is its process, and ``ctr`` knows where it is and which images are meant.

    Of its plugins those that run containers for Kubernetes want folders of the machine's; its collector runs when it is told to, so that it
    does not take a view away which nobody names.
    """
    user = profile is Profile.USER
    return f"""\
state={"$XDG_RUNTIME_DIR" if user else "/run"} within=
export CONTAINERD_ADDRESS=$state/containerd.lab CONTAINERD_NAMESPACE={namespace}
printf '%s\\n' 'version = 2' \\
  'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",' \\
  '"io.containerd.nri.v1.nri"]' \\
  '[plugins."io.containerd.gc.v1.scheduler"]' 'mutation_threshold = 0' >"$cell/containerd.toml"
{f"{AS_USER} " if user else ""}containerd --config "$cell/containerd.toml" --root "$cell/containerd" --state "$state/containerd" \\
  --address "$CONTAINERD_ADDRESS" >"$cell/containerd.log" 2>&1 </dev/null &
containerd=$!
until ctr version >/dev/null 2>&1; do
  kill -0 $containerd 2>/dev/null || die "containerd: $(tail -n 3 "$cell/containerd.log")"
  sleep 0.02
done
{WITHIN if user else ""}

# chain: by which name a store knows the tree of this image: the digest of its layers' digests (image-spec, config.md, "Layer ChainID").
chain() {{
  name=
  for diff in $(sed 's/.*"Layers":\\[\\([^]]*\\)\\].*/\\1/; s/"blobs.sha256.\\([0-9a-f]*\\)",*/sha256:\\1 /g' image/manifest.json); do
    if [ -n "$name" ]; then diff=$(printf '%s %s' "$name" "$diff" | sha256sum) && diff=sha256:${{diff%% *}}; fi
    name=$diff
  done
  printf %s "$name"
}}"""


def view(profile: Profile, snapshotter: str) -> str:
    """Lines that show what a container would get. ``ctr images mount`` has another snapshotter than it is told in some versions."""
    snapshots = f"ctr snapshots --snapshotter {snapshotter}"
    # a bind that is made read-only loses nodev, which mount(8) before 2.39 is refused in a user namespace; nothing is written here
    writable = "sed 's/ -o rbind,ro$/ -o rbind/; s/ -o ro,rbind$/ -o rbind/'"
    return f"""\
mkdir tree
# mount(8) of trixie refuses a long list of lower folders
mounts=$({snapshots} view --target "$PWD/tree" lab "$(chain)" | {writable}) && [ -n "$mounts" ] &&
  $within env LIBMOUNT_FORCE_MOUNT2=always sh -c "$mounts" ||
  die "the view cannot be mounted"
{shown(profile, '"$PWD/tree"')}
$within umount "$PWD/tree"
{snapshots} rm lab"""


END = "kill -KILL $containerd"  # what it has goes with the cell


@dataclass(frozen=True, kw_only=True)
class Containerd(Importer):
    """``snapshotter``: where it unpacks to."""

    snapshotter: Literal["overlayfs", "native"] = "overlayfs"

    def script(self, profile: Profile) -> ReadingText:
        """``ctr images import``. From 2.1 on a daemon may do the unpacking, which knows no other snapshotter."""
        chosen = f"--snapshotter {self.snapshotter}"
        return ReadingText(
            begin=f"""\
{start(profile, "lab")}
local=$(ctr images import --help | grep -o -m 1 -e --local || :)""",
            reading=f"""\
ctr images import $local {chosen} image.tar || return 1
{view(profile, self.snapshotter)}
ctr images rm --sync {REFERENCE}""",
            end=END,
        )


SETUPS = (
    Containerd(
        program=CONTAINERD,
        called=CONTAINERD,
        needs=("container",),
        parts=(CTR,),
    ),
    Containerd(
        program=CONTAINERD,
        setup="native",
        called=CONTAINERD,
        how="with the native snapshotter",
        needs=("container",),
        parts=(CTR,),
        snapshotter="native",
    ),
)
