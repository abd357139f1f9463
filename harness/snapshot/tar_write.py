"""A tree as a tar: members as POSIX has them (pax), with every xattr, and nothing in them that says when or by whom they were packed."""

from __future__ import annotations

import tarfile

from harness.snapshot.model import Entry, Kind

END = bytes(1024)  # two blocks of zeros
_BLOCK = 512
_XATTR = "SCHILY.xattr."
_TYPES = {
    Kind.FILE: tarfile.REGTYPE, Kind.DIR: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE, Kind.CHAR: tarfile.CHRTYPE,
    Kind.BLOCK: tarfile.BLKTYPE, Kind.FIFO: tarfile.FIFOTYPE,
}  # fmt: skip


def header(entry: Entry, mtime: int, first: bytes | None = None) -> bytes:
    """The header of an entry. *first*: the name under which the same inode stands already; then this is a hard link, without content.

    Sockets and what is unknown have no type in a tar: KeyError.
    """
    info = tarfile.TarInfo(_text(b"./" + entry.path if entry.path else b"./"))
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, mtime
    if first is not None:
        info.type, info.linkname = tarfile.LNKTYPE, _text(b"./" + first)
    else:
        info.type = _TYPES[entry.kind]
        info.linkname = _text(entry.target or b"")
        info.devmajor, info.devminor = entry.device or (0, 0)
        info.size = entry.size if entry.kind is Kind.FILE else 0
        info.pax_headers = {_XATTR + _text(name): _text(value) for name, value in sorted(entry.xattrs.items())}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What follows a content of *size* bytes up to the next block."""
    return bytes(-size % _BLOCK)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
