"""Images that mksquashfs makes are read as the folder they were made of; damaged ones end in an error with its remedy."""

from __future__ import annotations

import io
import os
import random
import shutil
import socket
import struct
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery, LimitReached
from harness.machine.process import run
from harness.snapshot.folder import read_folder
from harness.snapshot.image import open_tree
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.squash import read_squash
from harness.snapshot.tar import join_links

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="mksquashfs is not installed"),
]

NAMES = (
    b"new\nline", b"nl\n", b"\nnl", b"\xff\xfebad", b"back\\slash", b"end\\", b"a\\\nb", b"\\n", b"\\012", b"sp ace", b" lead", b"trail ",
    b'quo"te', b"sing'le", b"#hash", b"# START OF DATA - DO NOT MODIFY", b"tab\tx", b"cr\rx", b"\x01\x1b[31m", b"n" * 255, b"-dash",
    b"<script>", b"=", b"\xe2\x80\xa8", b".wh.f", b".wh..wh..opq",
)  # fmt: skip


def tree(top: Path) -> None:
    """A folder with everything that an upper may hold, and names that take a listing in lines apart."""
    (top / "lab/d/deep\n\\ er").mkdir(parents=True)
    (top / "lab/none").mkdir()
    at = os.fsencode(top / "lab") + b"/"
    for number, name in enumerate(NAMES):
        Path(os.fsdecode(at + name)).write_bytes(b"content %d\n" % number)
    Path(os.fsdecode(at + b"sym\nlink")).symlink_to(os.fsdecode(b'to \n\\ "x" \xff\nlab/forged R 0 644 0 0 0 0'))
    (top / "lab/long").symlink_to("x" * 4000)
    (top / "lab/empty").touch()
    (top / "lab/zeros").write_bytes(bytes(300_000))
    (top / "lab/big").write_bytes(random.Random(1).randbytes(400_000))
    with (top / "lab/sparse").open("wb") as file:
        file.truncate(3 << 20)
        file.seek(1 << 20)
        file.write(b"in the middle")
    (top / "lab/h1").write_bytes(b"linked")
    for name in (b"h2", b"d/h\n3"):
        os.link(top / "lab/h1", at + name)
    for number in range(1500):
        (top / f"lab/d/{'n' * 40}{number}").touch()
    (top / "lab/h1").chmod(0o4751)
    (top / "lab/d").chmod(0o1777)
    os.mkfifo(top / "lab/fifo", 0)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(top / "lab/door"))
    os.setxattr(top / "lab/d", "user.every", bytes(range(256)))
    os.setxattr(top / "lab/d", "user.nothing", b"")
    os.setxattr(top / "lab/h1", b"user.x\ny z=\\ \xff", b"0ta\nb")
    os.setxattr(top / "lab/empty", "user.large", b"z" * 3000)
    os.setxattr(top / "lab/zeros", "user.large", b"z" * 3000)  # kept once
    if os.geteuid() == 0:
        os.mknod(top / "lab/gone", 0o020000, os.makedev(0, 0))
        os.link(top / "lab/gone", top / "lab/gone too")
        os.mknod(top / "lab/large", 0o020600, os.makedev(4095, 1048575))
        os.mknod(top / "lab/block", 0o060600, os.makedev(8, 1))
        os.setxattr(top / "lab/d", "trusted.overlay.opaque", b"y")
        os.setxattr(top / "lab/gone", "trusted.lab", b"\0v")
        os.setxattr(os.fsencode(top / "lab") + b"/sym\nlink", "trusted.lab", b"v", follow_symlinks=False)
        os.setxattr(top, "trusted.root", b"r")
        os.chown(top / "lab/empty", 4_000_000_000, 70_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("tree")
    tree(top)
    return top


def packed(folder: Path, path: Path, *more: str) -> Path:
    done = run(["mksquashfs", folder, path, "-quiet", "-no-progress", "-noappend", *more])
    assert done.ok, done.err
    return path


def entries(path: Path) -> list[Entry]:
    with path.open("rb") as file:
        return read_squash(file, str(path))


@pytest.mark.parametrize(
    "more",
    [
        (), ("-comp", "xz"), ("-comp", "lzma"), ("-noI", "-noD", "-noF", "-noX", "-noId"), ("-b", "4096"), ("-no-fragments",),
        ("-always-use-fragments",), ("-no-exports", "-no-duplicates"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_image_is_the_folder_it_was_made_of(folder: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    found = Snapshot.of(join_links(entries(packed(folder, tmp_path / "packed", *more))))
    assert found.entries == read_folder(os.fsencode(folder)).entries


@pytest.mark.skipif(shutil.which("sqfs2tar") is None, reason="sqfs2tar is not installed")
def test_sqfs2tar_says_the_same_but_for_what_no_tar_can_hold(folder: Path, tmp_path: Path) -> None:
    """The name of an xattr with a "=" in it is one: a PAX header ends its keyword there."""
    path = packed(folder, tmp_path / "packed")
    mine, (other,) = entries(path), open_tree(path).layers
    differ = {
        one.path
        for one in Snapshot.of(join_links(mine))
        if one.kind is not Kind.SOCKET and one != other.snapshot.get(one.path)
    }
    assert differ == {b"lab/h1", b"lab/h2", b"lab/d/h\n3"}
    order = [one.path for one in mine]
    assert [one.path for one in other.raw if not one.same_as] == [
        one.path for one in mine if one.kind is not Kind.SOCKET and not one.same_as
    ]
    assert all(order.index(one.path) > order.index(one.parent) for one in mine if one.path)


def test_a_further_name_of_an_inode_is_a_link_to_the_first(folder: Path, tmp_path: Path) -> None:
    raw = {one.path: one for one in entries(packed(folder, tmp_path / "packed"))}
    assert [raw[name].same_as for name in (b"lab/d/h\n3", b"lab/h1", b"lab/h2")] == [None, b"lab/d/h\n3", b"lab/d/h\n3"]
    assert raw[b"lab/h2"].digest == raw[b"lab/d/h\n3"].digest


def test_an_empty_folder_is_an_image_too(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    (root,) = entries(packed(tmp_path / "top", tmp_path / "packed"))
    assert (root.path, root.kind) == (b"", Kind.DIR)


# --- what is no image, or not whole ------------------------------------------------------------------------------------------


def test_what_cannot_be_read_says_so_with_its_remedy(folder: Path, tmp_path: Path) -> None:
    whole = packed(folder, tmp_path / "packed").read_bytes()
    other = packed(folder, tmp_path / "zstd", "-comp", "zstd").read_bytes()
    for raw, words in (
        (b"", "magic word"),
        (b"no image" * 100, "magic word"),
        (whole[:90], "magic word"),
        (whole[:200], "it ends before byte"),
        (whole[:-3000], "it ends before byte"),
        (whole[:28] + b"\3" + whole[29:], "version 3.0"),
        (whole[:12] + bytes(4) + whole[16:], "blocks of 0 bytes"),
        (other, "compressor is zstd"),
    ):
        with pytest.raises(BrokenMachinery, match=words) as raised:
            read_squash(io.BytesIO(raw), "here")
        assert raised.value.remedy


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_image_is_read_or_told_and_nothing_else(folder: Path, tmp_path: Path, seed: int) -> None:
    small = tmp_path / "small"
    shutil.copytree(folder / "lab/none", small)
    for name in ("a", "b", "c"):
        (small / name).write_bytes(name.encode() * 5000)
        os.setxattr(small / name, "user.x", name.encode() * 50)
    os.link(small / "a", small / "d")
    (small / "e/f/g").mkdir(parents=True)
    plain = ("-noI", "-noX", "-noId") if seed % 2 else ()  # so that it is the structure that is damaged, and not zlib's
    whole = packed(small, tmp_path / "packed", *plain).read_bytes()
    chance = random.Random(seed)
    raised = 0
    for _ in range(400):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(whole.rstrip(b"\0")))] = chance.randrange(256)
        try:
            read_squash(io.BytesIO(bytes(raw)), "here", Budget("here", content=8 << 20))
        except (BrokenMachinery, LimitReached):
            raised += 1
    assert raised > 100


def test_a_directory_in_itself_is_damage(tmp_path: Path) -> None:
    (tmp_path / "top/inner").mkdir(parents=True)
    raw = bytearray(packed(tmp_path / "top", tmp_path / "packed", "-noI").read_bytes())
    root, listings = struct.unpack_from("<Q", raw, 32)[0], struct.unpack_from("<Q", raw, 72)[0]
    at = listings + 2 + 12  # the head of the block, and of its one run of names
    assert raw[at + 8 : at + 13] == b"inner"
    raw[at : at + 2] = struct.pack("<H", root & 0xFFFF)
    with pytest.raises(BrokenMachinery, match="under another name too"):
        read_squash(io.BytesIO(bytes(raw)), "here")
    raw[at + 8 : at + 13] = b"a/b/c"
    with pytest.raises(BrokenMachinery, match="holds the name"):
        read_squash(io.BytesIO(bytes(raw)), "here")


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    with (tmp_path / "top/hole").open("wb") as file:
        file.truncate(32 << 20)
    raw = packed(tmp_path / "top", tmp_path / "packed").read_bytes()
    budget = Budget("here", content=1 << 20)
    found = {one.path: one for one in read_squash(io.BytesIO(raw), "here", budget)}
    assert (found[b"hole"].size, found[b"hole"].digest) == (32 << 20, "")
    assert "the content of hole" in budget.reached[0]
    for least in (Budget("here", content=500), Budget("here", entries=1)):
        with pytest.raises(LimitReached):
            read_squash(io.BytesIO(raw), "here", least)


def test_a_symbolic_link_and_a_name_forge_no_entry(folder: Path, tmp_path: Path) -> None:
    """As lines of a listing they would: this is why the image itself is kept and read."""
    found = entries(packed(folder, tmp_path / "packed"))
    assert b"lab/forged" not in {one.path for one in found}
    assert len(found) == len(read_folder(os.fsencode(folder)).entries)
