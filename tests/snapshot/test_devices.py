"""Device numbers other than 0:0, of which no shipped scenario has one: major and minor in their places, whatever reads them."""

from __future__ import annotations

import io
import os
import struct
import tarfile
from pathlib import Path

import pytest

from harness.machine.process import run
from harness.snapshot.ext import read_ext
from harness.snapshot.ext_inode import Inode
from harness.snapshot.model import Kind
from harness.snapshot.tar import entries_of_tar


def test_of_a_tar() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind in (("c", tarfile.CHRTYPE), ("b", tarfile.BLKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.devmajor, member.devminor, member.uid, member.gid, member.mode = (
                kind,
                7,
                300,
                11,
                22,
                0o6640,
            )
            archive.addfile(member)
    file.seek(0)
    found = {e.path: (e.kind, e.device, e.uid, e.gid, e.mode) for e in entries_of_tar(file, "x")}
    assert found == {b"c": (Kind.CHAR, (7, 300), 11, 22, 0o6640), b"b": (Kind.BLOCK, (7, 300), 11, 22, 0o6640)}


@pytest.mark.parametrize(
    ("old", "new", "device"), [(0x0703, 0, (7, 3)), (0, 0x10072C, (7, 300)), (0, 0x0FFF00 | 5, (4095, 5))]
)
def test_of_an_inode(old: int, new: int, device: tuple[int, int]) -> None:
    """``old_encode_dev`` and ``new_encode_dev`` of the kernel (include/linux/kdev_t.h)."""
    raw = bytes(40) + struct.pack("<II", old, new).ljust(60, b"\0") + bytes(28)
    fields = {name: 0 for name in Inode.__dataclass_fields__ if name != "raw"}
    assert Inode(**fields, raw=raw).device == device


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="devices and owners need root")
def test_of_an_ext_image(tmp_path: Path) -> None:
    tree, image = tmp_path / "tree", tmp_path / "image"
    tree.mkdir()
    for name, device in (("big", (7, 300)), ("small", (7, 3))):
        os.mknod(tree / name, 0o020640, os.makedev(*device))
        os.chown(tree / name, 11, 22)
    made = run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, image, "2M"])
    assert made.ok, made.err
    with image.open("rb") as file:
        found = {e.path: (e.device, e.uid, e.gid) for e in read_ext(file, "image").entries if e.kind is Kind.CHAR}
    assert found == {b"big": ((7, 300), 11, 22), b"small": ((7, 3), 11, 22)}
