"""A tree from a folder on this machine, without following anything out of it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from harness.errors import BrokenMachinery
from harness.names import escape
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import SHORT

_KINDS = {
    stat.S_IFDIR: Kind.DIR,
    stat.S_IFREG: Kind.FILE,
    stat.S_IFLNK: Kind.LINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}
_BLOCK = 1 << 20
_ENCODING = sys.getfilesystemencoding()
_NO_XATTRS = {errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA}


@dataclass
class _Walk:
    """One walk over a tree: what it may cost, what it has met, and in plain words what it could not read."""

    budget: Budget
    first_of: dict[tuple[int, int], bytes] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)

    def miss(self, path: bytes, what: str, error: OSError) -> None:
        self.missed.append(f"{what}{escape(path) or '/'}: {error.strerror}")


def _walked(top: bytes, walk: _Walk) -> Iterator[Entry]:
    """Every entry of the tree at *top*, itself first, directory by directory.

    Content is digested with sha256. What was listed and cannot be looked at is ``unknown``; a directory that cannot be listed
    holds one unknown entry ``?``. Another file system that is mounted below is named and not entered.
    Raises BrokenMachinery when *top* itself is no folder that can be read.
    """
    try:
        root = os.lstat(top)
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=escape(top)) from error
    if not stat.S_ISDIR(root.st_mode):
        raise BrokenMachinery("is no folder", where=escape(top))
    yield _make(b"", root, _xattrs(top), walk)
    folders = [(top, b"")]
    while folders:
        full, prefix = folders.pop()
        for entry, device in _list(full, prefix, walk):
            yield walk.budget.keep(entry)
            if entry.kind is Kind.DIR and device == root.st_dev:
                folders.append((full + b"/" + entry.name, entry.path))


def _list(full: bytes, prefix: bytes, walk: _Walk) -> Iterator[tuple[Entry, int]]:
    """The entries of one directory, each with its device number.

    Everything is asked through descriptors: a path is walked once for each file, which is most of the time of a snapshot.
    """
    before = prefix + b"/" if prefix else b""
    try:
        here = os.open(full, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        walk.miss(prefix, "the folder ", error)
        yield Entry(before + b"?", Kind.UNKNOWN), -1
        return
    try:
        with os.scandir(here) as names:
            for name in names:
                raw = name.name.encode(
                    _ENCODING, "surrogateescape"
                )  # as os.fsencode, which costs more than the call of a file
                try:
                    yield _look(here, full, raw, before + raw, walk, regular=name.is_file(follow_symlinks=False))
                except OSError as error:
                    walk.miss(before + raw, "", error)
                    yield Entry(before + raw, Kind.UNKNOWN), -1
    except OSError as error:
        walk.miss(prefix, "the rest of the folder ", error)
        yield Entry(before + b"?", Kind.UNKNOWN), -1
    finally:
        os.close(here)


def _look(here: int, full: bytes, name: bytes, path: bytes, walk: _Walk, *, regular: bool) -> tuple[Entry, int]:
    if regular:
        try:
            file = os.open(name, _OPEN, dir_fd=here)
        except PermissionError as error:
            walk.miss(path, "content and xattrs of ", error)
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            return _make(path, status, {}, walk, content=(status.st_size, "", None)), status.st_dev
        try:
            status = os.fstat(file)
            if stat.S_ISREG(status.st_mode):
                xattrs = _xattrs(file)
                return _make(path, status, xattrs, walk, content=_content(file, path, status, walk)), status.st_dev
        finally:
            os.close(file)
    status = os.stat(name, dir_fd=here, follow_symlinks=False)
    whole = full + b"/" + name
    target = os.readlink(name, dir_fd=here) if stat.S_ISLNK(status.st_mode) else None
    return _make(path, status, _xattrs(whole), walk, target=target), status.st_dev


_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOTHING = (0, "", None)


def _make(
    path: bytes,
    status: os.stat_result,
    xattrs: dict[bytes, bytes],
    walk: _Walk,
    *,
    content: tuple[int, str, bytes | None] = _NOTHING,
    target: bytes | None = None,
) -> Entry:
    mode = status.st_mode
    kind = _KINDS.get(stat.S_IFMT(mode), Kind.UNKNOWN)
    device = (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in _DEVICES else None
    links, same_as = status.st_nlink, None
    if kind is Kind.DIR:
        links = 1
    elif links > 1:
        same_as = walk.first_of.setdefault((status.st_dev, status.st_ino), path)
    size, digest, text = content
    return Entry(
        path,
        kind,
        mode & 0o7777,
        status.st_uid,
        status.st_gid,
        size,
        device,
        digest,
        text,
        target,
        same_as,
        xattrs,
        links,
    )


_DEVICES = frozenset({Kind.CHAR, Kind.BLOCK})


def _content(file: int, path: bytes, status: os.stat_result, walk: _Walk) -> tuple[int, str, bytes | None]:
    expected = status.st_size
    if expected > _BLOCK:  # holes cost nothing on disk, and time to read
        walk.budget.allow(status)
        if not walk.budget.spares(expected, path):
            return expected, "", None
        walk.budget.take(expected)
    if not walk.budget.digests:
        return expected, "", None
    # a buffer of the file's size: a fixed one of 1 MiB costs more than all the rest for small files
    block = os.read(file, min(expected, _BLOCK) + 1)
    digest, size, first = hashlib.sha256(block), len(block), block
    while block and size != expected:
        block = os.read(file, _BLOCK)
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest(), first if size <= SHORT else None


def _xattrs(file: int | bytes) -> dict[bytes, bytes]:
    follow = isinstance(file, int)
    try:
        names = os.listxattr(file, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return {}
        raise
    if not names:
        return {}
    found: dict[bytes, bytes] = {}
    for name in names:
        try:
            found[os.fsencode(name)] = os.getxattr(file, name, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in _NO_XATTRS:
                raise
    return found


def unseen_here() -> tuple[str, ...]:
    """The xattr namespaces that this process cannot read: ``trusted.*`` needs root in the first user namespace."""
    with open("/proc/self/uid_map", encoding="utf-8") as file:  # noqa: PTH123
        first = file.read().split() == ["0", "0", "4294967295"]
    return () if first and os.geteuid() == 0 else ("trusted",)


def read_folder(top: bytes, budget: Budget | None = None) -> Snapshot:
    """The snapshot of a folder; what could not be read is said in its ``unseen``.

    Raises BrokenMachinery when *top* itself is no folder that can be read, LimitReached when it would cost more than *budget*.
    """
    walk = _Walk(budget or Budget(escape(top)))
    entries = sorted(_walked(top, walk), key=lambda entry: entry.path)
    firsts: dict[bytes, bytes] = {}  # the order of the walk is the file system's: name link groups by their first path
    for entry in entries:
        if entry.same_as is not None:
            firsts.setdefault(entry.same_as, entry.path)
    if firsts:
        entries = [
            msgspec.structs.replace(e, same_as=firsts[e.same_as]) if e.same_as is not None else e for e in entries
        ]
    return Snapshot.of(entries, unseen=(*unseen_here(), *walk.missed))
