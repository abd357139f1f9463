"""Where worlds and crates are kept: the user's cache folder, its locks, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.errors import BrokenMachinery, text_path
from harness.machine.guarded import claim, is_marked, remove_tree

Say = Callable[[str], None]
_PARTIAL = re.compile(r"\..+\.[a-z0-9_]{8}")  # as tempfile names them


def cache_folder() -> Path:
    """``$WHITEOUT_LAB_CACHE``, or ``whiteout-lab`` in the user's cache folder. It need not exist.

    Raises BrokenMachinery where it cannot even be looked at: below the home of another user, or a name that no file can have.
    """
    named = os.environ.get("WHITEOUT_LAB_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME", "")
    usual = Path(shared) if shared.startswith("/") else None
    folder = text_path(Path(named).absolute() if named else (usual or _home() / ".cache") / "whiteout-lab")
    try:
        if folder.is_dir():
            next(os.scandir(folder), None)
    except OSError as error:
        raise BrokenMachinery(
            f"the cache folder cannot be used: {error.strerror}",
            where=str(folder),
            remedy="name another one in WHITEOUT_LAB_CACHE",
        ) from error
    return folder


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise BrokenMachinery("this user has no home folder", remedy="name a folder in WHITEOUT_LAB_CACHE") from error


def worlds_folder() -> Path:
    """Where worlds lie, made and marked as ours."""
    return claim(cache_folder() / "worlds")


def crates_folder() -> Path:
    """Where programs built from crates lie, made and marked as ours."""
    return claim(cache_folder() / "crates")


def prune_folder(name: str) -> list[str]:
    """Delete every folder below *name* of the cache (``crates``, ``installed``); returns the names of what went."""
    folder = cache_folder() / name
    if not is_marked(folder):
        return []
    gone = sorted(path for path in folder.iterdir() if path.is_dir())
    for path in gone:
        remove_tree(path)
    return [path.name for path in gone]


@contextlib.contextmanager
def locked(name: str, waiting: Callable[[], None]) -> Iterator[Path]:
    """Hold the lock *name* of the cache; *waiting* is called first when another process holds it. Yields the lock's file.

    The kernel drops the lock when its holder dies, whatever way.
    """
    folder = cache_folder() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BrokenMachinery(
            f"the cache folder cannot be written to: {error.strerror}",
            where=str(folder),
            remedy="name another one in WHITEOUT_LAB_CACHE",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder / name
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes | Iterable[bytes], *, sync: bool = False) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; with *sync* after a power cut too. Raises OSError.

    *content*: whole, or piece by piece.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def partial_files(folder: Path) -> list[Path]:
    """What :func:`write_whole` left in a folder when it was killed. Raises OSError."""
    return [path for path in folder.iterdir() if _PARTIAL.fullmatch(path.name) and path.is_file()]
