"""The log of a disk's writes, and the disk as a crash leaves it, from bytes."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from harness.diagnose.disk import Flag, Logged, Stop, read_log, stops, write_states
from harness.errors import BrokenMachinery

SECTOR = 512


def entry(at: int, sectors: int, flags: int, data: bytes = b"", words: bytes = b"") -> bytes:
    head = struct.pack("<QQQQ", at, sectors, flags, len(words)) + words
    return head.ljust(SECTOR, b"\0") + data


def log(*entries: bytes, count: int | None = None) -> io.BytesIO:
    head = struct.pack("<QQQI", 0x6A736677736872, 1, len(entries) if count is None else count, SECTOR)
    file = io.BytesIO(head.ljust(SECTOR, b"\0") + b"".join(entries))
    file.name = "writes"
    return file


def mark(words: str) -> bytes:
    return entry(0, 0, Flag.MARK, words=words.encode())


def test_entries_are_read_with_their_data_in_bytes() -> None:
    first, second = b"a" * SECTOR, b"b" * 2 * SECTOR
    read = list(
        read_log(
            log(
                entry(3, 1, Flag.METADATA, first), entry(8, 99, Flag.DISCARD), mark("step-0"), entry(0, 0, Flag.FLUSH),
                entry(4, 2, Flag.FUA, second),
            )
        )
    )  # fmt: skip
    assert [(one.at, one.flags, one.data) for one in read] == [
        (3 * SECTOR, Flag.METADATA, first), (8 * SECTOR, Flag.DISCARD, b""), (0, Flag.MARK, b""), (0, Flag.FLUSH, b""),
        (4 * SECTOR, Flag.FUA, second),
    ]  # fmt: skip
    assert [one.words for one in read] == [b"", b"", b"step-0", b"", b""]


@pytest.mark.parametrize(
    "file",
    [
        io.BytesIO(b""),
        io.BytesIO(b"\0" * SECTOR),
        log(entry(0, 2, 0, b"a" * SECTOR)),
        log(count=1),
    ],
)
def test_what_is_no_log_or_is_cut_is_said(file: io.BytesIO) -> None:
    file.name = "writes"
    with pytest.raises(BrokenMachinery) as caught:
        list(read_log(file))
    assert caught.value.where == "writes"


def test_a_crash_is_behind_each_write_of_a_step_that_is_on_the_disk_when_it_is_done() -> None:
    """Not behind others, nor outside of steps; and once before the first of them."""
    read = list(
        read_log(
            log(
                entry(1, 1, Flag.FUA, b"m" * SECTOR),
                mark("step-0"),
                entry(1, 1, Flag.METADATA, b"a" * SECTOR), entry(2, 1, Flag.FUA | Flag.METADATA, b"b" * SECTOR),
                entry(3, 0, Flag.FUA | Flag.FLUSH),
                entry(3, 1, Flag.FUA, b"c" * SECTOR),
                mark("after-0"),
                entry(4, 1, Flag.FUA, b"d" * SECTOR),
                mark("step-12"),
                entry(5, 1, Flag.FUA, b"e" * SECTOR),
                mark("after-12"), mark("dm-log-writes-end"),
            )
        )
    )  # fmt: skip
    assert stops(read) == [Stop(2, -1, 0), Stop(4, 0, 1), Stop(6, 0, 2), Stop(10, 12, 1)]
    assert stops(read[:1]) == []


def test_the_disk_is_laid_out_as_it_was_at_each_stop(tmp_path: Path) -> None:
    """What was not written is a hole; a later write wins; a block's rest is as it was."""
    size = 64 * 1024
    written = [
        Logged(4096 * 3 + 512, Flag.FUA, b"x" * 512), Logged(4096 * 3 + 512, Flag.FUA, b"y" * 512),
        Logged(4096 * 9 + 1024, Flag.FUA, b"z" * 8192),
    ]  # fmt: skip
    with (tmp_path / "states").open("w+b") as file:
        write_states(written, [Stop(1, 0, 1), Stop(3, 0, 2)], size, file)
        file.seek(0)
        raw = file.read()
    assert len(raw) == 2 * size
    one, two = raw[:size], raw[size:]
    assert one[4096 * 3 + 512 : 4096 * 3 + 1024] == b"x" * 512
    assert sum(map(bool, one)) == 512
    assert two[4096 * 3 + 512 : 4096 * 3 + 1024] == b"y" * 512
    assert two[4096 * 9 + 1024 : 4096 * 9 + 1024 + 8192] == b"z" * 8192
    assert sum(map(bool, two)) == 512 + 8192
    assert (tmp_path / "states").stat().st_blocks * 512 < len(raw)
