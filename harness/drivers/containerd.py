"""containerd as an importer, by its own client; and its start, which docker has too.

``ctr images import`` unpacks the image into a snapshotter: *overlayfs*, which makes whiteouts for the kernel, or *native*, which merges
folders. ``ctr images mount`` then mounts a view of it, which is what containers get.

An ordinary user has it by RootlessKit, as ``containerd-rootless.sh`` of nerdctl starts it: without, it may neither mount nor own its
folders. RootlessKit maps the subordinate ids (its ``newuidmap`` is set-uid in the worlds) and lays a writable ``/etc`` and ``/run`` over the
world's; the network stays the cell's own, since no user-mode network is needed by who fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import Importer, ReadingText
from harness.profile import Profile
from harness.readings.image import TAG

CONTAINERD, CTR, KIT = "containerd", "ctr", "rootlesskit"
REFERENCE = f"docker.io/{TAG}"

# What a user's daemon is started by, and the words before a command that sees its mounts; it begins at the root, so paths are whole.
AS_USER = 'rootlesskit --net=host --copy-up=/etc --copy-up=/run --state-dir "$XDG_RUNTIME_DIR/kit"'
WITHIN = 'within="nsenter --target $(cat "$XDG_RUNTIME_DIR/kit/child_pid") --user --preserve-credentials --mount"'


def shown(profile: Profile, folder: str) -> str:
    """Lines that show a folder: of a user from where its mounts are, by a function of the one reading, whose subshell it goes with."""
    return f"show {folder}" if profile is Profile.ROOT else f'tar() {{ $within tar "$@"; }}\nshow {folder}'



def start(profile: Profile, namespace: str) -> str:
    """Lines that start it; ``$containerd`` is its process, and ``ctr`` knows where it is and which images are meant.

    Its configuration is its own default: a system's would say other folders.
    """
    user = profile is Profile.USER
    return f"""\
state={"$XDG_RUNTIME_DIR" if user else "/run"}
export CONTAINERD_ADDRESS=$state/containerd.lab CONTAINERD_NAMESPACE={namespace}
{f"{AS_USER} " if user else ""}containerd --config /dev/null --root "$cell/containerd" --state "$state/containerd" --address "$CONTAINERD_ADDRESS" \\
  >"$cell/containerd.log" 2>&1 </dev/null &
containerd=$!
until ctr version >/dev/null 2>&1; do
  kill -0 $containerd 2>/dev/null || die "containerd: $(tail -n 3 "$cell/containerd.log")"
  sleep 0.02
done
within=
{WITHIN if user else ""}""".rstrip()


END = "kill -KILL $containerd"  # what it has goes with the cell


@dataclass(frozen=True, kw_only=True)
class Containerd(Importer):
    """``snapshotter``: where it unpacks to."""

    snapshotter: Literal["overlayfs", "native"] = "overlayfs"

    def script(self, profile: Profile) -> ReadingText:
        """``ctr images import``, ``ctr images mount``. From 2.0 on a daemon may do the unpacking, which knows no other snapshotter."""
        chosen = f"--snapshotter {self.snapshotter}"
        return ReadingText(
            begin=f"""\
{start(profile, "lab")}
local=$(ctr images import --help | grep -o -m 1 -e --local || :)""",
            reading=f"""\
ctr images import $local {chosen} image.tar || return 1
mkdir tree
$within ctr images mount {chosen} {REFERENCE} "$PWD/tree" || die "the view cannot be mounted"
{shown(profile, '"$PWD/tree"')}
$within ctr images unmount --rm {chosen} "$PWD/tree"
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
