"""The file system below upper and work, where a scenario asks for one: shell lines that put it there, and that let go of it."""

from __future__ import annotations

from harness.cells.plan import Cell
from harness.drivers.base import Mounter, Stack
from harness.machine.quote import quote

Lines = tuple[list[bytes], list[bytes]]


def stack_of(
    cell: Cell, lowers: tuple[str, ...], upper: str, work: str, merged: str, *, program: str = '"$program"'
) -> Stack:
    """A stack of a cell's tool over some folders."""
    scenario = cell.scenario
    return Stack(
        cell.profile,
        lowers,
        upper,
        work,
        merged,
        program,
        scenario.options,
        scenario.env,
        prepared=bool(scenario.upper),
    )


def below(cell: Cell, driver: Mounter) -> Lines:
    """Lines before the layers are laid out, and lines at the very end; none for the file system of the work folder."""
    fs = cell.scenario.below.fs
    if fs == "host":
        return [], []
    if fs in {"tmpfs", "ramfs"}:
        before, after = _made(f"mount -t {fs} -o nodev {fs} below || die '{fs} cannot be mounted'"), ["umount below"]
    elif fs == "ext4":
        before, after = _ext4(cell.scenario.below.features)
    elif fs == "ext3-fuse":
        before, after = _ext3_fuse()
    else:
        before, after = _same(cell, driver)
    links = ["mkdir -p below/upper below/work", "ln -s below/upper upper", "ln -s below/work work"]
    return [line.encode() for line in (*before, *links)], [line.encode() for line in after]


def _made(*lines: str) -> list[str]:
    return ["mkdir -p below", *lines]


def _ext4(features: str) -> tuple[list[str], list[str]]:
    chosen = f"-O {quote(features)} " if features else ""
    return _made(
        f'truncate -s 16M below.img && mke2fs -q -F -t ext4 {chosen}below.img >"$out/below.log" 2>&1 ||\n'
        '  die "mke2fs: $(cat "$out/below.log")"',
        "mount -o loop,nodev below.img below || die 'no loop device'",
        "# in a cell of the lab: no step finds a block device\n"
        'if [ -n "${WHITEOUT_LAB_CELL:-}" ]; then rm -f /dev/loop* && mount -o remount,ro /dev; fi',
    ), ["umount below"]


def _ext3_fuse() -> tuple[list[str], list[str]]:
    return _made(
        'truncate -s 8M below.img && mke2fs -q -F -t ext3 -b 1024 -J size=1 below.img >"$out/below.log" 2>&1 ||\n'
        '  die "mke2fs: $(cat "$out/below.log")"',
        'fuse2fs -f below.img below >>"$out/below.log" 2>&1 </dev/null &',
        "below=$!",
        'await below $below || die "fuse2fs did not mount: $(cat "$out/below.log")"',
    ), ["umount below", 'wait "$below"']


def _same(cell: Cell, driver: Mounter) -> tuple[list[str], list[str]]:
    """Another mount of the tool under test (containers/fuse-overlayfs#326)."""
    text = driver.script(stack_of(cell, ("outer-lower",), "outer-upper", "outer-work", "below"))
    before = _made("mkdir -p outer-lower outer-upper outer-work", text.mount, "outer=${daemon:-}")
    return before, ["umount below", *(['wait "$outer"'] if driver.is_program else [])]
