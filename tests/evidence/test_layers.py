"""What a cell of containers left, read back: layers, imported trees, the upper in an image. What is damaged is said."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery
from harness.evidence.layers import imported, raw_layers, read_upper_image, trees_of_layers
from harness.machine.process import run
from harness.places import IMPORTED, SEALED
from harness.snapshot.model import Kind
from tests.snapshot.test_image import layer

NEEDS_MKE2FS = pytest.mark.skipif(
    shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin") is None, reason="mke2fs is not installed"
)


# --- layers and trees --------------------------------------------------------------------------------------------------------


def test_layers_keep_their_doubles_and_their_tree_is_below_lab(tmp_path: Path) -> None:
    (tmp_path / "sealed.tar").write_bytes(layer("etc/", "lab/", "lab/f", "lab/f", "lab/d/"))
    (tmp_path / "pushed.layer").write_bytes(b"no tar at all" * 100)
    raw = raw_layers(tmp_path)
    assert set(raw) == {SEALED}
    assert [entry.path for entry in raw[SEALED]] == [b"etc", b"lab", b"lab/f", b"lab/f", b"lab/d"]
    tree = trees_of_layers(raw)[SEALED]
    assert list(tree.entries) == [b"", b"d", b"f"]


@pytest.mark.parametrize("name", ["sealed.tar", "sealed.sqfs", "pushed.layer"])
def test_an_empty_layer_and_none_are_no_layer(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert raw_layers(tmp_path) == {}


@pytest.mark.real
@pytest.mark.skipif(shutil.which("mksquashfs") is None, reason="mksquashfs is not installed")
def test_a_sealed_layer_is_read_from_the_squashfs_itself(tmp_path: Path) -> None:
    (tmp_path / "top/lab/d\nd").mkdir(parents=True)
    (tmp_path / "top/lab/d\nd/.wh.f").touch()
    os.setxattr(tmp_path / "top/lab/d\nd", "user.overlay.opaque", b"y")
    assert run(["mksquashfs", tmp_path / "top", tmp_path / "sealed.sqfs", "-quiet", "-no-progress"]).ok
    raw = raw_layers(tmp_path)
    assert [entry.path for entry in raw[SEALED]] == [b"", b"lab", b"lab/d\nd", b"lab/d\nd/.wh.f"]
    tree = trees_of_layers(raw)[SEALED]
    assert list(tree.entries) == [b"", b"d\nd", b"d\nd/.wh.f"]
    assert tree.entries[b"d\nd"].xattrs == {b"user.overlay.opaque": b"y"}


def test_a_sealed_layer_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "sealed.sqfs").write_bytes(b"hsqs" + bytes(5000))
    with pytest.raises(BrokenMachinery, match="squashfs cannot be read"):
        raw_layers(tmp_path)


def test_the_tree_of_an_import(tmp_path: Path) -> None:
    assert imported(tmp_path) == {}
    (tmp_path / "imported.tar").touch()
    assert imported(tmp_path) == {}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("lab/f", "etc/passwd"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("lab/again")
        link.type, link.linkname = tarfile.LNKTYPE, "lab/f"
        archive.addfile(link)
    (tmp_path / "imported.tar").write_bytes(out.getvalue())
    (tmp_path / "imported@docker.tar").write_bytes(out.getvalue())
    trees = imported(tmp_path)
    assert trees.keys() == {IMPORTED, "imported@docker"}
    tree = trees[IMPORTED]
    assert list(tree.entries) == [b"", b"again", b"f"]
    assert {tree.entries[name].same_as for name in (b"again", b"f")} == {b"again"}


# --- the upper in an image ---------------------------------------------------------------------------------------------------


@pytest.mark.real
@NEEDS_MKE2FS
def test_the_upper_in_an_image_is_what_lies_below_its_lab(tmp_path: Path) -> None:
    (tmp_path / "top/upper/lab/d").mkdir(parents=True)
    (tmp_path / "top/upper/etc").mkdir()
    (tmp_path / "top/work").mkdir()
    (tmp_path / "top/upper/lab/d/.wh.f").touch()
    with (tmp_path / "upper.img").open("wb") as file:
        file.truncate(8 << 20)
    assert run(["mke2fs", "-q", "-F", "-t", "ext3", "-d", tmp_path / "top", tmp_path / "upper.img"]).ok
    tree = read_upper_image(tmp_path)
    assert tree is not None
    assert {path: entry.kind for path, entry in tree.entries.items()} == {
        b"": Kind.DIR, b"d": Kind.DIR, b"d/.wh.f": Kind.FILE,
    }  # fmt: skip


def test_an_upper_that_is_no_image_is_trouble_and_none_is_none(tmp_path: Path) -> None:
    assert read_upper_image(tmp_path) is None
    (tmp_path / "upper.img").write_bytes(bytes(4096))
    with pytest.raises(BrokenMachinery, match="ext"):
        read_upper_image(tmp_path)
