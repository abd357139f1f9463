"""What is hostile comes to an end, with words: files of kilobytes that stand for terabytes, for all memory, or for no end at all."""

from __future__ import annotations

import bz2
import io
import itertools
import json
import os
import shutil
import signal
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.bounded import bounded
from harness.cli.main import main
from harness.errors import BrokenMachinery, LimitReached
from harness.machine.process import run
from harness.snapshot import limits
from harness.snapshot.ext import read_ext
from harness.snapshot.ext_inode import Damaged, Image, Inode
from harness.snapshot.image import open_tree
from harness.snapshot.limits import FREE, MOST_HEADER, Budget
from harness.snapshot.model import Entry, Kind
from harness.snapshot.tar import entries_of_tar
from tests.snapshot.test_image import digest, layer, layout


def header(name: str, size: int, kind: bytes, linkname: str = "") -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, linkname
    return member.tobuf(tarfile.GNU_FORMAT)


class Zeros(io.RawIOBase):
    """A file that begins with some bytes and goes on in zeros; it says how much of it was read."""

    def __init__(self, head: bytes) -> None:
        self.head, self.read_of_it = head, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self.head[: len(buffer)].ljust(len(buffer), b"\0")
        buffer[:] = piece
        self.head = self.head[len(buffer) :]
        self.read_of_it += len(buffer)
        return len(buffer)


EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


@pytest.mark.parametrize("kind", EXTENSIONS)
@pytest.mark.parametrize("size", [MOST_HEADER + 1, 1 << 45, 1 << 62])
def test_a_header_that_would_fill_the_memory(tmp_path: Path, kind: bytes, size: int) -> None:
    endless = Zeros(header("x", size, kind))
    with pytest.raises(LimitReached, match="headers is longer than") as raised:
        list(entries_of_tar(endless, "here"))  # type: ignore[arg-type]
    assert raised.value.remedy
    assert endless.read_of_it < 4 * MOST_HEADER
    (tmp_path / "layer").write_bytes(header("x", size, kind) + bytes(10240))
    with pytest.raises(LimitReached, match="headers is longer than"):
        open_tree(tmp_path / "layer")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_of_headers(kind: bytes) -> None:
    chain = b"".join(header("x", 0, kind) for _ in range(3000)) + header("f", 0, tarfile.REGTYPE)
    with pytest.raises((BrokenMachinery, LimitReached)):
        list(entries_of_tar(io.BytesIO(chain), "here"))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, b"Z"])
def test_a_member_of_many_terabytes(kind: bytes) -> None:
    endless = Zeros(header("x", 1 << 45, kind))
    with pytest.raises(LimitReached, match="35184372088832 bytes"):
        list(entries_of_tar(endless, "here"))  # type: ignore[arg-type]
    assert endless.read_of_it < 4 * MOST_HEADER


def test_what_unpacks_to_more_than_it_can_stand_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FREE", 1 << 20)
    monkeypatch.setattr(Budget.__init__, "__defaults__", ("", 1 << 20, *(Budget.__init__.__defaults__ or ())[2:]))
    size = 32 << 20
    (tmp_path / "bomb").write_bytes(bz2.compress(header("x", size, tarfile.REGTYPE) + bytes(size)))
    with pytest.raises(LimitReached, match="stand for"):
        open_tree(tmp_path / "bomb")
    assert main(["inspect", str(tmp_path / "bomb")]) == 2


def sparse(records: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("f")
        member.pax_headers = records
        archive.addfile(member)
        archive.addfile(tarfile.TarInfo("g"))
    return out.getvalue()


def test_holes_of_terabytes_in_a_tar_are_not_read_and_the_rest_is() -> None:
    budget = Budget("here")
    raw = sparse({"GNU.sparse.size": str(1 << 45), "GNU.sparse.map": f"{1 << 45},0"})
    found = list(entries_of_tar(io.BytesIO(raw), "here", budget))
    assert [(one.path, one.size, bool(one.digest)) for one in found] == [(b"f", 1 << 45, False), (b"g", 0, True)]
    assert "the content of f, 35184372088832 bytes" in budget.reached[0]


def test_a_map_of_holes_that_goes_back() -> None:
    raw = sparse({"GNU.sparse.size": "60000", "GNU.sparse.map": ",".join(f"{at},1" for at in range(5000, 0, -1))})
    with pytest.raises(BrokenMachinery, match="impossible map of holes"):
        list(entries_of_tar(io.BytesIO(raw), "here"))


def test_holes_of_terabytes_in_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree/f").open("wb") as file:
        file.truncate(1 << 42)
    (tmp_path / "tree/.wh.g").touch()
    assert main(["inspect", str(tmp_path / "tree")]) == 2
    printed = capsys.readouterr().out
    assert ".wh.g" in printed
    assert f"not seen: the content of f, {1 << 42} bytes" in printed
    assert "no findings in what was seen" in printed


def test_a_hole_as_a_blob_is_not_digested(tmp_path: Path) -> None:
    top = layout(tmp_path / "image", [("tar", layer("d/"))])
    with (top / "blobs" / digest(layer("d/")).replace(":", "/")).open("r+b") as file:
        file.truncate(1 << 42)
    assert "its digest is not checked" in open_tree(top).notes[0]


def test_one_layer_twenty_thousand_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = layout(tmp_path / "image", [("tar", layer("d/", "d/f"))])

    def named(times: int) -> None:
        manifest = json.dumps({"layers": [{"digest": digest(layer("d/", "d/f"))}] * times}).encode()
        (top / "blobs" / digest(manifest).replace(":", "/")).write_bytes(manifest)
        (top / "index.json").write_text(json.dumps({"manifests": [{"digest": digest(manifest)}]}))

    named(20_000)
    with pytest.raises(LimitReached, match="20000 layers"):
        open_tree(top)
    named(100)
    reads: list[object] = []
    original = tarfile.TarFile.next
    monkeypatch.setattr(tarfile.TarFile, "next", lambda self: reads.append(0) or original(self))  # type: ignore[func-returns-value]
    opened = open_tree(top)
    assert len(opened.layers) == 100
    assert {one.name[:8] for one in opened.layers} >= {"layer 1 ", "layer 99"}
    assert len(reads) < 10
    monkeypatch.setattr(Budget.__init__, "__defaults__", ("", FREE, 50, *(Budget.__init__.__defaults__ or ())[3:]))
    assert any("more than" in one.unread for one in open_tree(top).layers)


def test_names_that_stand_for_more_than_memory_holds() -> None:
    budget = Budget("here", held=5000, entries=3)
    budget.keep(Entry(b"a" * 4000, Kind.FILE))
    with pytest.raises(LimitReached, match="names and xattrs"):
        budget.keep(Entry(b"a", Kind.FILE, xattrs={b"user.x": b"y" * 2000}))
    budget = Budget("here", entries=1)
    budget.keep(Entry(b"a", Kind.FILE))
    with pytest.raises(LimitReached, match="entries"):
        budget.keep(Entry(b"b", Kind.FILE))


def test_a_path_without_its_folders_gets_them_and_one_of_thousands_is_a_limit(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(layer("a/b/f"))
    assert list(open_tree(tmp_path / "layer").layers[0].snapshot.entries) == [b"", b"a", b"a/b", b"a/b/f"]
    (tmp_path / "layer").write_bytes(sparse({"path": "a/" * 100_000}))
    with pytest.raises(LimitReached, match="names and xattrs"):
        open_tree(tmp_path / "layer")


def test_the_last_net_has_words_and_is_taken_away() -> None:
    with pytest.raises(LimitReached, match="MiB of memory"), bounded("here", memory=1 << 40):
        raise MemoryError
    with pytest.raises(LimitReached, match="more than 0 s"), bounded("here", time=0.01):
        sum(0 for _ in itertools.count())
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def an_image(file: io.BytesIO, size: int) -> Image:
    return Image(file, 0, size, 1024, 16, 16, 128, (0,), False, Budget("here"))


def an_inode(size: int, blocks: bytes, flags: int = 0) -> Inode:
    raw = bytes(40) + blocks.ljust(60, b"\0") + bytes(28)
    return Inode(12, 0o100644, 0, 0, size, 1, flags, 0, raw)


@pytest.mark.parametrize(
    ("old", "new", "device"),
    [
        (5 << 8 | 1, 0, (5, 1)),
        (0, 0, (0, 0)),
        (0, 300 << 8 | 70000 & 0xFF | (70000 & 0xFFF00) << 12, (300, 70000)),
        (0, 5 << 8 | 1, (5, 1)),
    ],
)
def test_device_numbers_in_ext(old: int, new: int, device: tuple[int, int]) -> None:
    assert an_inode(0, struct.pack("<II", old, new)).device == device


def test_device_numbers_in_a_tar() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("c", tarfile.CHRTYPE), ("b", tarfile.BLKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.devmajor, member.devminor = kind, 5, 70000
            archive.addfile(member)
    out.seek(0)
    assert [one.device for one in entries_of_tar(out, "here")] == [(5, 70000), (5, 70000)]


@pytest.mark.real
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin"), reason="mke2fs, root"
)
def test_device_numbers_in_an_image_and_in_its_folder(tmp_path: Path) -> None:
    wanted = {b"old": (5, 1), b"new": (300, 70000)}
    (tmp_path / "tree").mkdir()
    for name, (major, minor) in wanted.items():
        os.mknod(tmp_path / "tree" / name.decode(), 0o020600, os.makedev(major, minor))
    with (tmp_path / "image").open("wb") as file:
        file.truncate(4 << 20)
    assert run(["mke2fs", "-q", "-F", "-t", "ext3", "-d", tmp_path / "tree", tmp_path / "image"]).ok
    for path in (tmp_path / "tree", tmp_path / "image"):
        found = open_tree(path).layers[0].snapshot
        assert {one.path: one.device for one in found if one.kind is Kind.CHAR} == wanted


def test_a_block_that_names_itself() -> None:
    """Block 1 is full of its own number: through three levels it stands for 16 million blocks."""
    raw = io.BytesIO(bytes(1024) + struct.pack("<I", 1) * 256 + bytes(1024))
    image = replace(an_image(raw, 3072), budget=Budget("here", content=8 << 20))
    inode = an_inode(6 << 20, bytes(48) + struct.pack("<III", 1, 1, 1))
    with pytest.raises(LimitReached):
        [list(image.content(inode)) for _ in range(3)]


def extents(level: int, *entries: bytes) -> bytes:
    return struct.pack("<HHHHI", 0xF30A, len(entries), 84, level, 0) + b"".join(entries)


def test_extents_that_stand_still_or_go_back() -> None:
    empty = struct.pack("<IHHI", 0, 0, 0, 1)
    back = struct.pack("<IHHI", 0, 1, 0, 1)
    for leaf in ((empty,), (back, back)):
        image = an_image(io.BytesIO(bytes(4096)), 4096)
        with pytest.raises(Damaged, match="not in their order"):
            list(image.content(an_inode(1 << 20, extents(0, *leaf), 0x80000)))


def test_an_extent_tree_of_nothing_but_branches() -> None:
    """Every branch of four levels leads to the block below it, 80 times, and at the end there is nothing."""
    branch = [struct.pack("<IIHH", 0, block, 0, 0) for block in (1, 2, 3, 4)]
    blocks = [bytes(1024), *(extents(3 - n, *[branch[n + 1]] * 80) for n in range(3)), extents(0)]
    raw = b"".join(block.ljust(1024, b"\0") for block in blocks)
    image = replace(an_image(io.BytesIO(raw), len(raw)), budget=Budget("here", content=1 << 22))
    with pytest.raises(LimitReached):
        list(image.content(an_inode(1 << 20, extents(4, *[branch[0]] * 4), 0x80000)))


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin"), reason="mke2fs is not installed")
def test_holes_of_terabytes_in_an_image(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree/f").open("wb") as file:
        file.truncate(1 << 40)
    with (tmp_path / "image").open("wb") as file:
        file.truncate(4 << 20)
    assert run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tmp_path / "tree", tmp_path / "image"]).ok
    budget = Budget("here")
    with (tmp_path / "image").open("rb") as file:
        (found,) = (one for one in read_ext(file, "image", budget=budget).entries if one.path == b"f")
    assert (found.size, found.digest) == (1 << 40, "")
    assert "the content of f" in budget.reached[0]
