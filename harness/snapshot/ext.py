"""A tree from an ext2, ext3 or ext4 image, without mounting it and without privilege.

So what really lies in an overlay image is seen, every xattr among it, whoever wrote it and whoever may read it. Source of the
format: the kernel's ``Documentation/filesystems/ext4``. Numbers are little-endian; sizes are in bytes.
"""

from __future__ import annotations

import contextlib
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from harness.errors import BrokenMachinery
from harness.names import escape
from harness.snapshot.ext_inode import Damaged, Image, Inode, is_ext, open_image
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind
from harness.snapshot.tar import content_of

__all__ = ["ExtTree", "is_ext", "read_ext"]

_ROOT = 2  # the inode of the root directory
_KINDS = {
    stat.S_IFDIR: Kind.DIR, stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK, stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK, stat.S_IFIFO: Kind.FIFO, stat.S_IFSOCK: Kind.SOCKET,
}  # fmt: skip
_REMEDY = "e2fsck -n says what is wrong with it"


@dataclass(frozen=True)
class ExtTree:
    """The entries of an image, and in plain words what was not looked at."""

    entries: list[Entry]
    unseen: tuple[str, ...]


@dataclass
class _Walk:
    """One walk over an image: what it has met."""

    image: Image
    first_of: dict[int, bytes] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)


def read_ext(
    file: BinaryIO,
    where: str,
    *,
    offset: int = 0,
    size: int | None = None,
    top: bytes = b"",
    budget: Budget | None = None,
) -> ExtTree:
    """Read the image that begins at *offset* of *file*; *top*: a folder of it whose content is the tree, ``b""`` for all of it.

    Raises BrokenMachinery when there is no such image or folder, or when its own structure is damaged, and LimitReached when it would
    cost more than *budget*; without one, what the file is good for. What cannot be read of a single
    entry makes that entry unknown, and is said in ``unseen``.
    """
    with _errors(where):
        walk = _Walk(open_image(file, offset, size, budget or _budget(file, where)))
        image = walk.image
        if image.needs_recovery:
            walk.unseen.append("the journal was not replayed: the image was not unmounted cleanly")
        start = _find(walk, top)
        entries = list(_tree(walk, start))
    if not top:
        entries = _without_lost_and_found(entries)
    return ExtTree(_linked(entries), tuple(dict.fromkeys(walk.unseen)))


def folders_of_ext(file: BinaryIO, where: str, *, offset: int, size: int, budget: Budget) -> set[bytes]:
    """The folders at the top of an image. Raises as :func:`read_ext`."""
    with _errors(where):
        image = open_image(file, offset, size, budget)
        return {name for name, number in image.names(image.inode(_ROOT)) if image.inode(number).is_dir}


def _budget(file: BinaryIO, where: str) -> Budget:
    budget = Budget(where)
    budget.allow(file)
    return budget


@contextlib.contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except Damaged as error:
        raise BrokenMachinery(f"the ext image cannot be read: {error}", where=where, remedy=_REMEDY) from error
    except (struct.error, OSError, ValueError, OverflowError) as error:
        raise BrokenMachinery(f"the ext image is damaged: {error}", where=where, remedy=_REMEDY) from error


def _find(walk: _Walk, top: bytes) -> Inode:
    inode = walk.image.inode(_ROOT)
    for part in (part for part in top.split(b"/") if part):
        names = dict(walk.image.names(inode)) if inode.is_dir else {}
        if part not in names:
            raise Damaged(f"it holds no folder {escape(top)!r}")
        inode = walk.image.inode(names[part])
    if not inode.is_dir:
        raise Damaged(f"{escape(top) or 'its root'!r} is no folder")
    return inode


def tree_of_inodes(image: Image) -> Iterator[tuple[bytes, Inode]]:
    """Every path and its inode, a directory before what lies in it. Raises Damaged, which a snapshot says entry by entry."""
    folders = [(b"", image.inode(_ROOT))]
    yield folders[0]
    entered = {_ROOT}
    while folders:
        path, folder = folders.pop()
        for name, number in image.names(folder):
            inode = image.inode(number)
            inside = path + b"/" + name if path else name
            yield inside, inode
            if inode.is_dir and number not in entered:
                entered.add(number)
                folders.append((inside, inode))


def _tree(walk: _Walk, start: Inode) -> Iterator[Entry]:
    yield _entry(walk, b"", start)
    folders: list[tuple[bytes, Inode]] = [(b"", start)]
    entered = {start.number}
    while folders:
        path, folder = folders.pop()
        for name, number in _names(walk, path, folder):
            if not number:
                yield Entry((path + b"/" if path else b"") + b"?", Kind.UNKNOWN)
                continue
            inside = path + b"/" + name if path else name
            try:
                inode = walk.image.inode(number)
                entry = _entry(walk, inside, inode)
            except (Damaged, struct.error, OverflowError, ValueError) as error:
                walk.unseen.append(f"{escape(inside)} could not be read: {error}")
                yield walk.image.budget.keep(Entry(inside, Kind.UNKNOWN))
                continue
            yield walk.image.budget.keep(entry)
            if inode.is_dir:
                if number in entered:  # a directory has one name: a second way to it is damage, and may be a loop
                    walk.unseen.append(f"{escape(inside)} is a directory that is there under another name too")
                else:
                    entered.add(number)
                    folders.append((inside, inode))


def _names(walk: _Walk, path: bytes, folder: Inode) -> Iterator[tuple[bytes, int]]:
    """The names of a directory; the inode 0, which is none, stands for those that could not be read."""
    try:
        yield from walk.image.names(folder)
    except (Damaged, struct.error) as error:
        walk.unseen.append(f"{escape(path) or '/'} could not be listed: {error}")
        yield b"?", 0


def _entry(walk: _Walk, path: bytes, inode: Inode) -> Entry:
    kind = _KINDS.get(stat.S_IFMT(inode.mode), Kind.UNKNOWN)
    xattrs, missed = walk.image.xattrs(inode)
    if missed:
        walk.unseen.append(f"{escape(path) or '/'}: {missed}")
    size, digest, text = 0, "", None
    if kind is Kind.FILE:
        size = inode.size
        if walk.image.budget.spares(size, path) and walk.image.budget.digests:
            digest, text = content_of(walk.image.content(inode), size)
    target = walk.image.target(inode) if kind is Kind.LINK else None
    same_as = None
    if kind is not Kind.DIR and inode.links > 1:
        same_as = walk.first_of.setdefault(inode.number, path)
    device = inode.device if kind in {Kind.CHAR, Kind.BLOCK} else None
    return Entry(
        path, kind, inode.mode & 0o7777, inode.uid, inode.gid, size, device, digest, text, target, same_as, xattrs, 1
    )


def _linked(entries: list[Entry]) -> list[Entry]:
    """Name every hard-link group by its first path in byte order; a link count without a second name is no group."""
    groups: dict[bytes, list[bytes]] = {}
    for entry in entries:
        if entry.same_as is not None:
            groups.setdefault(entry.same_as, []).append(entry.path)
    first = {path: min(group) for path, group in groups.items()}
    made = []
    for entry in entries:
        group = groups.get(entry.same_as, []) if entry.same_as is not None else []
        if len(group) > 1:
            entry = msgspec.structs.replace(entry, same_as=first[entry.same_as or b""], links=len(group))  # noqa: PLW2901
        elif entry.same_as is not None:
            entry = msgspec.structs.replace(entry, same_as=None, links=1)  # noqa: PLW2901
        made.append(entry)
    return made


def _without_lost_and_found(entries: list[Entry]) -> list[Entry]:
    """mke2fs makes ``lost+found``; it says something only when something was found."""
    if any(entry.path.startswith(b"lost+found/") for entry in entries):
        return entries
    return [entry for entry in entries if entry.path != b"lost+found"]
