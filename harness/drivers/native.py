"""SingularityCE and apptainer, which has the same command line: a SIF with an overlay beside it, in native mode or in OCI mode.

The overlay is a folder, or an ext3 image that holds ``upper`` and ``work``. Which engine merges them (the kernel's overlay or
fuse-overlayfs, the image mounted by the kernel or by fuse2fs) is the program's choice: it is read back from inside, not asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.drivers.base import BINDS, Driver, Stack, Way, exports
from harness.profile import Profile
from harness.protocol import Asked

_IMAGE = (  # a bare squashfs is not mounted by squashfuse: SingularityCE 4 unpacks it then, for a user
    'once "$made.sif" image.sif $who "$program" -q build image.sif image/1 >>"$out/parts.log" 2>&1 </dev/null ||\n'
    '  die "build: $(tail -n 3 "$out/parts.log")"'
)
_EXT3 = 'once overlay.ext3 overlay empty_ext3 >>"$out/parts.log" 2>&1 ||\n  die "mke2fs: $(tail -n 3 "$out/parts.log")"'

# A sealed overlay of native mode is a squashfs of the upper itself, packed by the user: the programs have no command for it.
_SEAL = f"""\
say seal
if asked "{Asked.MKSQUASHFS}" $who mksquashfs overlay/upper sealed.sqfs -quiet -no-progress; then
  sealed_as sealed
fi"""


def _way(
    stack: Stack, flag: str, other: str | None, *, prepare: str, upper: str, onward: str = "", image: str = "image.sif"
) -> Way:
    """*flag*: given to every run; *other*: what takes its place when the image is handed over to the other mode."""
    overlay = "--overlay $overlay" if upper else "--writable-tmpfs"
    enter = (
        f"{exports(stack.env)}overlay=overlay\n"
        # root in the container would get every capability that there is; a machine may not have this one to give
        'drop=; if [ -z "$who" ] && [ "$(id -u)" = 0 ]; then drop=--drop-caps=CAP_SYS_RESOURCE; fi\n'
        "case $1 in readonly) overlay=overlay:ro ;; sealed) overlay=sealed.sqfs:ro ;; esac\n"
        "shift\n"
        f"{stack.program} -q exec $flag {overlay} --no-home --pwd / {BINDS} $drop \\\n"
        f'  {image} /bin/sh /mnt/script.sh /mnt inside "$@"'
    )
    switch = None if other is None else f"flag={other}"
    return Way(f"flag={flag}\n{prepare}", enter, upper, onward, switch)


Make = Callable[[Stack], Way]


def _folder(flag: str = "", other: str | None = None, *, sandbox: bool = False) -> Make:
    """The overlay is a folder; so is the image of a *sandbox*, for which a program may choose another engine than for a SIF."""
    upper = (
        "if [ -e overlay/upper/lab ]; then take upper overlay/upper/lab; else mkdir none; take upper none; fi\n"
        "left overlay/work"
    )
    prepare, image = ("$who mkdir overlay", "image/1") if sandbox else (f"$who mkdir overlay\n{_IMAGE}", "image.sif")
    return lambda stack: _way(stack, flag, other, prepare=prepare, upper=upper, onward=_SEAL, image=image)


def _ext3(flag: str = "", other: str | None = None) -> Make:
    """The overlay is an ext3 image."""
    upper = 'cp --sparse=always overlay "$out/upper.img"'
    return lambda stack: _way(stack, flag, other, prepare=f"{_IMAGE}\n{_EXT3}", upper=upper)


def _tmpfs() -> Make:
    """``--writable-tmpfs``: the upper goes with the container, so only the view inside is there to look at."""
    return lambda stack: _way(stack, "", None, prepare=_IMAGE, upper="")


# What the two call, seen by running them. mksquashfs packs what is under test.
CALLS = {
    "apptainer": ("squashfuse", "fuse2fs", "fuse-overlayfs"),
    "singularity-ce": ("squashfuse", "fuse2fs", "fuse-overlayfs", "mksquashfs"),
}
_FLAGS = {"native": "", "oci": "--oci"}  # the modes of SingularityCE


def _driver(
    name: str,
    title: str,
    way: Make,
    *profiles: Profile,
    mode: str = "",
    keeps_upper: bool = True,
    as_root: bool = False,
) -> Driver:
    family = next(family for family in CALLS if name.startswith(family))
    return Driver(
        name,
        title,
        profiles or (Profile.ROOT, Profile.USER),
        needs=("container",),
        programs=CALLS[family],
        family=family,
        mode=mode,
        keeps_upper=keeps_upper,
        as_root=as_root,
        fs_of_its_own=True,
        way=way,
    )


def _in_mode(mode: str, name: str, title: str, make: Callable[[str, str], Make], *profiles: Profile) -> Driver:
    """SingularityCE in a mode, whose image and overlay the other mode can take over."""
    (other,) = (flag for one, flag in _FLAGS.items() if one != mode)
    return _driver(name, title, make(_FLAGS[mode], other), *profiles, mode=mode)


DRIVERS = (
    _driver("apptainer", "apptainer, overlay in a folder", _folder()),
    _driver("apptainer-ext3", "apptainer, overlay in an ext3 image", _ext3()),
    _driver("apptainer-tmpfs", "apptainer --writable-tmpfs", _tmpfs(), keeps_upper=False),
    _driver("apptainer-sandbox", "apptainer, image and overlay in folders", _folder(sandbox=True)),
    _driver("apptainer-userns", "apptainer --userns, overlay in a folder", _folder("--userns"), Profile.ROOT),
    _driver(
        "apptainer-fakeroot",
        "apptainer --fakeroot, overlay in a folder",
        _folder("--fakeroot"),
        Profile.USER,
        as_root=True,
    ),
    _in_mode("native", "singularity-ce", "SingularityCE, overlay in a folder", _folder),
    _driver("singularity-ce-tmpfs", "SingularityCE --writable-tmpfs", _tmpfs(), keeps_upper=False),
    _driver("singularity-ce-userns", "SingularityCE --userns, overlay in a folder", _folder("--userns"), Profile.ROOT),
    # without a setuid starter it asks for a loop device, which no ordinary user gets
    _in_mode("native", "singularity-ce-ext3", "SingularityCE, overlay in an ext3 image", _ext3, Profile.ROOT),
    _in_mode("oci", "singularity-ce-oci-folder", "SingularityCE, OCI mode, overlay in a folder", _folder),
    _in_mode("oci", "singularity-ce-oci-ext3", "SingularityCE, OCI mode, overlay in an ext3 image", _ext3),
)
