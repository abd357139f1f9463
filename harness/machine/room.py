"""Whether the disk that cells work on had room all the while. A tool that met a full disk, and swallowed it, reports nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from harness.errors import BrokenMachinery, of_system

LEAST = 1 << 20  # bytes, and LEAST_FILES inodes: below this a file system refuses one write and takes the next
LEAST_FILES = 64
REMEDY = "make room there, or name a folder on another disk in WHITEOUT_LAB_WORK"


class Room:
    """A watch over the file system of a folder: how little was free at any look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.least: int | None = None  # bytes, of a look that saw too little; None: there always was enough

    def look(self) -> None:
        """See how much is free: what ordinary users may take, since they are who runs out first. Raises OSError."""
        now = os.statvfs(self.folder)
        free = now.f_bavail * now.f_frsize
        # a file system without a limit says 0 of 0; so do those that have no table of inodes
        if (now.f_blocks and free < LEAST) or (now.f_files and now.f_favail < LEAST_FILES):
            self.least = free if self.least is None else min(self.least, free)

    @property
    def problem(self) -> str:
        """Why nothing may be judged; empty when there was room."""
        if self.least is None:
            return ""
        return (
            f"the disk of the work folder was full, or nearly so ({self.least // 1024} KB, or few inodes, were left), "
            f"so what was recorded may be cut: {REMEDY}"
        )

    def need(self) -> None:
        """Raises BrokenMachinery when there is no room to begin with."""
        self.look()
        if self.problem:
            raise BrokenMachinery(
                "the disk of the work folder is full, or nearly so", where=str(self.folder), remedy=REMEDY
            )


_FILES, _TASKS = 16, 16  # of a worker with a cell in it: open files of ours, processes and threads of both


def need_limits(jobs: int) -> None:
    """Try whether this user may have the files and processes that *jobs* workers need: short of them, they end in the midst of their start.

    Raises BrokenMachinery.
    """
    release = threading.Event()
    started: list[threading.Thread] = []
    files: list[int] = []
    try:
        for _ in range(32 + _FILES * jobs):
            files.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - what was opened is closed
        for _ in range(_TASKS * (jobs + 1)):
            started.append(threading.Thread(target=release.wait, daemon=True))
            started[-1].start()
    except (OSError, RuntimeError) as error:
        problem = of_system(error)
        if problem is None:
            raise
        raise problem from error
    finally:
        release.set()
        for thread in started:
            if thread.ident is not None:
                thread.join()
        for descriptor in files:
            os.close(descriptor)
