"""A tree from a squashfs image, without mounting it, without privilege, and by no program that the image's makers use.

``push --layer-format tar`` calls sqfs2tar: what that gets wrong would hide itself if it also read what the push is compared with.
Names, devices, xattrs of every namespace, hard links and doubles are as they lie there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from harness.errors import BrokenMachinery
from harness.snapshot import squash_format as form
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind
from harness.snapshot.squash_format import Damaged, Image, Inode
from harness.snapshot.tar import content_of

_KINDS = {
    form.DIR: Kind.DIR, form.FILE: Kind.FILE, form.LINK: Kind.LINK, form.BLOCK: Kind.BLOCK, form.CHAR: Kind.CHAR,
    form.FIFO: Kind.FIFO, form.SOCKET: Kind.SOCKET,
}  # fmt: skip
_REMEDY = "unsquashfs -lls says whether it is whole; of another compressor it is read by whiteout-lab inspect, which asks sqfs2tar"


def read_squash(file: BinaryIO, where: str, budget: Budget | None = None) -> list[Entry]:
    """Every entry, a folder before what lies in it, in the order in which the image lists them; the further names of an inode are links.

    Raises BrokenMachinery when it is none or damaged, or its compressor is not known here, and LimitReached when it would cost more than
    *budget* (else: what the file is good for).
    """
    if budget is None:
        budget = Budget(where)
        budget.allow(file)
    try:
        return list(_entries(form.open_image(file, budget), budget))
    except (Damaged, struct.error, OSError, ValueError, OverflowError) as error:
        raise BrokenMachinery(f"the squashfs cannot be read: {error}", where=where, remedy=_REMEDY) from error


def inodes_of_squash(image: Image) -> Iterator[tuple[bytes, Inode]]:
    """Every path and its inode, a directory before what lies in it. Raises Damaged."""
    waiting = [(b"", image.root)]
    entered: set[int] = set()
    while waiting:
        path, at = waiting.pop()
        inode = image.inode(at)
        yield path, inode
        if inode.type == form.DIR and at not in entered:
            entered.add(at)
            waiting += reversed(list(_inside(image, path, inode)))


def _entries(image: Image, budget: Budget) -> Iterator[Entry]:
    known: dict[int, Entry] = {}
    waiting = [iter([(b"", image.root)])]  # of each folder on the way, the innermost last: what it still has
    while waiting:
        path, at = next(waiting[-1], (b"", -1))
        if at < 0:
            waiting.pop()
            continue
        first = known.get(at)
        if first is None:
            inode = image.inode(at)
            entry = known[at] = budget.keep(_entry(image, path, inode, budget))
            yield entry
            if entry.kind is Kind.DIR:
                waiting.append(_inside(image, path, inode))
        elif first.kind is Kind.DIR:  # it has one name: a second way to it is damage, and may be a loop
            raise Damaged(f"the directory {first.path!r} is there under another name too")
        else:
            yield budget.keep(msgspec.structs.replace(first, path=path, same_as=first.path, links=2))


def _inside(image: Image, path: bytes, folder: Inode) -> Iterator[tuple[bytes, int]]:
    return ((path + b"/" + name if path else name, at) for name, at in image.names(folder))


def _entry(image: Image, path: bytes, inode: Inode, budget: Budget) -> Entry:
    kind = _KINDS[inode.type]
    size, digest, text = 0, "", None
    if kind is Kind.FILE:
        size = inode.size
        if budget.spares(size, path) and budget.digests:
            digest, text = content_of(image.content(inode), size)
    return Entry(
        path, kind, inode.mode, inode.uid, inode.gid, size,
        device=inode.device if kind in {Kind.CHAR, Kind.BLOCK} else None,
        digest=digest, text=text, target=inode.target if kind is Kind.LINK else None, xattrs=image.xattrs(inode),
    )  # fmt: skip
