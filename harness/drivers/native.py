"""SingularityCE's native mode, and apptainer, which has the same command line: an image with a persistent overlay over it.

The overlay is a folder, or an ext3 image that holds ``upper`` and ``work``. Which engine merges them (the kernel's overlay or
fuse-overlayfs, the image mounted by the kernel or by fuse2fs) is the program's choice: it is read back from inside, not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.drivers.base import BINDS, Driver, Stack, Way, exports
from harness.scenario.layers import Profile

_IMAGE = (  # a bare squashfs is not mounted by squashfuse: SingularityCE 4 unpacks it then, for a user
    '$who "$program" -q build image.sif image/1 >>"$out/parts.log" 2>&1 </dev/null ||\n'
    '  die "build: $(tail -n 3 "$out/parts.log")"'
)
_EXT3 = (
    "$who mkdir -p empty/upper empty/work\n"
    '$who truncate -s 16M overlay && $who mke2fs -q -F -t ext3 -J size=1 -d empty overlay >>"$out/parts.log" 2>&1 ||\n'
    '  die "mke2fs: $(tail -n 3 "$out/parts.log")"'
)


# A sealed overlay of native mode is a squashfs of the upper itself, packed by the user: the programs have no command for it.
_SEAL = """\
say seal
if asked "overlay seal by mksquashfs" $who mksquashfs overlay/upper sealed.sqfs -quiet -no-progress; then
  sealed_as sealed
fi"""


def _enter(stack: Stack, flags: str = "--overlay $overlay") -> str:
    return (
        f"{exports(stack.scenario)}overlay=overlay\n"
        # root in the container would get every capability that there is; a machine may not have this one to give
        'drop=; if [ -z "$who" ] && [ "$(id -u)" = 0 ]; then drop=--drop-caps=CAP_SYS_RESOURCE; fi\n'
        "case $1 in readonly) overlay=overlay:ro ;; sealed) overlay=sealed.sqfs:ro ;; esac\n"
        "shift\n"
        f"{stack.program} -q exec --no-home --pwd / {BINDS} {flags} $drop \\\n"
        '  image.sif /bin/sh /mnt/script.sh /mnt inside "$@"'
    )


def _folder(stack: Stack) -> Way:
    upper = (
        "if [ -e overlay/upper/lab ]; then take upper overlay/upper/lab; else mkdir none; take upper none; fi\n"
        "left overlay/work"
    )
    return Way(prepare=f"$who mkdir overlay\n{_IMAGE}", enter=_enter(stack), upper=upper, onward=_SEAL)


def _flagged(flag: str) -> Callable[[Stack], Way]:
    """The overlay in a folder, and one more flag: another privilege for the same steps."""

    def way(stack: Stack) -> Way:
        plain = _folder(stack)
        return replace(plain, enter=_enter(stack, f"{flag} --overlay $overlay"))

    return way


def _tmpfs(stack: Stack) -> Way:
    """``--writable-tmpfs``: the upper goes with the container, so only the view inside is there to look at."""
    return Way(prepare=_IMAGE, enter=_enter(stack, "--writable-tmpfs"), upper="")


def _ext3(stack: Stack) -> Way:
    return Way(prepare=f"{_IMAGE}\n{_EXT3}", enter=_enter(stack), upper='cp --sparse=always overlay "$out/upper.img"')


_BOTH = (Profile.ROOT, Profile.USER)


# What the two call, seen by running them. mksquashfs packs what is under test.
_CALLS = {
    "apptainer": ("squashfuse", "fuse2fs", "fuse-overlayfs"),
    "singularity-ce": ("squashfuse", "fuse2fs", "fuse-overlayfs", "mksquashfs"),
}


def _driver(name: str, title: str, way: Callable[[Stack], Way], profiles: tuple[Profile, ...] = _BOTH) -> Driver:
    family = next(family for family in _CALLS if name.startswith(family))
    return Driver(
        name, title, profiles, needs=("container",), programs=_CALLS[family], family=family, fs_of_its_own=True, way=way
    )


DRIVERS = (
    _driver("apptainer", "apptainer, overlay in a folder", _folder),
    _driver("apptainer-ext3", "apptainer, overlay in an ext3 image", _ext3),
    _driver("apptainer-tmpfs", "apptainer --writable-tmpfs", _tmpfs),
    _driver("apptainer-userns", "apptainer --userns, overlay in a folder", _flagged("--userns"), (Profile.ROOT,)),
    _driver("apptainer-fakeroot", "apptainer --fakeroot, overlay in a folder", _flagged("--fakeroot"), (Profile.USER,)),
    _driver("singularity-ce", "SingularityCE, overlay in a folder", _folder),
    _driver("singularity-ce-tmpfs", "SingularityCE --writable-tmpfs", _tmpfs),
    _driver(
        "singularity-ce-userns", "SingularityCE --userns, overlay in a folder", _flagged("--userns"), (Profile.ROOT,)
    ),
    # without a setuid starter it asks for a loop device, which no ordinary user gets
    _driver("singularity-ce-ext3", "SingularityCE, overlay in an ext3 image", _ext3, (Profile.ROOT,)),
)
