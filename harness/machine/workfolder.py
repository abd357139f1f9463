"""The folders in which a run's cells, or the looks at a machine, work: made, locked, and gone at the end, whatever ends the program.

Who works in one holds a lock on it. A *reaper*, a small process on a lifeline, deletes it when its program is killed; whoever makes a
folder first sweeps those whose lock is free (the reaper was killed too). Folders are made and swept under a lock of their parent, so
that one without a lock of its own is never one that is just being made: whoever made it was killed in the midst.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.machine.guarded import MARKER, claim, mark, remove_tree
from harness.machine.process import reaper
from harness.machine.room import REMEDY, Room

_LOCK = "lock"
_KINDS = ("run", "probe")


def sweep(parent: Path) -> list[Path]:
    """Delete the folders of programs that are no more; returns what could not be deleted. Raises OSError."""
    with _locked(parent):
        return _sweep(parent)


def _sweep(parent: Path) -> list[Path]:
    stubborn: list[Path] = []
    for folder in sorted(path for kind in _KINDS for path in parent.glob(f"{kind}-*") if not path.is_symlink()):
        with contextlib.ExitStack() as stack:
            try:
                descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except FileNotFoundError:
                pass
            except OSError:  # it is held; or it belongs to another user
                continue
            try:
                remove_tree(folder)
            except BrokenMachinery:
                stubborn.append(folder)
    return stubborn


def is_held(folder: Path) -> bool:
    """Whether a living program works in a folder."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Hold the lock of the folder in which work folders lie: for moments only."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(parent: Path, kind: str, name: str) -> Iterator[Path]:
    """A new folder ``KIND-NAME`` below *parent* (claimed as ours), locked and marked; at the end it is deleted.

    *kind* is ``run`` or ``probe``. Raises BrokenMachinery when it cannot be made.
    """
    claim(parent)
    folder = parent / f"{kind}-{name}"
    descriptor = -1
    try:
        try:
            with _locked(parent):
                _sweep(parent)
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
        yield folder
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        with contextlib.suppress(BrokenMachinery):
            remove_tree(folder)


@contextlib.contextmanager
def reaped_folder(parent: Path, kind: str, name: str) -> Iterator[Path]:
    """A locked folder that goes when this program is killed, too."""
    with locked_folder(parent, kind, name) as folder, reaper(folder, folder / MARKER):
        yield folder
        remove_tree(folder)


@contextlib.contextmanager
def work_folder(parent: Path, run: str) -> Iterator[Path]:
    """A work folder for one run, below *parent*.

    Raises BrokenMachinery when it cannot be written to, when its disk has no room, and when it cannot be deleted at the end.
    """
    Room(claim(parent)).need()
    with reaped_folder(parent, "run", run) as folder:
        yield folder


@contextlib.contextmanager
def own_folder(work: Path, kind: str, called: str = "the cell's folder") -> Iterator[Path]:
    """A place in a work folder that is nobody else's, for a cell or what is like one; what is made there is removed at the end.

    Raises BrokenMachinery for whatever the system refuses meanwhile: that *called* cannot be used.
    """
    folder = work / f"{kind}-{os.getpid()}-{time.monotonic_ns():x}"
    try:
        yield folder
    except OSError as error:
        raise BrokenMachinery(
            f"{called} cannot be used: {error.strerror}", where=str(error.filename or folder), remedy=REMEDY
        ) from error
    finally:
        remove_tree(folder)
