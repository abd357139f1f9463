"""The inside of a squashfs 4.0 image: metadata blocks, tables, inodes, directories, contents. Bounded, and without privilege.

Source of the format: the kernel's ``Documentation/filesystems/squashfs.rst`` and ``fs/squashfs/squashfs_fs.h``. Numbers are little-endian;
sizes are in bytes. A *reference* is the place of a metadata block in its table, shifted by 16, and an offset in what that block holds.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import BinaryIO

from harness.snapshot.limits import Budget

MAGIC = b"hsqs"
DIR, FILE, LINK, BLOCK, CHAR, FIFO, SOCKET = range(1, 8)  # the types of inodes; an extended one's is larger by seven

_SUPER = struct.Struct("<4s4I6H8Q")
_METADATA = 8192  # of one block, uncompressed
_NONE, _NOWHERE = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_PREFIXES = (b"user.", b"trusted.", b"security.")
_ELSEWHERE = 0x100  # of an xattr's type: its value is kept once, in another place
_SMALLEST, _LARGEST = 1 << 12, 1 << 20  # of a data block
_LONGEST_TARGET = 65535
_OTHERS = {3: "lzo", 5: "lz4", 6: "zstd"}  # compressors that Python cannot read by itself


class Damaged(Exception):
    """The image's own structure is wrong; the message says where."""


def _inflate(data: bytes, most: int) -> bytes:
    return zlib.decompressobj().decompress(data, most)


def _unpack_lzma(data: bytes, most: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, most)


_COMPRESSORS: dict[int, Callable[[bytes, int], bytes]] = {1: _inflate, 2: _unpack_lzma, 4: _unpack_lzma}


@dataclass(frozen=True)
class Inode:
    """``at``: its reference, which all names of one hard-link group share."""

    at: int
    type: int
    mode: int
    uid: int
    gid: int
    size: int = 0  # of a file; of a directory's listing
    device: tuple[int, int] = (0, 0)
    target: bytes = b""
    xattrs: int = _NONE
    start: int = 0  # of a file's blocks, or of a directory's listing, as a reference
    fragment: tuple[int, int] = (_NONE, 0)  # its number, and the offset in it
    sizes: tuple[int, ...] = ()  # of a file's blocks, as they lie there
    mtime: int = 0  # seconds since the epoch


@dataclass
class Cursor:
    """Bytes of metadata, read from the front to the end, over the borders of its blocks."""

    image: Image
    block: int
    offset: int

    def read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            data, after = self.image.metadata(self.block)
            found += (part := data[self.offset : self.offset + size - len(found)])
            self.offset += len(part)
            if len(found) < size:
                if len(data) < _METADATA:
                    raise Damaged(f"the metadata at byte {self.block} ends too early")
                self.block, self.offset = after, 0
        return found

    def take(self, form: str) -> tuple[int, ...]:
        """Numbers, in the words of ``struct``."""
        layout = struct.Struct("<" + form)
        return layout.unpack(self.read(layout.size))


@dataclass
class Image:
    """An open image. Every byte that is unpacked of it is taken from the budget."""

    file: BinaryIO
    budget: Budget
    block_size: int
    root: int
    inodes: int
    listings: int
    unpack: Callable[[bytes, int], bytes]
    ids: tuple[int, ...] = ()
    fragments: tuple[tuple[int, int], ...] = ()
    pairs: int = 0  # where names and values of xattrs begin
    sets: tuple[tuple[int, int], ...] = field(default=())  # of xattrs: the reference of the first, and how many

    def __post_init__(self) -> None:
        self.metadata = lru_cache(256)(self._metadata)
        self._fragment = lru_cache(32)(self._data)

    def at(self, where: int, size: int) -> bytes:
        """Bytes of the file. Raises Damaged where it has fewer."""
        self.file.seek(where)
        data = self.file.read(size)
        if len(data) < size:
            raise Damaged(f"it ends before byte {where + size}")
        return data

    def _metadata(self, where: int) -> tuple[bytes, int]:
        """A block of metadata, and where the next one begins."""
        (head,) = struct.unpack("<H", self.at(where, 2))
        size = head & 0x7FFF
        data = self._unpacked(self.at(where + 2, size), _METADATA, plain=bool(head & 0x8000), where=where)
        return data, where + 2 + size

    def _data(self, where: int, word: int) -> bytes:
        size = word & 0xFFFFFF
        if size > self.block_size:
            raise Damaged(f"the block at byte {where} says that it has {size} bytes")
        return self._unpacked(self.at(where, size), self.block_size, plain=bool(word & 1 << 24), where=where)

    def _unpacked(self, data: bytes, most: int, *, plain: bool, where: int) -> bytes:
        if not plain:
            try:
                data = self.unpack(data, most)
            except (zlib.error, lzma.LZMAError, EOFError) as error:
                raise Damaged(f"the block at byte {where} cannot be unpacked: {error}") from error
        if not data or len(data) > most:
            raise Damaged(f"the block at byte {where} holds {len(data)} bytes")
        self.budget.take(len(data))
        return data

    def table(self, where: int, count: int, form: str) -> Iterator[tuple[int, ...]]:
        """The rows of a table, which lie in metadata blocks that a list names."""
        if not count:
            return
        layout = struct.Struct("<" + form)
        blocks = -(-count * layout.size // _METADATA)
        for number, (block,) in enumerate(struct.iter_unpack("<Q", self.at(where, blocks * 8))):
            rows = min(count - number * (_METADATA // layout.size), _METADATA // layout.size)
            yield from layout.iter_unpack(Cursor(self, block, 0).read(rows * layout.size))

    def inode(self, at: int) -> Inode:
        """The inode at a reference. Raises Damaged."""
        cursor = Cursor(self, self.inodes + (at >> 16), at & 0xFFFF)
        number, mode, uid, gid, mtime, _ = cursor.take("4H2I")
        extended, kind = number > SOCKET, number - SOCKET if number > SOCKET else number
        if not DIR <= kind <= SOCKET or max(uid, gid) >= len(self.ids):
            raise Damaged(f"the inode {at:#x} is of type {number}, with owners {uid} and {gid} of {len(self.ids)}")
        owned = (at, kind, mode & 0o7777, self.ids[uid], self.ids[gid])
        if kind == DIR:
            return replace(_directory(owned, cursor, extended=extended), mtime=mtime)
        if kind == FILE:
            return replace(self._file(owned, cursor, extended=extended), mtime=mtime)
        cursor.take("I")  # its link count
        target, device = b"", (0, 0)
        if kind == LINK:
            (size,) = cursor.take("I")
            if size > _LONGEST_TARGET:
                raise Damaged(f"the symbolic link {at:#x} has {size} bytes")
            target = cursor.read(size)
        elif kind in {BLOCK, CHAR}:
            (number,) = cursor.take("I")
            device = (number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)
        xattrs = cursor.take("I")[0] if extended else _NONE
        return Inode(*owned, device=device, target=target, xattrs=xattrs, mtime=mtime)

    def _file(self, owned: tuple[int, int, int, int, int], cursor: Cursor, *, extended: bool) -> Inode:
        xattrs = _NONE
        if extended:
            start, size, _, _, fragment, offset, xattrs = cursor.take("3Q4I")
        else:
            start, fragment, offset, size = cursor.take("4I")
        blocks = size // self.block_size if fragment != _NONE else -(-size // self.block_size)
        self.budget.take(blocks * 4)
        sizes = struct.unpack(f"<{blocks}I", cursor.read(blocks * 4))
        return Inode(*owned, size=size, xattrs=xattrs, start=start, fragment=(fragment, offset), sizes=sizes)

    def names(self, folder: Inode) -> Iterator[tuple[bytes, int]]:
        """The names in a directory, in their order there, and the references of their inodes."""
        cursor = Cursor(self, self.listings + (folder.start >> 16), folder.start & 0xFFFF)
        left = folder.size - 3  # the size counts "." and "..", which are not there
        while left > 0:
            count, block, _ = cursor.take("3I")
            left -= 12
            for _ in range(count + 1):
                if left <= 0:
                    raise Damaged("a directory has more names than room for them")
                offset, _, _, length = cursor.take("HhHH")
                name = cursor.read(length + 1)
                left -= 9 + length
                if b"/" in name or b"\0" in name or name in {b".", b".."}:
                    raise Damaged(f"a directory holds the name {name!r}")
                yield name, block << 16 | offset

    def content(self, inode: Inode) -> Iterator[bytes]:
        """A file's content, block by block; its holes are zeros."""
        left, where = inode.size, inode.start
        for word in inode.sizes:
            size = min(left, self.block_size)
            if word & 0xFFFFFF:
                block = self._data(where, word)
                where += word & 0xFFFFFF
            else:
                block = bytes(size)
                self.budget.take(size)
            if len(block) != size:
                raise Damaged(f"a file's block holds {len(block)} bytes, not {size}")
            yield block
            left -= size
        number, offset = inode.fragment
        if number != _NONE and left:
            if number >= len(self.fragments):
                raise Damaged(f"a file's end is in fragment {number} of {len(self.fragments)}")
            end = self._fragment(*self.fragments[number])[offset : offset + left]
            if len(end) != left:
                raise Damaged(f"a file's end has {len(end)} bytes, not {left}")
            yield end

    def xattrs(self, inode: Inode) -> dict[bytes, bytes]:
        """All of them, by their whole names."""
        if inode.xattrs == _NONE:
            return {}
        if inode.xattrs >= len(self.sets):
            raise Damaged(f"xattrs {inode.xattrs} of {len(self.sets)}")
        at, count = self.sets[inode.xattrs]
        cursor = Cursor(self, self.pairs + (at >> 16), at & 0xFFFF)
        found = {}
        for _ in range(count):
            kind, length = cursor.take("2H")
            if kind & 0xFF >= len(_PREFIXES):
                raise Damaged(f"an xattr of type {kind:#x}")
            name = _PREFIXES[kind & 0xFF] + cursor.read(length)
            (size,) = cursor.take("I")
            value = cursor
            if kind & _ELSEWHERE:
                (place,) = cursor.take("Q")
                value = Cursor(self, self.pairs + (place >> 16), place & 0xFFFF)
                (size,) = value.take("I")
            if size > _LONGEST_TARGET + 1:  # XATTR_SIZE_MAX
                raise Damaged(f"an xattr of {size} bytes")
            self.budget.take(length + size)
            found[name] = value.read(size)
        return found


def _directory(owned: tuple[int, int, int, int, int], cursor: Cursor, *, extended: bool) -> Inode:
    if extended:
        _, size, block, _, _, offset, xattrs = cursor.take("4I2HI")
    else:
        block, _, size, offset, _ = cursor.take("2I2HI")
        xattrs = _NONE
    return Inode(*owned, size=size, xattrs=xattrs, start=block << 16 | offset)


def open_image(file: BinaryIO, budget: Budget) -> Image:
    """The image that begins a file. Raises Damaged when there is none that can be read."""
    file.seek(0)
    head = file.read(_SUPER.size)
    if len(head) < _SUPER.size or head[:4] != MAGIC:
        raise Damaged("it has no magic word")
    _, _, _, block_size, fragments, compressor, _, _, ids, major, minor, root, _, *tables = _SUPER.unpack(head)
    id_table, xattr_table, inodes, listings, fragment_table, _ = tables
    if (major, minor) != (4, 0) or not _SMALLEST <= block_size <= _LARGEST:
        raise Damaged(f"it is of version {major}.{minor}, with blocks of {block_size} bytes")
    if compressor not in _COMPRESSORS:
        raise Damaged(f"its compressor is {_OTHERS.get(compressor, compressor)}; gzip, lzma and xz are read")
    image = Image(file, budget, block_size, root, inodes, listings, _COMPRESSORS[compressor])
    budget.take(fragments * 16)
    image.ids = tuple(number for (number,) in image.table(id_table, ids, "I"))
    image.fragments = tuple((start, size) for start, size, _ in image.table(fragment_table, fragments, "Q2I"))
    if xattr_table != _NOWHERE:
        image.pairs, sets, _ = struct.unpack("<Q2I", image.at(xattr_table, 16))
        budget.take(sets * 16)
        image.sets = tuple((at, count) for at, count, _ in image.table(xattr_table + 16, sets, "Q2I"))
    return image
