"""The proof that nothing is left: mounts, processes, loop devices and folders that belong to a work folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.launch.enclosure import INIT
from harness.names import escape
from harness.snapshot.names import unescape_c

_INIT = os.fsencode(INIT)


def find_leaks(work: Path) -> list[str]:
    """What is left of cells that ran in *work*, each as a sentence; empty when all is clean."""
    here = os.fsencode(work.resolve())
    return [*_mounts(here), *_processes(here), *_loops(here), *_folders(work)]


def _below(path: bytes, folder: bytes) -> bool:
    """Whether a path is a folder, or lies below it; a folder beside it may have a name that begins like its."""
    return path == folder or path.startswith(folder + b"/")


def _mounts(here: bytes) -> list[str]:
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        where = unescape_c(line.split(b" ")[4])
        if _below(where, here):
            found.append(f"a mount at {escape(where)}")
    return found


def _processes(here: bytes) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            inside = os.fsencode((folder / "cwd").readlink()).removesuffix(b" (deleted)")
            # a value of init.sh stands behind its name
            if _INIT in words and any(_below(word.partition(b"=")[2], here) for word in words):
                found.append(f"the process {folder.name} of a cell")
            elif _below(inside, here):
                found.append(f"the process {folder.name} ({escape(words[0])}) works in {escape(inside)}")
    return found


def _loops(here: bytes) -> list[str]:
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            file = backing.read_bytes().strip()
            if file.startswith(here + b"/"):
                found.append(f"the loop device {backing.parts[3]} holds {escape(file)}")
    return found


def _folders(work: Path) -> list[str]:
    return [f"the folder {work}"] if work.exists() else []
