"""The structures of an ext image: superblock, inodes, blocks, directories, xattrs. Little-endian, sizes in bytes."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from harness.snapshot.limits import Budget

_MAGIC = 0xEF53
# feature_incompat: what a reader must know. Those that change nothing for a reader of a tree are known by doing nothing.
_FILETYPE, _RECOVER, _JOURNAL_DEV, _META_BG, _EXTENTS, _64BIT = 0x2, 0x4, 0x8, 0x10, 0x40, 0x80
_FLEX_BG, _EA_INODE, _CSUM_SEED, _LARGEDIR, _INLINE = 0x200, 0x400, 0x2000, 0x4000, 0x8000
_KNOWN = _FILETYPE | _RECOVER | _EXTENTS | _64BIT | _FLEX_BG | _EA_INODE | _CSUM_SEED | _LARGEDIR | _INLINE
_REFUSED = {0x1: "compression", _JOURNAL_DEV: "an external journal", _META_BG: "meta_bg", 0x100: "mmp", 0x1000: "dirdata",
            0x10000: "encryption", 0x20000: "casefold"}  # fmt: skip
_HARMLESS = 0x100 | 0x10000 | 0x20000  # mmp guards mounting; encrypted and folded names are bytes like others
_PREFIXES = {0: b"", 1: b"user.", 2: b"system.posix_acl_access", 3: b"system.posix_acl_default", 4: b"trusted.",
             6: b"security.", 7: b"system."}  # fmt: skip
_F_EXTENTS, _F_INLINE, _F_ENCRYPT = 0x80000, 0x10000000, 0x800
_MOST_XATTR = 1 << 16
_MOST_DIRECTORY = 1 << 28
_MOST_GROUPS = 1 << 20
_STEP = 1 << 20


class Damaged(Exception):
    """The image is none, or is damaged; the text says where."""


def is_ext(head: bytes) -> bool:
    """Whether the first 2048 bytes of a file are those of an ext2, ext3 or ext4 image."""
    return len(head) >= 1082 and struct.unpack_from("<H", head, 1024 + 56)[0] == _MAGIC


@dataclass(frozen=True)
class Inode:
    """One inode; ``raw`` is all of it as it lies there."""

    number: int
    mode: int
    uid: int
    gid: int
    size: int
    links: int
    flags: int
    acl: int  # the block with more xattrs, or 0
    raw: bytes

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def mtime(self) -> int:
        """When its content was last changed, in seconds since the epoch; what comes after 2038 is in bits that are not looked at."""
        return int(struct.unpack_from("<i", self.raw, 16)[0])

    @property
    def blocks(self) -> bytes:
        """The 60 bytes of ``i_block``."""
        return self.raw[40:100]

    @property
    def device(self) -> tuple[int, int]:
        """Major and minor: the old 16-bit form stands first, the new one second."""
        old, new = struct.unpack_from("<II", self.blocks)
        if old:
            return old >> 8 & 0xFF, old & 0xFF
        return new >> 8 & 0xFFF, (new & 0xFF) | (new >> 12 & 0xFFF00)


@dataclass(frozen=True)
class Image:
    """An opened image."""

    file: BinaryIO
    offset: int
    size: int
    block: int
    inodes: int
    per_group: int
    inode_size: int
    tables: tuple[int, ...]  # the first block of each group's inode table
    needs_recovery: bool
    budget: Budget

    def at(self, position: int, length: int) -> bytes:
        """Bytes of the image. Raises Damaged beyond its end, and LimitReached: what it holds may lead in circles."""
        if position < 0 or position + length > self.size:
            raise Damaged(f"it points to byte {position}, beyond its end at {self.size}")
        self.budget.take(length)
        self.file.seek(self.offset + position)
        found = self.file.read(length)
        if len(found) != length:
            raise Damaged("it is cut short")
        return found

    def inode(self, number: int) -> Inode:
        """An inode by its number. Raises Damaged for a number that the image does not have."""
        if not 1 <= number <= self.inodes:
            raise Damaged(f"it names inode {number} of {self.inodes}")
        group, index = divmod(number - 1, self.per_group)
        raw = self.at(self.tables[group] * self.block + index * self.inode_size, self.inode_size)
        mode, uid, low = struct.unpack_from("<HHI", raw)
        gid, links = struct.unpack_from("<HH", raw, 24)
        flags = struct.unpack_from("<I", raw, 32)[0]
        acl, high = struct.unpack_from("<II", raw, 104)
        acl_high, uid_high, gid_high = struct.unpack_from("<HHH", raw, 118)
        size = low | (high << 32 if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else 0)
        return Inode(
            number, mode, uid | uid_high << 16, gid | gid_high << 16, size, links, flags, acl | acl_high << 32, raw
        )

    # ---- content

    def content(self, inode: Inode) -> Iterator[bytes]:
        """The content of a file, in pieces; holes are zeros, and are taken from the budget like what is there."""
        if inode.flags & _F_INLINE:
            more, _ = self.xattrs(inode, inline=True)
            yield (inode.blocks + more.get(b"system.data", b""))[: inode.size]
            return
        left, done = inode.size, 0
        for logical, physical, count in self._runs(inode):
            if logical < done or count < 1:
                raise Damaged(f"the blocks of inode {inode.number} are not in their order")
            hole = min(left, (logical - done) * self.block)
            yield from self._zeros(hole)
            left -= hole
            if physical == 0:
                hole = min(left, count * self.block)
                yield from self._zeros(hole)
                left -= hole
            for index in range(count if physical else 0):
                if left <= 0:
                    return
                yield self.at((physical + index) * self.block, self.block)[:left]
                left -= min(left, self.block)
            done = logical + count
        yield from self._zeros(left)

    def _zeros(self, length: int) -> Iterator[bytes]:
        self.budget.take(length)
        piece = bytes(min(length, _STEP))
        while length > 0:
            yield piece[:length]
            length -= len(piece)

    def _runs(self, inode: Inode) -> Iterator[tuple[int, int, int]]:
        """Runs of blocks in the order of the file: logical block, physical block (0: reads as zeros), count."""
        if inode.flags & _F_EXTENTS:
            yield from self._extents(inode.blocks, inode, depth=6)
            return
        numbers = struct.unpack("<15I", inode.blocks)
        last = -(-inode.size // self.block)
        for logical, number in enumerate(numbers[:12]):
            if number and logical < last:
                yield logical, number, 1
        each = self.block // 4
        start = 12
        for level, number in enumerate(numbers[12:]):
            if number and start < last:
                yield from self._indirect(number, level, start, last)
            start += each ** (level + 1)

    def _indirect(self, number: int, level: int, start: int, last: int) -> Iterator[tuple[int, int, int]]:
        each = (self.block // 4) ** level
        for index, inside in enumerate(struct.unpack(f"<{self.block // 4}I", self.at(number * self.block, self.block))):
            logical = start + index * each
            if logical >= last:
                return
            if inside and level:
                yield from self._indirect(inside, level - 1, logical, last)
            elif inside:
                yield logical, inside, 1

    def _extents(self, node: bytes, inode: Inode, depth: int) -> Iterator[tuple[int, int, int]]:
        magic, entries, _, level = struct.unpack_from("<HHHH", node)
        if magic != 0xF30A or level >= depth or 12 + entries * 12 > len(node):
            raise Damaged(f"inode {inode.number} has a damaged extent tree")
        for index in range(entries):
            at = 12 + index * 12
            if level:
                _, low, high = struct.unpack_from("<IIH", node, at)
                yield from self._extents(self.at((low | high << 32) * self.block, self.block), inode, level)
            else:
                logical, count, high, low = struct.unpack_from("<IHHI", node, at)
                written = count <= 32768  # more: allocated and not written, which reads as zeros
                yield logical, (low | high << 32) if written else 0, count if written else count - 32768

    def target(self, inode: Inode) -> bytes:
        """Where a symbolic link points to."""
        if inode.size > 4096:
            raise Damaged(f"the link {inode.number} has a target of {inode.size} bytes")
        if inode.size < 60 and not inode.flags & (_F_EXTENTS | _F_INLINE):
            return inode.blocks[: inode.size]
        return b"".join(self.content(inode))

    # ---- directories

    def names(self, inode: Inode) -> Iterator[tuple[bytes, int]]:
        """Names and inode numbers of a directory, ``.`` and ``..`` left out. The index of a big one looks like an empty entry."""
        if inode.size > min(_MOST_DIRECTORY, self.size):
            raise Damaged(f"the directory {inode.number} claims {inode.size} bytes")
        if inode.flags & _F_INLINE:
            more, _ = self.xattrs(inode, inline=True)
            pieces: Iterable[bytes] = (inode.blocks[4:], more.get(b"system.data", b""))
        else:
            pieces = self.content(inode)
        for piece in pieces:
            yield from ((name, number) for name, number in _entries(piece) if name not in {b".", b".."})

    # ---- xattrs

    def xattrs(self, inode: Inode, *, inline: bool = False) -> tuple[dict[bytes, bytes], str]:
        """The xattrs of an inode, and in words what could not be read of them. *inline*: ``system.data`` too, which is content."""
        found: dict[bytes, bytes] = {}
        missed = ""
        if len(inode.raw) > 132:
            extra = struct.unpack_from("<H", inode.raw, 128)[0]
            start = 128 + extra
            if start + 4 <= len(inode.raw) and struct.unpack_from("<I", inode.raw, start)[0] == 0xEA020000:
                missed = _xattrs(inode.raw, start + 4, start + 4, found)
        if inode.acl:
            block = self.at(inode.acl * self.block, self.block)
            if struct.unpack_from("<I", block)[0] != 0xEA020000:
                raise Damaged(f"the xattr block of inode {inode.number} has no magic number")
            missed = _xattrs(block, 32, 0, found) or missed
        if not inline:
            found.pop(b"system.data", None)
        return found, missed


def _entries(block: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at + 8 <= len(block):
        number, length, name_length = struct.unpack_from("<IHB", block, at)
        if length < 8 or length % 4 or at + length > len(block):
            raise Damaged("a directory has an entry of an impossible length")
        if number and name_length:
            if name_length + 8 > length:
                raise Damaged("a directory has a name that is longer than its entry")
            yield block[at + 8 : at + 8 + name_length], number
        at += length


def _xattrs(raw: bytes, at: int, base: int, found: dict[bytes, bytes]) -> str:
    """Read xattr entries at *at*; values lie relative to *base*. Returns in words what was left out."""
    missed = ""
    while at + 16 <= len(raw) and raw[at : at + 4] != b"\0\0\0\0":
        name_length, index, value_at, value_inode, size, _ = struct.unpack_from("<BBHIII", raw, at)
        name = _PREFIXES.get(index, b"unknown%d." % index) + raw[at + 16 : at + 16 + name_length]
        if value_inode:
            missed = f"the xattr {name.decode('utf-8', 'replace')} lies in an inode of its own"
        elif size > _MOST_XATTR or base + value_at + size > len(raw):
            raise Damaged("an xattr lies beyond its block")
        else:
            found[name] = raw[base + value_at : base + value_at + size]
        at += 16 + (name_length + 3 & ~3)
    return missed


def open_image(file: BinaryIO, offset: int, size: int | None, budget: Budget) -> Image:
    """Open the image at *offset* of a file; *size* None: to the file's end. Raises Damaged when there is none that can be read."""
    end = file.seek(0, 2)
    size = end - offset if size is None else min(size, end - offset)
    file.seek(offset)
    head = file.read(2048)
    if not is_ext(head):
        raise Damaged("it has no ext superblock (magic number 0xEF53)")
    raw = head[1024:]
    inodes, blocks = struct.unpack_from("<II", raw)
    first, log_block = struct.unpack_from("<II", raw, 20)
    blocks_per_group, _, per_group = struct.unpack_from("<III", raw, 32)
    revision = struct.unpack_from("<I", raw, 76)[0]
    inode_size = struct.unpack_from("<H", raw, 88)[0] if revision else 128
    incompat = struct.unpack_from("<I", raw, 96)[0] if revision else 0
    if log_block > 6 or not per_group or not blocks_per_group or not inodes:
        raise Damaged("its superblock is damaged")
    unknown = incompat & ~(_KNOWN | _HARMLESS)
    if unknown:
        words = [word for bit, word in _REFUSED.items() if unknown & bit] or [f"feature {unknown:#x}"]
        raise Damaged(f"it uses {', '.join(words)}, which this reader does not know")
    block = 1024 << log_block
    descriptor = (struct.unpack_from("<H", raw, 254)[0] or 64) if incompat & _64BIT else 32
    if inode_size < 128 or inode_size > block or inode_size & (inode_size - 1) or not 32 <= descriptor <= 1024:
        raise Damaged("its superblock is damaged: the sizes of its tables are impossible")
    blocks |= struct.unpack_from("<I", raw, 336)[0] << 32 if incompat & _64BIT else 0
    groups = -(-(blocks - first) // blocks_per_group)
    if blocks * block > size + block or groups <= 0 or groups * descriptor > size or groups * per_group < inodes:
        raise Damaged(f"its superblock speaks of {blocks} blocks of {block} bytes, and there are {size} bytes")
    if groups > _MOST_GROUPS:
        raise budget.over(f"its superblock speaks of {groups} groups of blocks")
    image = Image(file, offset, size, block, inodes, per_group, inode_size, (), bool(incompat & _RECOVER), budget)
    table = image.at((first + 1) * block, groups * descriptor)
    tables = []
    for group in range(groups):
        low = struct.unpack_from("<I", table, group * descriptor + 8)[0]
        high = struct.unpack_from("<I", table, group * descriptor + 40)[0] if descriptor >= 64 else 0
        tables.append(low | high << 32)
    return replace(image, tables=tuple(tables))
