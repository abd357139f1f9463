"""A described layer as its archive, byte for byte as the file says it: names are not cleaned, members are not sorted. Pure.

ustar with PAX records (POSIX.1-2008, pax), or GNU's members for long names (GNU tar's manual, "Basic Tar Format"). Times are 0.
"""

from __future__ import annotations

import base64
import tarfile
from dataclasses import dataclass

from harness.names import unescape
from harness.scenario.archive import ArchiveLayer, Member, as_member
from harness.snapshot.tar_write import END, extended, padding

_LONGEST = 100  # bytes of a name in a header
_MOST_ID = 0o7777777  # of an owner
_GNU_NAME = b"././@LongLink"
_GNU = {b"path": b"L", b"linkpath": b"K"}


@dataclass(frozen=True)
class _Plain:
    """What a header says of a member."""

    name: bytes
    kind: bytes
    link: bytes
    content: bytes
    size: int  # as the header says it
    mode: int
    owner: tuple[int, int]
    device: tuple[int, int]
    xattrs: dict[bytes, bytes]


def archive(layer: ArchiveLayer) -> bytes:
    """The archive of a checked layer: the same bytes every time."""
    out = b"".join(_member(_plain(as_member(one)), layer) for one in layer.members)
    return out + END if layer.ends else out


def is_folder(member: Member) -> bool:
    """Whether a member is a directory."""
    return member.path.endswith("/")


def _plain(member: Member) -> _Plain:
    kind, link = tarfile.DIRTYPE if is_folder(member) else tarfile.REGTYPE, b""
    for text, one in ((member.symlink, tarfile.SYMTYPE), (member.hardlink, tarfile.LNKTYPE)):
        if text is not None:
            kind, link = one, unescape(text)
    for there, one in (
        (member.char, tarfile.CHRTYPE),
        (member.block, tarfile.BLKTYPE),
        (member.fifo, tarfile.FIFOTYPE),
    ):
        kind = one if there else kind
    content = unescape(member.text or "")
    mode = member.mode or ("0755" if is_folder(member) else "0644")
    return _Plain(
        unescape(member.path), kind, link, content, len(content) if member.size is None else member.size,
        0o777 if member.symlink is not None and member.mode is None else int(mode, 8), member.owner or (0, 0),
        member.char or member.block or (0, 0), {name.encode(): unescape(value) for name, value in member.xattrs.items()},
    )  # fmt: skip


def _member(plain: _Plain, layer: ArchiveLayer) -> bytes:
    records: dict[bytes, bytes] = {}
    before = b""
    for key, name in ((b"path", plain.name), (b"linkpath", plain.link)):
        if layer.names == "records" and name:
            records[key] = name
        elif len(name) > _LONGEST and layer.names == "gnu":
            before += _gnu_name(_GNU[key], name)
        elif len(name) > _LONGEST:
            records[key] = name
    owner = list(plain.owner)
    for i, number in enumerate((b"uid", b"gid")):
        if owner[i] > _MOST_ID:
            records[number] = b"%d" % owner[i]
            owner[i] = 0
    for xattr, value in plain.xattrs.items():
        if layer.xattrs == "schily":
            records[b"SCHILY.xattr." + xattr] = value
        else:  # libarchive's tar(5): base64 without its padding
            records[b"LIBARCHIVE.xattr." + xattr] = base64.b64encode(value).rstrip(b"=")
    own = _header(plain, (owner[0], owner[1]), gnu=layer.names == "gnu" and not records)
    return before + (extended(records) if records else b"") + own + plain.content + padding(len(plain.content))


def _gnu_name(kind: bytes, name: bytes) -> bytes:
    content = name + b"\0"
    plain = _Plain(_GNU_NAME, kind, b"", content, len(content), 0o644, (0, 0), (0, 0), {})
    return _header(plain, (0, 0), gnu=True) + content + padding(len(content))


def _header(plain: _Plain, owner: tuple[int, int], *, gnu: bool) -> bytes:
    """One block. A name that does not fit is cut: the whole of it stands before."""
    before = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (_field(plain.name), plain.mode, *owner, plain.size, 0)
    magic = b"ustar  \0" if gnu else b"ustar\00000"
    after = b"%s%s%s%s%07o\0%07o\0%s" % (plain.kind, _field(plain.link), magic, bytes(64), *plain.device, bytes(167))
    total = sum(before) + 8 * 32 + sum(after)
    return b"%s%06o\0 %s" % (before, total, after)


def _field(name: bytes) -> bytes:
    return name[:_LONGEST].ljust(_LONGEST, b"\0")
