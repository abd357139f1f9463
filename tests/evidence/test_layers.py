"""What a cell of containers left, read back: answers, engines, manifests, layers, the upper in an image. What is damaged is said."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery
from harness.evidence.layers import (
    answers,
    engines,
    imported,
    manifests,
    raw_layers,
    read_upper_image,
    trees_of_layers,
)
from harness.evidence.recording import Import, Manifest
from harness.machine.process import run
from harness.names import unescape
from harness.places import Station
from harness.script.parts import carried
from harness.snapshot.model import Kind
from tests.snapshot.test_image import digest, layer, oci_sif

NEEDS_MKE2FS = pytest.mark.skipif(
    shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin") is None, reason="mke2fs is not installed"
)


# --- answers -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", ()),
        (b"asked seal\nexit 0\n", (Import("seal", 0),)),
        (
            b"asked seal\nexit 0\n  done\nasked podman 5\nexit 125\n  Error: one\n  two\n",
            (Import("seal", 0, "done"), Import("podman 5", 125, "Error: one\ntwo")),
        ),
        (b"asked pull\nexit 1\n  cut in the midst of a li", (Import("pull", 1, "cut in the midst of a li"),)),
        (b"asked pull\nexit 1\n  asked nobody\n  exit 0\n", (Import("pull", 1, "asked nobody\nexit 0"),)),
        (b"asked pull\nexit 1\n    indented\n  \n", (Import("pull", 1, "  indented\n"),)),
        (b"asked pull\nexit 1\n  \x1b[31mred \xff\n", (Import("pull", 1, r"\x1b[31mred \xff"),)),
        (b"asked p\xffll\nexit 1\n", (Import("p\ufffdll", 1),)),
        (b"asked pull\nexit", ()),  # cut before its code: no answer
    ],
)
def test_answers_are_read_in_their_order(raw: bytes, said: tuple[Import, ...], tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(raw)
    assert answers(tmp_path) == said


def test_no_answers_are_none(tmp_path: Path) -> None:
    assert answers(tmp_path) == ()


def test_what_the_script_writes_is_what_is_read(tmp_path: Path) -> None:
    """The protocol from both ends: ``asked`` of image.sh writes, the parser reads; also words that look like the protocol's own."""
    (tmp_path / "out").mkdir()
    words = b"asked somebody\nexit 0\n  two spaces\nno line break at the end"
    (tmp_path / "words").write_bytes(words)
    told = b'refuse() { cat words; return 7; }\nout=out\nasked "a reader" refuse\nasked "another" true\nexit 0\n'
    (tmp_path / "script").write_bytes(carried("image.sh") + b"\n" + told)
    assert run(["sh", "script"], cwd=tmp_path).ok
    first, second = answers(tmp_path / "out")
    assert (first.importer, first.code, second) == ("a reader", 7, Import("another", 0))
    assert [unescape(line) for line in first.words.split("\n")] == words.split(b"\n")


# --- engines -----------------------------------------------------------------------------------------------------------------

ROOT_OF = "36 35 0:41 / / rw,relatime {} - {} {} {}\n"


@pytest.mark.parametrize(
    ("line", "engine"),
    [
        (ROOT_OF.format("shared:1", "overlay", "overlay", "rw,lowerdir=/l"), "kernel overlay"),
        (ROOT_OF.format("shared:1", "overlay", "overlay", "rw,lowerdir=/l,userxattr"), "kernel overlay, userxattr"),
        (ROOT_OF.format("", "fuse.fuse-overlayfs", "fuse-overlayfs", "rw"), "fuse-overlayfs"),
        (ROOT_OF.format("shared:1 master:2", "ext4", "/dev/loop0", "rw"), "ext4"),
        (ROOT_OF.format("", "fuse.\x1b[31m", "none", "rw"), r"\x1b[31m"),
    ],
)
def test_the_engine_is_the_last_mount_at_the_root(line: str, engine: str, tmp_path: Path) -> None:
    (tmp_path / f"{Station.VIEW}.mounts").write_text(
        f"{ROOT_OF.format('', 'tmpfs', 'tmpfs', 'rw')}{line}37 36 0:5 / /lab rw - proc proc rw\n"
    )
    assert engines(tmp_path) == {Station.VIEW: engine}


def test_a_mount_table_that_is_missing_or_without_a_root_names_no_engine(tmp_path: Path) -> None:
    (tmp_path / f"{Station.REMOUNT}.mounts").write_text("37 36 0:5 / /lab rw - proc proc rw\n")
    (tmp_path / f"{Station.READONLY}.mounts").write_text("")
    assert engines(tmp_path) == {}


# --- manifests ---------------------------------------------------------------------------------------------------------------

LAYER = ("application/vnd.oci.image.layer.v1.tar", layer("lab/", "lab/f"))


def test_what_an_image_says_of_its_layers_state_by_state(tmp_path: Path) -> None:
    (tmp_path / "written.sif").write_bytes(oci_sif([LAYER]))
    pushed = {"layers": [{"mediaType": LAYER[0], "digest": digest(LAYER[1]), "size": 7}, {}]}
    (tmp_path / "pushed.manifest").write_text(json.dumps(pushed))
    written, sent = manifests(tmp_path)
    assert (written.state, sent.state) == ("written", "pushed as tar")
    (one,) = written.layers
    assert (one.media_type, one.digest, one.size, one.true) == (LAYER[0], digest(LAYER[1]), len(LAYER[1]), True)
    assert [(one.digest, one.size, one.true) for one in sent.layers] == [(digest(LAYER[1]), 7, None), ("", 0, None)]


def test_a_layer_that_was_written_since_is_not_true(tmp_path: Path) -> None:
    raw = oci_sif([LAYER])
    (tmp_path / "synced.sif").write_bytes(raw.replace(LAYER[1], bytes(len(LAYER[1]))))
    (state,) = manifests(tmp_path)
    assert [one.true for one in state.layers] == [False]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("sealed.sif", b"no SIF"),
        ("pushed.manifest", b"{"),
        ("pushed.manifest", b'{"layers": 7}'),
        ("pushed.squashfs.manifest", b'{"layers": [{"size": "many"}]}'),
    ],
)
def test_a_state_that_cannot_be_read_says_why(name: str, raw: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(raw)
    (state,) = manifests(tmp_path)
    assert state == Manifest(state.state, unread=state.unread)
    assert state.unread


# --- layers and trees --------------------------------------------------------------------------------------------------------


def test_layers_keep_their_doubles_and_their_tree_is_below_lab(tmp_path: Path) -> None:
    (tmp_path / "sealed.tar").write_bytes(layer("etc/", "lab/", "lab/f", "lab/f", "lab/d/"))
    (tmp_path / "pushed.layer").write_bytes(b"no tar at all" * 100)
    raw = raw_layers(tmp_path)
    assert set(raw) == {Station.SEALED}
    assert [entry.path for entry in raw[Station.SEALED]] == [b"etc", b"lab", b"lab/f", b"lab/f", b"lab/d"]
    tree = trees_of_layers(raw)[Station.SEALED]
    assert list(tree.entries) == [b"", b"d", b"f"]


def test_an_empty_layer_and_none_are_no_layer(tmp_path: Path) -> None:
    (tmp_path / "sealed.tar").touch()
    assert raw_layers(tmp_path) == {}


def test_the_tree_of_an_import(tmp_path: Path) -> None:
    assert imported(tmp_path) is None
    (tmp_path / "imported.tar").touch()
    assert imported(tmp_path) is None
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("lab/f", "etc/passwd"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("lab/again")
        link.type, link.linkname = tarfile.LNKTYPE, "lab/f"
        archive.addfile(link)
    (tmp_path / "imported.tar").write_bytes(out.getvalue())
    tree = imported(tmp_path)
    assert tree is not None
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
