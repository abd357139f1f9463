"""SingularityCE and apptainer, which has the same command line: a SIF with an overlay beside it, in native mode or in OCI mode.

The overlay is a folder, or an ext3 image that holds ``upper`` and ``work``. Which overlay backend merges them (the kernel's overlay or
fuse-overlayfs, the image mounted by the kernel or by fuse2fs) is the program's choice: it is read back from inside, not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.drivers.base import BINDS, INSIDE, ContainerText, Runner, Stack, Typed, assigned, exports
from harness.places import SEALED
from harness.profile import Profile
from harness.worlds.inside import LAB

_IMAGE = (  # a bare squashfs is not mounted by squashfuse: SingularityCE 4 unpacks it then, for a user
    'once "$made.sif" image.sif $who "$program" -q build image.sif image/1 >>"$out/parts.log" 2>&1 </dev/null ||\n'
    '  die "build: $(tail -n 3 "$out/parts.log")"'
)
_EXT3 = 'once overlay.ext3 overlay empty_ext3 >>"$out/parts.log" 2>&1 ||\n  die "mke2fs: $(tail -n 3 "$out/parts.log")"'

# A sealed overlay of native mode is a squashfs of the upper itself, packed by the user: the programs have no command for it.
_SEAL = f"""\
say seal
if asked {SEALED} "overlay seal by mksquashfs" $who mksquashfs overlay/upper sealed.sqfs -quiet -no-progress; then
  sealed_as sealed
fi"""
_TAKE_FOLDER = (
    f"if [ -e overlay/upper{LAB} ]; then take upper overlay/upper{LAB}; else mkdir none; take upper none; fi\n"
    "left overlay/work"
)
_TAKE_EXT3 = 'cp --sparse=always overlay "$out/upper.img"'

_FLAGS = {"native": "", "oci": "--oci"}  # the modes of SingularityCE
_OTHER = {"native": "oci", "oci": "native"}


@dataclass(frozen=True, kw_only=True)
class Native(Runner):
    """``flag``: given to every run. ``overlay``: what it is in; nothing, where the upper goes with the container.

    ``sandbox``: the image is a folder, for which a program may choose another overlay backend than for a SIF.
    """

    flag: str = ""
    overlay: Literal["folder", "ext3", ""] = "folder"
    sandbox: bool = False

    def script(self, stack: Stack) -> ContainerText:
        """``exec --overlay``, or ``--writable-tmpfs``; a folder is sealed by mksquashfs."""
        flag = _FLAGS.get(self.mode, self.flag)
        made = [f"flag={flag}"]
        if self.overlay == "folder":
            made.append("$who mkdir overlay")
        if not self.sandbox:
            made.append(_IMAGE)
        if self.overlay == "ext3":
            made.append(_EXT3)
        overlay = "--overlay $overlay" if self.overlay else "--writable-tmpfs"
        enter = (
            f"{exports(stack.env)}overlay=overlay\n"
            # root in the container would get every capability that there is; a machine may not have this one to give
            'drop=; if [ -z "$who" ] && [ "$(id -u)" = 0 ]; then drop=--drop-caps=CAP_SYS_RESOURCE; fi\n'
            "case $1 in readonly) overlay=overlay:ro ;; sealed) overlay=sealed.sqfs:ro ;; esac\n"
            "shift\n"
            f"{stack.program} -q exec $flag {overlay} --no-home --pwd / {BINDS} $drop \\\n"
            f"  {'image/1' if self.sandbox else 'image.sif'} {INSIDE}"
        )
        return ContainerText(
            prepare="\n".join(made),
            enter=enter,
            upper={"folder": _TAKE_FOLDER, "ext3": _TAKE_EXT3, "": ""}[self.overlay],
            onward=_SEAL if self.overlay == "folder" else "",
            switch=f"flag={_FLAGS[_OTHER[self.mode]]}" if self.mode else "",
            typed=self._typed(stack, flag),
        )

    def _typed(self, stack: Stack, flag: str) -> Typed:
        begin = [] if self.sandbox else [f"{self.called_by} build image.sif image/1"]
        if self.overlay == "folder":
            begin.append("mkdir overlay")
        if self.overlay == "ext3":
            begin += [
                "mkdir -p empty/upper empty/work",
                "truncate -s 16M overlay && mke2fs -q -F -t ext3 -d empty overlay",
            ]
        overlay = "--overlay overlay" if self.overlay else "--writable-tmpfs"
        image = "image/1" if self.sandbox else "image.sif"
        words = [f"{self.called_by} -q exec", flag, overlay, "--no-home --pwd / --bind /usr:/usr", image]
        return Typed(
            begin="\n".join(begin),
            run=assigned(stack.env) + " ".join(filter(None, words)),
            end="debugfs -R 'ls -l upper/lab' overlay" if self.overlay == "ext3" else "",
            upper=f"overlay/upper{LAB}" if self.overlay == "folder" else "",
        )

    @property
    def called_by(self) -> str:
        """The command that a person types."""
        return COMMANDS[self.program]


# What the two call, seen by running them. mksquashfs packs what is under test.
APPTAINER, SINGULARITY = "apptainer", "singularity-ce"
CALLS = {
    APPTAINER: ("squashfuse", "fuse2fs", "fuse-overlayfs"),
    SINGULARITY: ("squashfuse", "fuse2fs", "fuse-overlayfs", "mksquashfs"),
}
COMMANDS = {APPTAINER: "apptainer", SINGULARITY: "singularity"}
CALLED = {APPTAINER: "apptainer", SINGULARITY: "SingularityCE"}


def _row(
    program: str,
    setup: str = "",
    how: str = "",
    *,
    profile: Profile | None = None,
    flag: str = "",
    overlay: Literal["folder", "ext3", ""] = "folder",
    mode: Literal["", "native", "oci"] = "",
    sandbox: bool = False,
    owners: Literal["visible", "mapped"] = "visible",
) -> Native:
    return Native(
        program=program,
        setup=setup,
        called=CALLED[program],
        how=how,
        parts=CALLS[program],
        profiles=tuple(Profile) if profile is None else (profile,),
        keeps_upper=bool(overlay),
        flag=flag,
        overlay=overlay,
        mode=mode,
        sandbox=sandbox,
        owners=owners,
    )


SETUPS = (
    _row(APPTAINER),
    _row(APPTAINER, "ext3", "with ext3", overlay="ext3"),
    _row(APPTAINER, "tmpfs", "--writable-tmpfs", overlay=""),
    _row(APPTAINER, "sandbox", "with a sandbox", sandbox=True),
    _row(APPTAINER, "userns", "--userns", flag="--userns", profile=Profile.ROOT),
    # shows the user as root
    _row(APPTAINER, "fakeroot", "--fakeroot", flag="--fakeroot", profile=Profile.USER, owners="mapped"),
    _row(SINGULARITY, mode="native"),
    _row(SINGULARITY, "tmpfs", "--writable-tmpfs", overlay=""),
    _row(SINGULARITY, "userns", "--userns", flag="--userns", profile=Profile.ROOT),
    # without a setuid starter it asks for a loop device, which no ordinary user gets
    _row(SINGULARITY, "ext3", "with ext3", overlay="ext3", mode="native", profile=Profile.ROOT),
    _row(SINGULARITY, "oci+folder", "OCI mode with a folder", mode="oci"),
    _row(SINGULARITY, "oci+ext3", "OCI mode with ext3", overlay="ext3", mode="oci"),
)
