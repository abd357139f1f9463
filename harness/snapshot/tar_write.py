"""A tree as a tar: members as POSIX has them (pax), with every xattr, and nothing in them that says when or by whom they were packed.

Headers are made here, since ``tarfile`` takes a hundred microseconds for each, and a layer has a hundred thousand.
"""

from __future__ import annotations

import tarfile
from functools import lru_cache

from msgspec.structs import replace

from harness.snapshot.model import Entry, Kind, Snapshot

END = bytes(1024)  # two blocks of zeros
_BLOCK = 512
_XATTR = b"SCHILY.xattr."
_TYPES = {
    Kind.FILE: tarfile.REGTYPE, Kind.DIR: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE, Kind.CHAR: tarfile.CHRTYPE,
    Kind.BLOCK: tarfile.BLKTYPE, Kind.FIFO: tarfile.FIFOTYPE,
}  # fmt: skip
_PADDING = bytes(_BLOCK)
_LONGEST = 100  # bytes of a name in a header
_MOST = 0o7777777  # of an owner or a device number
_MOST_SIZE = 0o77777777777  # of a size or a time


def header(entry: Entry, mtime: int, first: bytes | None = None) -> bytes:
    """The header of an entry. *first*: the name under which the same inode stands already; then this is a hard link, without content.

    Sockets and what is unknown have no type in a tar: KeyError.
    """
    kind = entry.kind
    name = b"./" + entry.path
    if kind is Kind.DIR and first is None and entry.path:
        name += b"/"
    link = entry.target or b"" if first is None else b"./" + first
    size = entry.size if kind is Kind.FILE and first is None else 0
    records: dict[bytes, bytes] = {}
    if len(name) > _LONGEST or not name.isascii():
        records[b"path"] = name
        name = _field(name)
    if len(link) > _LONGEST or not link.isascii():
        records[b"linkpath"] = link
        link = _field(link)
    uid, gid = entry.uid, entry.gid
    if uid > _MOST or gid > _MOST or size > _MOST_SIZE or not 0 <= mtime <= _MOST_SIZE or uid < 0 or gid < 0:
        numbers = (
            (b"uid", uid, _MOST),
            (b"gid", gid, _MOST),
            (b"size", size, _MOST_SIZE),
            (b"mtime", mtime, _MOST_SIZE),
        )
        records |= {key: b"%d" % number for key, number, most in numbers if not 0 <= number <= most}
        uid, gid, size, mtime = (number if 0 <= number <= most else 0 for _, number, most in numbers)
    device = entry.device if entry.device is not None and first is None else (0, 0)
    type_ = tarfile.LNKTYPE if first is not None else _TYPES[kind]
    own = _header(name, _owned(entry.mode, uid, gid), size, mtime, _after(type_, link, device))
    if first is None and entry.xattrs:
        if not records:
            return _extended(tuple(entry.xattrs.items())) + own
        records |= {_XATTR + key: value for key, value in entry.xattrs.items()}
    return extended(records) + own if records else own


@lru_cache(maxsize=256)  # a tree has the same few on file after file; each is 64 KiB at most
def _extended(xattrs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return extended({_XATTR + key: value for key, value in xattrs})


Summed = tuple[bytes, int]  # a part of a header, and the sum of its bytes


@lru_cache(maxsize=256)
def _owned(mode: int, uid: int, gid: int) -> Summed:
    part = b"%07o\0%07o\0%07o\0" % (mode, uid, gid)
    return part, sum(part)


@lru_cache(maxsize=256)
def _after(kind: bytes, link: bytes, device: tuple[int, int]) -> Summed:
    """What stands behind the checksum."""
    part = b"%s%sustar\00000%s%07o\0%07o\0%s" % (kind, link.ljust(_LONGEST, b"\0"), bytes(64), *device, bytes(167))
    return part, sum(part)


def _header(name: bytes, owned: Summed, size: int, mtime: int, after: Summed) -> bytes:
    """One block (POSIX, ustar). Of the checksum, in which its own field counts as blanks, most is the same for most entries."""
    numbers = b"%011o\0%011o\0" % (size, mtime)
    total = sum(name) + owned[1] + sum(numbers) + 8 * 32 + after[1]
    return b"%s%s%s%06o\0 %s" % (name.ljust(_LONGEST, b"\0"), owned[0], numbers, total, after[0])


def _field(name: bytes) -> bytes:
    """A name in a header; the whole of one that does not fit stands in a record before it."""
    plain = name if name.isascii() else bytes(byte if byte < 128 else 63 for byte in name)
    return plain[:_LONGEST]


def extended(records: dict[bytes, bytes]) -> bytes:
    """A pax header with records, and its own header before it."""
    content = b"".join(_record(key, value) for key, value in sorted(records.items()))
    own = _header(b"././@PaxHeader", _owned(0, 0, 0), len(content), 0, _after(tarfile.XHDTYPE, b"", (0, 0)))
    return own + content + padding(len(content))


def _record(key: bytes, value: bytes) -> bytes:
    """``LENGTH KEY=VALUE`` and a line break; the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def padding(size: int) -> bytes:
    """What follows a content of *size* bytes up to the next block."""
    return _PADDING[: -size % _BLOCK]


def tar_of(tree: Snapshot) -> bytes:
    """A tree of which a snapshot alone is there: content that it does not hold is as many zeros; what has no type is an empty file."""
    out = bytearray()
    for entry in tree:
        member = entry if entry.kind in _TYPES else replace(entry, kind=Kind.FILE, size=0, text=b"")
        first = entry.same_as if entry.same_as not in {None, entry.path} and entry.same_as in tree else None
        content = b""
        if member.kind is Kind.FILE and first is None:
            content = member.text if member.text is not None else bytes(member.size)
        out += header(replace(member, size=len(content)), 0, first) + content + padding(len(content))
    return bytes(out) + END
