"""What lies in the files of a tree, one after the other, in an order that is the same every time: what a snapshot leaves out.

Nothing is copied to a disk, and no file is held in memory as a whole. Paths are those of the tree's snapshot.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import msgspec

from harness.errors import BrokenMachinery
from harness.names import escape
from harness.snapshot import ext_inode, squash_format
from harness.snapshot.ext import tree_of_inodes
from harness.snapshot.limits import Budget
from harness.snapshot.oci import Blob
from harness.snapshot.squash import inodes_of_squash
from harness.snapshot.stream import Forward, Member
from harness.snapshot.tar import TAR_ERRORS, clean, damaged

_BLOCK = 1 << 20
_ENCODING = sys.getfilesystemencoding()


@dataclass(frozen=True)
class Source:
    """Where a tree was read: a folder, or a part of a file that is of a form; *top*: the folder of it that is the tree."""

    form: str  # "folder", "tar", "ext image", "squashfs"
    at: Path | Blob
    top: bytes = b""


class Content(msgspec.Struct, frozen=True):
    """One entry of a tree. ``mtime`` in seconds since the epoch; ``blocks``: of a regular file, to be read before the next entry."""

    path: bytes
    mtime: int
    blocks: Iterator[bytes]


def contents(source: Source) -> Iterator[Content]:
    """Every entry, a directory before what lies in it: of a folder in byte order, of all else as it lies there.

    Of a path that stands twice in a tar both are given. Raises BrokenMachinery for what cannot be read.
    """
    where = escape(os.fsencode(source.at.path if isinstance(source.at, Blob) else source.at))
    if isinstance(source.at, Path):
        yield from _of_folder(os.fsencode(source.at), where)
        return
    budget = Budget(where)
    budget.allow(source.at.path.stat())
    every = {"tar": _of_tar, "ext image": _of_ext, "squashfs": _of_squash}[source.form](source.at, where, budget)
    prefix = source.top + b"/" if source.top else b""
    for one in every:
        if one.path == source.top:
            yield Content(b"", one.mtime, one.blocks)
        elif one.path.startswith(prefix):
            yield Content(one.path[len(prefix) :], one.mtime, one.blocks)


def _of_folder(top: bytes, where: str) -> Iterator[Content]:
    root = os.lstat(top)
    yield Content(b"", int(root.st_mtime), iter(()))
    folders = [(top, b"")]
    while folders:
        full, prefix = folders.pop()
        before = prefix + b"/" if prefix else b""
        try:
            here = os.open(full, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _unread(where, prefix, error) from error
        inside = []
        try:
            with os.scandir(here) as names:
                every = sorted(
                    [
                        (one.name.encode(_ENCODING, "surrogateescape"), one.is_file(follow_symlinks=False))
                        for one in names
                    ]
                )
            for name, regular in every:
                try:
                    if regular:
                        file = os.open(name, _OPEN, dir_fd=here)
                        status = os.fstat(file)
                        if status.st_size <= _BLOCK:
                            yield _small(file, status, before + name)
                        else:
                            yield from _file(file, status, before + name)
                        continue
                    status = os.stat(name, dir_fd=here, follow_symlinks=False)
                    yield Content(before + name, int(status.st_mtime), iter(()))
                except OSError as error:
                    raise _unread(where, before + name, error) from error
                if stat.S_ISDIR(status.st_mode) and status.st_dev == root.st_dev:
                    inside.append((full + b"/" + name, before + name))
        finally:
            os.close(here)
        folders += reversed(inside)


def _unread(where: str, path: bytes, error: OSError) -> BrokenMachinery:
    return BrokenMachinery(
        f"{escape(path) or '/'} cannot be read: {error.strerror}",
        where=where,
        remedy="may you read it, and all that is in it?",
    )


_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _small(file: int, status: os.stat_result, path: bytes) -> Content:
    """A regular file that is read at once: what a block of it costs is most of what a small one costs."""
    try:
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        return Content(path, int(status.st_mtime), iter((os.read(file, size),) if size else ()))
    finally:
        os.close(file)


def _file(file: int, status: os.stat_result, path: bytes) -> Iterator[Content]:
    """A regular file. What is no longer one has no content, and so is not what was sealed."""
    try:
        yield Content(path, int(status.st_mtime), _blocks(file, status.st_size if stat.S_ISREG(status.st_mode) else 0))
    finally:
        os.close(file)


def _blocks(file: int, left: int) -> Iterator[bytes]:
    while left and (block := os.read(file, min(_BLOCK, left))):
        left -= len(block)
        yield block


def _of_tar(blob: Blob, where: str, budget: Budget) -> Iterator[Content]:
    try:
        with blob.open() as file:
            stream = cast("IO[bytes]", Forward(file, budget))
            with tarfile.open(
                fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape", tarinfo=Member
            ) as archive:
                while (member := archive.next()) is not None:
                    archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                    yield Content(
                        clean(member.name.encode("utf-8", "surrogateescape")),
                        int(member.mtime),
                        _member(archive, member),
                    )
    except TAR_ERRORS as error:
        raise damaged(error, where) from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream = archive.extractfile(member) if member.isreg() else None
    while stream is not None and (block := stream.read(_BLOCK)):
        yield block


def _of_ext(blob: Blob, where: str, budget: Budget) -> Iterator[Content]:
    with blob.path.open("rb") as file, _errors(where):
        image = ext_inode.open_image(file, blob.offset, blob.size, budget)
        for path, inode in tree_of_inodes(image):
            yield Content(path, inode.mtime, image.content(inode) if stat.S_ISREG(inode.mode) else iter(()))


def _of_squash(blob: Blob, where: str, budget: Budget) -> Iterator[Content]:
    with blob.path.open("rb") as file, _errors(where):
        image = squash_format.open_image(cast("BinaryIO", _Window(file, blob)), budget)
        for path, inode in inodes_of_squash(image):
            yield Content(path, inode.mtime, image.content(inode) if inode.type == squash_format.FILE else iter(()))


class _Window(io.RawIOBase):
    """A part of a file as a file of its own, whose first byte is byte 0."""

    def __init__(self, file: BinaryIO, blob: Blob) -> None:
        self._file, self._blob, self._at = file, blob, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, to: int, whence: int = 0) -> int:
        self._at = to + {0: 0, 1: self._at, 2: self._blob.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._blob.size - self._at)
        self._file.seek(self._blob.offset + self._at)
        found = self._file.read(left if size < 0 else min(size, left))
        self._at += len(found)
        return found


@contextlib.contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except (ext_inode.Damaged, squash_format.Damaged, struct.error, OSError, ValueError, OverflowError) as error:
        raise BrokenMachinery(f"cannot be read: {error}", where=where, remedy="is it whole?") from error
