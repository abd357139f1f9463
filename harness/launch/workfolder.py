"""The folder in which a run's cells work: made, locked, and gone at the end, whatever ends the run.

The run holds a lock on it. A *reaper*, a small process on a lifeline, deletes it when the run is killed; a run that finds folders
of others whose lock is free (the reaper was killed too) sweeps them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.launch.guarded import MARKER, claim, mark, remove_tree
from harness.launch.process import reaper

_LOCK = "lock"


def sweep(parent: Path) -> list[Path]:
    """Delete the work folders of runs that are no more; returns what could not be deleted."""
    stubborn: list[Path] = []
    for folder in sorted(parent.glob("run-*")):
        lock = folder / _LOCK
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(folder)
            except BlockingIOError:
                pass
            except BrokenMachinery:
                stubborn.append(folder)
            finally:
                os.close(descriptor)
    return stubborn


@contextlib.contextmanager
def work_folder(parent: Path, run: str) -> Iterator[Path]:
    """A work folder for one run, below *parent* (claimed as ours). Raises BrokenMachinery when it cannot be written to."""
    claim(parent)
    sweep(parent)
    folder = parent / f"run-{run}"
    try:
        folder.mkdir()
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        mark(folder)
    except OSError as error:
        raise BrokenMachinery(
            f"the work folder cannot be made: {error.strerror}",
            where=str(folder),
            remedy="name a folder on a local disk with free space in WHITEOUT_LAB_WORK",
        ) from error
    try:
        with reaper(folder, folder / MARKER):
            yield folder
            remove_tree(folder)
    finally:
        os.close(descriptor)
        with contextlib.suppress(BrokenMachinery):
            remove_tree(folder)
