"""A tree as a tar: members as POSIX has them (pax), with every xattr, and nothing in them that says when or by whom they were packed.

Headers are made here, since ``tarfile`` takes a hundred microseconds for each, and a layer has a hundred thousand.
"""

from __future__ import annotations

import tarfile

from msgspec.structs import replace

from harness.snapshot.model import Entry, Kind, Snapshot

END = bytes(1024)  # two blocks of zeros
_BLOCK = 512
_XATTR = b"SCHILY.xattr."
_TYPES = {
    Kind.FILE: tarfile.REGTYPE, Kind.DIR: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE, Kind.CHAR: tarfile.CHRTYPE,
    Kind.BLOCK: tarfile.BLKTYPE, Kind.FIFO: tarfile.FIFOTYPE,
}  # fmt: skip
_LONGEST = 100  # bytes of a name in a header
_MOST = 0o7777777  # of an owner or a device number
_MOST_SIZE = 0o77777777777  # of a size or a time


def header(entry: Entry, mtime: int, first: bytes | None = None) -> bytes:
    """The header of an entry. *first*: the name under which the same inode stands already; then this is a hard link, without content.

    Sockets and what is unknown have no type in a tar: KeyError.
    """
    name = b"./" + entry.path + b"/" * (entry.kind is Kind.DIR and first is None and entry.path != b"")
    link = b"./" + first if first is not None else entry.target or b""
    size = entry.size if entry.kind is Kind.FILE and first is None else 0
    kind = tarfile.LNKTYPE if first is not None else _TYPES[entry.kind]
    records: dict[bytes, bytes] = {}
    if len(name) > _LONGEST or not name.isascii():
        records[b"path"] = name
    if len(link) > _LONGEST or not link.isascii():
        records[b"linkpath"] = link
    numbers = {b"uid": entry.uid, b"gid": entry.gid, b"size": size, b"mtime": mtime}
    for key, most in ((b"uid", _MOST), (b"gid", _MOST), (b"size", _MOST_SIZE), (b"mtime", _MOST_SIZE)):
        if not 0 <= numbers[key] <= most:
            records[key] = b"%d" % numbers[key]
            numbers[key] = 0
    if first is None:
        records |= {_XATTR + key: value for key, value in entry.xattrs.items()}
    device = entry.device if entry.device is not None and first is None else (0, 0)
    own = _header(name, entry.mode, numbers, kind, link, device)
    return extended(records) + own if records else own


def _header(  # noqa: PLR0917 - the fields of a header, in their order
    name: bytes, mode: int, numbers: dict[bytes, int], kind: bytes, link: bytes, device: tuple[int, int]
) -> bytes:
    """One block (POSIX, ustar)."""
    before = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        _field(name), mode, numbers[b"uid"], numbers[b"gid"], numbers[b"size"], numbers[b"mtime"],
    )  # fmt: skip
    after = b"%s%sustar\00000%s%07o\0%07o\0%s" % (kind, _field(link), bytes(64), *device, bytes(167))
    total = sum(before) + 8 * 32 + sum(after)
    return b"%s%06o\0 %s" % (before, total, after)


def _field(name: bytes) -> bytes:
    """A name in a header; the whole of one that does not fit stands in a record before it."""
    plain = name if name.isascii() else bytes(byte if byte < 128 else 63 for byte in name)
    return plain[:_LONGEST].ljust(_LONGEST, b"\0")


def extended(records: dict[bytes, bytes]) -> bytes:
    """A pax header with records, and its own header before it."""
    content = b"".join(_record(key, value) for key, value in sorted(records.items()))
    numbers = {b"uid": 0, b"gid": 0, b"size": len(content), b"mtime": 0}
    own = _header(b"././@PaxHeader", 0, numbers, tarfile.XHDTYPE, b"", (0, 0))
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
    return bytes(-size % _BLOCK)


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
