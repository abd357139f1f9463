"""What a kernel wrote to a disk, in its order: the log of the device mapper's log-writes, and the disk as a crash leaves it. Pure.

The format is that of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst, and its source): little-endian;
a sector for the head, then for each entry a sector, before its data.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import BinaryIO

from harness.errors import BrokenMachinery

_MAGIC = 0x6A736677736872
_HEAD, _ENTRY = struct.Struct("<QQQI"), struct.Struct("<QQQQ")
_MARK = re.compile(rb"(step|after)-(\d+)")
_BLOCK = 4096  # bytes; what is copied of a disk is copied in such


class Flag(IntFlag):
    """What the kernel says of a write."""

    FLUSH = 1  # what was written before is on the disk
    FUA = 2  # this is on the disk when it is done
    DISCARD = 4  # it has no data
    MARK = 8  # no write, but a word of ours
    METADATA = 16


@dataclass(frozen=True)
class Logged:
    """One entry. ``at``: where on the disk, in bytes; ``words``: of a mark."""

    at: int
    flags: Flag
    data: bytes = b""
    words: bytes = b""


@dataclass(frozen=True)
class Stop:
    """A crash after so many entries of the log. ``step``: during which, by its index; ``ordinal``: at which commit of it, from 1.

    The state before the first step has the step -1.
    """

    entries: int
    step: int
    ordinal: int


def read_log(file: BinaryIO) -> Iterator[Logged]:
    """The entries of a log. Raises BrokenMachinery for what is none, or is cut."""
    magic, version, count, sector = _HEAD.unpack(_exactly(file, 0, _HEAD.size))
    if magic != _MAGIC or version != 1 or not 512 <= sector <= 65536:
        raise BrokenMachinery(
            "this is no log of writes", where=str(file.name), remedy="does its kernel have dm-log-writes?"
        )
    place = sector
    for _ in range(count):
        at, sectors, raw, length = _ENTRY.unpack(_exactly(file, place, _ENTRY.size))
        flags = Flag(raw)
        words = _exactly(file, place + _ENTRY.size, min(length, sector - _ENTRY.size)) if Flag.MARK in flags else b""
        place += sector
        size = 0 if flags & (Flag.DISCARD | Flag.MARK) else sectors * sector
        yield Logged(at * sector, flags, _exactly(file, place, size) if size else b"", words)
        place += size


def _exactly(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    data = file.read(size)
    if len(data) != size:
        raise BrokenMachinery("a log of writes is cut", where=str(file.name), remedy="is there room for it?")
    return data


def stops(log: Sequence[Logged]) -> list[Stop]:
    """Where a crash leaves another state: before the first step, and behind each write of a step that is on the disk when it is done.

    What a file system with a journal shows after a crash changes with its commits alone, and these are such writes. Of what lies between
    two of them every part may be lost: which parts is not looked at.
    """
    found: list[Stop] = []
    step = None
    ordinal = 0
    for number, one in enumerate(log, 1):
        mark = _MARK.fullmatch(one.words)
        if mark and mark[1] == b"step":
            step, ordinal = int(mark[2]), 0
            found += [] if found else [Stop(number, -1, 0)]
        elif mark:
            step = None
        elif step is not None and Flag.FUA in one.flags and one.data:
            ordinal += 1
            found.append(Stop(number, step, ordinal))
    return found


def write_states(log: Sequence[Logged], stops: Sequence[Stop], size: int, file: BinaryIO) -> None:
    """The disk, of *size* bytes, at each stop, one behind the other in a file; where nothing was written it has holes. Raises OSError."""
    disk = bytearray(size)
    written: set[int] = set()
    done = 0
    for number, stop in enumerate(stops):
        for one in log[done : stop.entries]:
            disk[one.at : one.at + len(one.data)] = one.data
            written.update(range(one.at // _BLOCK, -(-(one.at + len(one.data)) // _BLOCK)))
        done = stop.entries
        for block in sorted(written):
            piece = disk[block * _BLOCK : (block + 1) * _BLOCK]
            if piece.count(0) != len(piece):
                file.seek(number * size + block * _BLOCK)
                file.write(piece)
    file.truncate(len(stops) * size)
