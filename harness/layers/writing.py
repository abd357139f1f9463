"""A sealed layer, written: as a tar, or as a folder. The order is that of its source, a directory's marks right behind it.

Whiteouts stand before what is new in their directory (image-spec, layer.md, wants them first); a path stands once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery, UsageError
from harness.layers.sealing import Sealed
from harness.names import escape
from harness.snapshot.contents import Content
from harness.snapshot.model import Entry, Kind
from harness.snapshot.tar_write import END, header, padding

_NOTHING: Iterator[bytes] = iter(())
_QUIET = "let nobody write there meanwhile"


class Item(msgspec.Struct, frozen=True):
    """One entry to be written. ``first``: the path of the same inode that was written before."""

    entry: Entry
    mtime: int
    blocks: Iterator[bytes]
    first: bytes | None = None


@dataclass
class _Order:
    sealed: Sealed
    firsts: dict[bytes, bytes] = field(default_factory=dict)
    marks: dict[bytes, list[Entry]] = field(default_factory=dict)


def items(sealed: Sealed, source: Callable[[], Iterable[Content]], *, repeats: bool = True) -> Iterator[Item]:
    """What is written, in its order. *repeats*: a path may stand twice in the *source*, which then is read twice.

    Raises BrokenMachinery where the source is not any more what was sealed.
    """
    order = _Order(sealed)
    for path in sorted(sealed.made):
        order.marks.setdefault(path.rpartition(b"/")[0], []).append(sealed.entries.entries[path])
    entries = sealed.entries.entries
    written: set[bytes] = set()
    last = 0
    for one in _each_once(source) if repeats else source():
        entry = entries.get(one.path)
        if entry is None or one.path in sealed.made:
            continue
        last = max(last, one.mtime)
        written.add(one.path)
        yield Item(entry, one.mtime, one.blocks) if entry.same_as is None else _linked(entry, one, order)
        for mark in order.marks.pop(one.path, ()) if entry.kind is Kind.DIR else ():
            written.add(mark.path)
            yield Item(mark, one.mtime, _NOTHING)
    for entry in sealed.entries:  # folders that an archive left away, and marks in them
        if entry.path not in written:
            if entry.path not in sealed.made and entry.kind is not Kind.DIR:
                raise BrokenMachinery("is not there any more", where=escape(entry.path), remedy=_QUIET)
            yield Item(entry, last, _NOTHING)


def _each_once(source: Callable[[], Iterable[Content]]) -> Iterator[Content]:
    """The last of each path: what stands later takes the place of what stood before."""
    left = Counter(one.path for one in source())
    for one in source():
        left[one.path] -= 1
        if not left[one.path]:
            yield one


def _linked(entry: Entry, one: Content, order: _Order) -> Item:
    assert entry.same_as is not None
    first = order.firsts.setdefault(entry.same_as, entry.path)
    return Item(
        entry, one.mtime, one.blocks if first == entry.path else _NOTHING, None if first == entry.path else first
    )


_TOGETHER = 1 << 20  # bytes


def write_tar(every: Iterable[Item], write: Callable[[bytes], object]) -> None:
    """As a tar; what is small is written together. Raises BrokenMachinery where a file was changed while it was read."""
    waiting: list[bytes] = []
    held = 0
    for item in every:
        entry = item.entry
        waiting.append(header(entry, item.mtime, item.first))
        held += len(waiting[-1])
        if entry.kind is Kind.FILE and item.first is None:
            size = 0
            for block in item.blocks:
                waiting.append(block)
                size += len(block)
                held += len(block)
                if held > _TOGETHER:
                    write(b"".join(waiting))
                    waiting.clear()
                    held = 0
            _need_size(entry, size)
            waiting.append(padding(size))
        if held > _TOGETHER:
            write(b"".join(waiting))
            waiting.clear()
            held = 0
    write(b"".join(waiting) + END)


def _need_size(entry: Entry, size: int) -> None:
    if size != entry.size:
        raise BrokenMachinery(
            f"has {size} bytes, and had {entry.size} when it was looked at",
            where=escape(entry.path),
            remedy=_QUIET,
        )


def write_folder(every: Iterable[Item], folder: Path) -> None:
    """As a folder, which must not be there. Raises UsageError where this user may not make an entry, BrokenMachinery for the rest."""
    top = os.fsencode(folder)
    folder.mkdir(0o700)
    folders: list[tuple[bytes, Item]] = []
    for item in every:
        where = top + b"/" + item.entry.path if item.entry.path else top
        try:
            _make(item, where, top)
            if item.entry.kind is Kind.DIR:
                folders.append((where, item))
            elif item.first is None:
                _dress(where, item)
        except PermissionError as error:
            raise UsageError(
                f"this user may not make it: {error.strerror}",
                where=escape(item.entry.path) or "/",
                remedy="run this as root, or write a tar: --output NAME.tar",
            ) from error
        except OSError as error:
            raise BrokenMachinery(f"cannot be made: {error.strerror}", where=escape(item.entry.path) or "/") from error
    for where, item in reversed(folders):  # the modes and times of folders last: what is made in them changes these
        _dress(where, item)


def _make(item: Item, where: bytes, top: bytes) -> None:
    entry = item.entry
    if item.first is not None:
        os.link(top + b"/" + item.first, where, follow_symlinks=False)
    elif entry.kind is Kind.DIR:
        if entry.path:
            os.mkdir(where, 0o700)  # noqa: PTH102 - a name in bytes, here and below
    elif entry.kind is Kind.LINK:
        os.symlink(entry.target or b"", where)  # noqa: PTH211
    elif entry.kind is Kind.FILE:
        file = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            size = 0
            for block in item.blocks:
                size += len(block)
                left = memoryview(block)
                while left:
                    left = left[os.write(file, left) :]
            _need_size(entry, size)
        finally:
            os.close(file)
    elif entry.kind is Kind.FIFO:
        os.mkfifo(where, 0o600)
    else:
        kind = {Kind.CHAR: 0o020000, Kind.BLOCK: 0o060000}[entry.kind]
        os.mknod(where, kind | 0o600, os.makedev(*(entry.device or (0, 0))))


def _dress(where: bytes, item: Item) -> None:
    """Owner before mode and xattrs: a change of owner drops set-uid bits and capabilities."""
    entry = item.entry
    if os.geteuid() == 0 or (entry.uid, entry.gid) != (os.geteuid(), os.getegid()):
        os.chown(where, entry.uid, entry.gid, follow_symlinks=False)
    for name, value in sorted(entry.xattrs.items()):
        os.setxattr(where, name, value, follow_symlinks=False)
    if entry.kind is not Kind.LINK:
        os.chmod(where, entry.mode)  # noqa: PTH101
    os.utime(where, (item.mtime, item.mtime), follow_symlinks=False)
