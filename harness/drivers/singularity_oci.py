"""SingularityCE in OCI mode: an OCI-SIF with an ext3 overlay inside, written, sealed, pushed as tar, and pulled by podman.

The journey of sylabs/singularity#3176: squashfuse, fuse2fs and fuse-overlayfs below the container; ``overlay seal`` by mksquashfs; ``push
--layer-format tar`` by sqfs2tar and oci-tools; then a reader that the project does not own.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.drivers.base import BINDS, INSIDE, ContainerText, Runner, Stack, Typed, assigned, exports
from harness.drivers.native import CALLED, CALLS, COMMANDS, SINGULARITY
from harness.places import IMPORTED, PUSHED, SEALED, UPPER
from harness.profile import Profile

# --no-home: the caller's home would be bound over a folder of the image.
_EXEC = f"--no-home --cwd / {BINDS}"
# 64 MiB is the smallest overlay that it makes; sparse, so that little of it is copied.
_PREPARE = """\
REFERENCE=127.0.0.1:5000/lab/image:tar
base() {{
  layout {layers}
  {call} -q pull --disable-cache --keep-layers --oci image.sif oci-archive:base.tar &&
    {call} -q overlay create --size 64 --sparse image.sif
}}
if ! once "$made.sif" image.sif base >>"$out/parts.log" 2>&1 </dev/null; then
  words="pull --oci, overlay create: $(tail -n 3 "$out/parts.log")"
  case $words in *"tar2sqfs error"*) refuse "$words" ;; *) die "$words" ;; esac  # it does not take these layers, or the machine failed
fi"""
_PODMAN = (
    '$who env TMPDIR=/tmp podman --root "$cell/podman" --runroot "$cell/podman.run" --storage-driver vfs --cgroup-manager cgroupfs '
    "--events-backend none --log-level error"
)


@dataclass(frozen=True, kw_only=True)
class OciMode(Runner):
    """The overlay is in the image itself."""

    def script(self, stack: Stack) -> ContainerText:
        """``overlay create``, ``exec --oci``, ``overlay sync``, ``overlay seal``, ``push``, and podman's answer."""
        call = stack.program
        overlay = len(stack.lowers) + 1  # the number of its descriptor: the layers stand first in the SIF
        execute = f"{call} -q exec --oci $writable {_EXEC} image.sif {INSIDE}"
        onward = f"""\
say sync
copied_as written
asked {UPPER} "overlay sync" {call} overlay sync image.sif
copied_as synced
say seal
if asked {SEALED} "overlay seal" {call} overlay seal image.sif; then
  copied_as sealed
  {call} sif dump {overlay} image.sif >sealed.sqfs
  sealed_as readonly
  say push
  registry_up
  if asked {PUSHED} "push --layer-format tar" {call} push -U --layer-format tar image.sif "docker://$REFERENCE"; then
    pushed tar
    asked {PUSHED} "push --layer-format squashfs" {call} push -U --layer-format squashfs image.sif "docker://${{REFERENCE%:*}}:squashfs" &&
      manifest squashfs pushed.squashfs.manifest
    say pull
    if asked {IMPORTED} "podman pull" {_PODMAN} pull -q --tls-verify=false "$REFERENCE"; then
      say export
      {_PODMAN} create --name lab --network none "$REFERENCE" /bin/sh >>"$out/parts.log" 2>&1 </dev/null &&
        {_PODMAN} export lab >"$out/imported.tar" 2>>"$out/parts.log" || rm -f "$out/imported.tar"
    fi
  fi
  registry_down
fi"""
        return ContainerText(
            prepare=_PREPARE.format(call=call, layers=" ".join(stack.lowers)),
            enter=f'{exports(stack.env)}writable=\nif [ "$1" = writable ]; then writable=--writable; fi\nshift\n{execute}',
            upper=f'{call} sif dump {overlay} image.sif | dd of="$out/upper.img" bs=4k iflag=fullblock conv=sparse 2>/dev/null',
            onward=onward,
            typed=_typed(stack),
        )


def _typed(stack: Stack) -> Typed:
    call = COMMANDS[SINGULARITY]
    owner = (
        "" if stack.profile is Profile.ROOT else " --owner=0 --group=0"
    )  # as in the image that the user would have pulled
    return Typed(
        begin=f"""\
tar -C image/1{owner} -c . | podman import -q - localhost/lab/base
podman save -q --format oci-archive -o base.tar localhost/lab/base
{call} pull --disable-cache --keep-layers --oci image.sif oci-archive:base.tar
{call} overlay create --size 64 --sparse image.sif""",
        run=f"{assigned(stack.env)}{call} -q exec --oci --writable --no-home --cwd / --bind /usr:/usr image.sif",
        end=f"""\
{call} overlay seal image.sif
# with a registry at port 5000, such as: podman run -d -p 5000:5000 docker.io/library/registry:2
{call} push -U --layer-format tar image.sif docker://127.0.0.1:5000/lab/image:tar
podman pull --tls-verify=false 127.0.0.1:5000/lab/image:tar""",
    )


SETUPS = (
    OciMode(
        program=SINGULARITY,
        setup="oci",
        called=CALLED[SINGULARITY],
        how="OCI mode",
        needs=("fuse", "container"),
        parts=(*CALLS[SINGULARITY], "sqfs2tar", "crun", "podman", "docker-registry"),
        flattened=False,
    ),
)
