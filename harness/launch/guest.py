"""A script under a kernel that is a program: User-mode Linux, in the namespaces of a cell. The edge that touches the machine.

The kernel's root is the world that it lies in, through hostfs, which knows no xattrs: what has some lies on its disks, files of the cell's
folder. It needs no privilege, and no virtual machine. Its console is kept: what it says last is why it does not start.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from pathlib import Path

from harness.cells.plan import program_of
from harness.errors import BrokenMachinery
from harness.launch.cell import CellContext, from_outside, stage_in
from harness.launch.enclosure import Enclosure
from harness.launch.untouched import only_files
from harness.machine.process import run_on_lifeline
from harness.machine.room import Room
from harness.profile import Profile
from harness.worlds.inside import NOBODY
from harness.worlds.model import Tool

# What it says of a processor whose registers it has no room for (AMX, on kernels before the one that asks how many there are).
_PROCESSOR = re.compile(r"ptrace set fp regs failed")
_SLOWER = 4.0  # times that a guest may take as long as a cell
_TROUBLE = re.compile(r"panic|failed|error|cannot|refused|denied", re.IGNORECASE)


def shell(name: str) -> bytes:
    """A file of shell beside this module: ``guest_boot.sh`` starts the kernel, ``guest.sh`` is what every script in it begins with."""
    return resources.files("harness.launch").joinpath(f"{name}.sh").read_bytes()


def stage_guest(guest: Tool, folder: Path, files: Mapping[str, bytes]) -> tuple[Path, Enclosure]:
    """Make *folder*, with the cell's own folder in it, *files* there, and what boots. Raises OSError."""
    enclosure = Enclosure(guest.world.root, Profile.ROOT, os.geteuid() == 0, NOBODY, from_outside(guest))
    started = {"script.sh": shell("guest_boot"), "guest.sh": shell("guest"), "kernel": program_of(guest).encode()}
    return stage_in(enclosure, folder, {**started, **files}), enclosure


def boot(  # noqa: PLR0917
    guest: Tool,
    context: CellContext,
    stage: Path,
    enclosure: Enclosure,
    script: str,
    disks: Sequence[str],
    folders: Collection[str] = (),
) -> Path:
    """Run a *script* of the cell's folder in the guest, with files of that folder as its *disks*; returns the folder ``out``.

    Of folders in it the *folders* are kept. Raises BrokenMachinery where the guest does not start, or does not come to the script's
    end; and with the words that the script left in ``broken``.
    """
    room = Room(context.work)
    room.need()
    (stage / "boot").write_text(f"{script} {' '.join(disks)}\n", encoding="ascii")
    ended = run_on_lifeline(
        enclosure.argv(stage),
        timeout=context.timeout * _SLOWER,
        env=enclosure.environment(),
        cwd=context.work,
        watch=room.look,
    )
    out = stage / "out"
    reached = only_files(out, folders) if out.exists() else ""
    if room.problem or reached:
        raise BrokenMachinery(room.problem or reached, where=guest.label)
    if (out / "broken").exists():
        raise BrokenMachinery((out / "broken").read_text(encoding="utf-8", errors="replace").strip(), where=guest.label)
    if not (out / "guest").exists():
        raise not_started(guest, _console(stage), ended.err.decode("utf-8", "replace"), timed_out=ended.timed_out)
    return out


def _console(stage: Path) -> str:
    try:
        return (stage / "console").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def not_started(guest: Tool, console: str, err: str, *, timed_out: bool) -> BrokenMachinery:
    """Why a guest came to no end: by its *console*, and the error output of what started it."""
    if _PROCESSOR.search(console):
        return BrokenMachinery(
            f"{guest.label} does not start on this processor, which has more registers than it knows of",
            where=guest.world.name,
            remedy="take a newer one: whiteout-lab worlds build guest-sid",
        )
    lines = [line.strip() for line in (*console.splitlines(), *err.splitlines()) if _TROUBLE.search(line)]
    said = lines[-1] if lines else "it was at work past its limit" if timed_out else "it said nothing"
    return BrokenMachinery(f"{guest.label} did not come to the end: {said}", where=guest.world.name)
