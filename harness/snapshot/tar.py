"""A tree from a PAX tar: the evidence of a cell, or a layer."""

from __future__ import annotations

import hashlib
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import msgspec

from harness.errors import BrokenMachinery
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind
from harness.snapshot.stream import Forward, Member

SHORT = 256  # bytes of content that are kept as they are

_XATTR = "SCHILY.xattr."
_KINDS = {
    tarfile.DIRTYPE: Kind.DIR,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.CHRTYPE: Kind.CHAR,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
}


# What tarfile raises for an archive that is cut, damaged or hostile: not all of it is a TarError (PAX numbers, gzip headers).
TAR_ERRORS = (
    tarfile.TarError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
_REMEDY = "was it cut, or is it still being written? tar -tvf says where it ends"


def content_of(blocks: Iterable[bytes], size: int) -> tuple[str, bytes | None]:
    """The digest of a content, and itself where it is short. *size*: of all its blocks, in bytes."""
    digest, first = hashlib.sha256(), b""
    for block in blocks:
        digest.update(block)
        if len(first) <= SHORT:
            first += block
    return digest.hexdigest(), first if size <= SHORT else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def clean(name: bytes) -> bytes:
    """A member's name as a path of the tree: ``./a/`` is ``a``."""
    parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
    return b"/".join(parts)


def entries_of_tar(file: IO[bytes], where: str, budget: Budget | None = None) -> Iterator[Entry]:
    """Every member in the order of the archive; a path may stand twice.

    Raises BrokenMachinery for what is no tar, and LimitReached when it would cost more than *budget* (else: what the file is good for).
    """
    if budget is None:
        budget = Budget(where)
        budget.allow(file)
    groups: dict[bytes, Entry] = {}
    try:
        stream = cast("IO[bytes]", Forward(file, budget))
        with tarfile.open(
            fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape", tarinfo=Member
        ) as archive:
            while (member := archive.next()) is not None:
                entry = budget.keep(_entry(archive, member, groups, budget))
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
                groups[entry.path] = entry
                yield entry
    except TAR_ERRORS as error:
        raise damaged(error, where) from error


def damaged(error: Exception, where: str) -> BrokenMachinery:
    """The error of an archive that tarfile could not read."""
    return BrokenMachinery(f"is no tar, or a damaged one: {error}", where=where, remedy=_REMEDY)


def read_tar(path: Path) -> list[Entry]:
    """All entries of a tar file, hard links joined to groups."""
    with path.open("rb") as file:
        return join_links(list(entries_of_tar(file, str(path))))


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, seen: dict[bytes, Entry], budget: Budget) -> Entry:
    path = clean(_bytes(member.name))
    xattrs = {
        _bytes(key[len(_XATTR) :]): _bytes(value) for key, value in member.pax_headers.items() if key.startswith(_XATTR)
    }
    common = (path, member.mode & 0o7777, member.uid, member.gid)
    if member.islnk():
        target = clean(_bytes(member.linkname))
        first = seen.get(target)
        if first is None:
            return Entry(path, Kind.UNKNOWN, common[1], *common[2:], same_as=target, target=target)
        return Entry(
            path, first.kind, first.mode, first.uid, first.gid, first.size, first.device, first.digest, first.text,
            first.target, target, first.xattrs, 2,
        )  # fmt: skip
    if member.issparse() and not budget.spares(member.size, path):
        return Entry(path, Kind.FILE, *common[1:], size=member.size, xattrs=xattrs)
    if member.isreg() and not budget.digests and not member.issparse():
        return Entry(path, Kind.FILE, *common[1:], size=member.size, xattrs=xattrs)
    if member.isreg():
        if member.issparse():
            budget.take(member.size)  # its holes are in no archive
        stream = archive.extractfile(member)
        digest, text, size = hashlib.sha256(), b"", 0
        while stream is not None and (block := stream.read(1 << 20)):
            digest.update(block)
            size += len(block)
            text = text + block[:SHORT] if len(text) < SHORT else text
        return Entry(
            path,
            Kind.FILE,
            *common[1:],
            size=size,
            digest=digest.hexdigest(),
            text=text if size <= SHORT else None,
            xattrs=xattrs,
        )
    kind = _KINDS.get(member.type, Kind.UNKNOWN)
    return Entry(
        path, kind, *common[1:],
        device=(member.devmajor, member.devminor) if kind in {Kind.CHAR, Kind.BLOCK} else None,
        target=_bytes(member.linkname) if kind is Kind.LINK else None,
        xattrs=xattrs,
    )  # fmt: skip


def join_links(entries: list[Entry]) -> list[Entry]:
    """Name every hard-link group by its first path in byte order, on all of its members."""
    root: dict[bytes, bytes] = {}
    for entry in entries:
        if entry.same_as is not None:
            root[entry.path] = root.get(entry.same_as, entry.same_as)
    if not root:
        return entries
    members: dict[bytes, list[bytes]] = {}
    for path, first in root.items():
        members.setdefault(first, [first]).append(path)
    names: dict[bytes, tuple[bytes, int]] = {}
    for group in members.values():
        names |= dict.fromkeys(group, (min(group), len(group)))
    return [
        msgspec.structs.replace(entry, same_as=names[entry.path][0], links=names[entry.path][1])
        if entry.path in names
        else entry
        for entry in entries
    ]
