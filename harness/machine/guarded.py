"""Deletion, guarded: only where our marker file says so, on one device, never across a mount.

A folder that this program may empty is *marked* with the file ``.whiteout-lab``. :func:`remove_tree` refuses a tree unless it, or a
folder above it, is marked. It walks by file descriptors, so no link is followed, and compares the mount of each folder with that of
the first, so a bind mount of the same device stops it too. Names are bytes; folders without any permission are opened first.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from harness.errors import BrokenMachinery, UsageError
from harness.names import escape

MARKER = ".whiteout-lab"
_SAYS = "Made by whiteout-lab. Everything in this folder may be deleted by it.\n"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def mark(path: Path) -> None:
    """Say that a folder, which exists, and everything in it may be deleted by this program."""
    (path / MARKER).write_text(_SAYS, encoding="utf-8")


def is_marked(path: Path) -> bool:
    return (path / MARKER).is_file()


def claim(path: Path) -> Path:
    """Make a folder of our own and mark it; one that somebody else has filled is refused, since we would delete in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not is_marked(path):
            # Asked twice: another process may have claimed it, and filled it, in between.
            if any(path.iterdir()) and not is_marked(path):
                raise UsageError(
                    "the folder holds files that are not ours",
                    where=str(path),
                    remedy="name an empty folder, or a new one",
                )
            mark(path)
    except OSError as error:
        raise BrokenMachinery(
            f"the folder cannot be made: {error.strerror}",
            where=str(path),
            remedy="name a folder that you may write to",
        ) from error
    return path


def remove_tree(path: Path | bytes) -> None:
    """Delete a folder and everything in it. One that is not there is no error.

    Raises BrokenMachinery, before anything is deleted, when no folder from *path* upwards is marked; and when a mount is met, or
    something cannot be deleted: everything else is gone by then.
    """
    given = Path(os.fsdecode(path)).absolute()
    target = given.parent.resolve() / given.name
    shown = escape(os.fsencode(target))
    try:
        status = target.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode) or given.name in {"", ".."}:
        raise BrokenMachinery("only a folder is deleted, and this is none", where=shown)
    if not any(is_marked(folder) for folder in (target, *target.parents)):
        raise BrokenMachinery(
            f"the folder is not deleted: neither it nor one above it holds the file {MARKER}",
            where=shown,
            remedy="delete it by hand",
        )
    parent = os.open(target.parent, _FOLDER)
    try:
        failed: list[str] = []
        _remove(parent, os.fsencode(target.name), None, failed, shown)
    finally:
        os.close(parent)
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise BrokenMachinery(
            f"not everything could be deleted: {failed[0]}{more}", where=shown, remedy="delete the rest by hand"
        )


def _remove(parent: int, name: bytes, mount: str | None, failed: list[str], shown: str) -> None:
    """Delete the folder *name* of *parent*. *mount*: the mount it must lie on; None: any (the first folder)."""
    try:
        folder = _open(parent, name)
    except FileNotFoundError:
        return
    except OSError as error:
        failed.append(f"{shown}: {error.strerror}")
        return
    try:
        here = _mount_of(folder)
        expected = mount if mount is not None else _mount_of(parent)
        if here != expected:
            failed.append(f"{shown}: something is mounted here")
            return
        if os.fstat(folder).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with contextlib.suppress(OSError):
                os.fchmod(folder, stat.S_IRWXU)
        # The marker goes last: a deletion that is killed half-way can be taken up again.
        for entry in sorted(os.listdir(folder), key=lambda entry: entry == MARKER):  # noqa: PTH208 (of a descriptor)
            child = os.fsencode(entry)
            below = f"{shown}/{escape(child)}"
            if _is_folder(child, folder):
                _remove(folder, child, here, failed, below)
            elif entry != MARKER or not failed:
                _attempt(child, folder, failed, below)
    finally:
        os.close(folder)
    if not failed:
        _attempt(name, parent, failed, shown, folder=True)


def _attempt(name: bytes, parent: int, failed: list[str], shown: str, *, folder: bool = False) -> None:
    try:
        if folder:
            os.rmdir(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass  # a reaper deletes at the same time
    except OSError as error:
        failed.append(f"{shown}: {error.strerror}")


def _is_folder(name: bytes, parent: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _open(parent: int, name: bytes) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        return os.open(name, _FOLDER, dir_fd=parent)


def _mount_of(folder: int) -> str:
    """The kernel's number of the mount that an open folder lies on."""
    # by descriptors: this is asked of every folder of every cell
    info = os.open(f"/proc/self/fdinfo/{folder}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        lines = os.read(info, 4096).decode("ascii").splitlines()
    finally:
        os.close(info)
    return next((line for line in lines if line.startswith("mnt_id:")), "")
