"""What the programs on an image's journey said, read back: answers, backends, manifests. What is damaged is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.evidence.answers import answers, backends, manifests
from harness.evidence.recording import Answer, Manifest
from harness.machine.process import run
from harness.names import unescape
from harness.places import IMPORTED, READONLY, REMOUNT, SEALED, VIEW, PlaceName
from harness.script.parts import carried
from tests.snapshot.test_image import digest, layer, oci_sif

NEEDS_MKE2FS = pytest.mark.skipif(
    shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin") is None, reason="mke2fs is not installed"
)


# --- answers -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", ()),
        (b"asked sealed seal\nexit 0\n", (Answer("seal", 0, "", SEALED),)),
        (
            b"asked sealed seal\nexit 0\n  done\nasked imported podman 5\nexit 125\n  Error: one\n  two\n",
            (Answer("seal", 0, "done", SEALED), Answer("podman 5", 125, "Error: one\ntwo", IMPORTED)),
        ),
        (
            b"asked imported pull\nexit 1\n  cut in the midst of a li",
            (Answer("pull", 1, "cut in the midst of a li", IMPORTED),),
        ),
        (
            b"asked imported pull\nexit 1\n  asked nobody\n  exit 0\n",
            (Answer("pull", 1, "asked nobody\nexit 0", IMPORTED),),
        ),
        (b"asked imported pull\nexit 1\n    indented\n  \n", (Answer("pull", 1, "  indented\n", IMPORTED),)),
        (b"asked imported pull\nexit 1\n  \x1b[31mred \xff\n", (Answer("pull", 1, r"\x1b[31mred \xff", IMPORTED),)),
        (b"asked imported p\xffll\nexit 1\n", (Answer("p\ufffdll", 1, "", IMPORTED),)),
        (b"asked imported pull\nexit", ()),  # cut before its code: no answer
    ],
)
def test_answers_are_read_in_their_order(raw: bytes, said: tuple[Answer, ...], tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(raw)
    assert answers(tmp_path) == said


def test_no_answers_are_none(tmp_path: Path) -> None:
    assert answers(tmp_path) == ()


def test_what_the_script_writes_is_what_is_read(tmp_path: Path) -> None:
    """The protocol from both ends: ``asked`` of image.sh writes, the parser reads; also words that look like the protocol's own."""
    (tmp_path / "out").mkdir()
    words = b"asked somebody\nexit 0\n  two spaces\nno line break at the end"
    (tmp_path / "words").write_bytes(words)
    told = b'refuse() { cat words; return 7; }\nout=out\nasked sealed "a reader" refuse\nasked imported@docker "another" true\nexit 0\n'
    (tmp_path / "script").write_bytes(carried("image.sh") + b"\n" + told)
    assert run(["sh", "script"], cwd=tmp_path).ok
    first, second = answers(tmp_path / "out")
    assert (first.who, first.place, first.code) == ("a reader", SEALED, 7)
    assert second == Answer("another", 0, "", PlaceName("imported@docker"))
    assert [unescape(line) for line in first.words.split("\n")] == words.split(b"\n")


# --- backends -----------------------------------------------------------------------------------------------------------------

ROOT_OF = "36 35 0:41 / / rw,relatime {} - {} {} {}\n"


@pytest.mark.parametrize(
    ("line", "backend"),
    [
        (ROOT_OF.format("shared:1", "overlay", "overlay", "rw,lowerdir=/l"), "kernel overlay"),
        (ROOT_OF.format("shared:1", "overlay", "overlay", "rw,lowerdir=/l,userxattr"), "kernel overlay, userxattr"),
        (ROOT_OF.format("", "fuse.fuse-overlayfs", "fuse-overlayfs", "rw"), "fuse-overlayfs"),
        (ROOT_OF.format("shared:1 master:2", "ext4", "/dev/loop0", "rw"), "ext4"),
        (ROOT_OF.format("", "fuse.\x1b[31m", "none", "rw"), r"\x1b[31m"),
    ],
)
def test_the_backend_is_the_last_mount_at_the_root(line: str, backend: str, tmp_path: Path) -> None:
    (tmp_path / f"{VIEW}.mounts").write_text(
        f"{ROOT_OF.format('', 'tmpfs', 'tmpfs', 'rw')}{line}37 36 0:5 / /lab rw - proc proc rw\n"
    )
    assert backends(tmp_path) == {VIEW: backend}


def test_a_mount_table_that_is_missing_or_without_a_root_names_no_backend(tmp_path: Path) -> None:
    (tmp_path / f"{REMOUNT}.mounts").write_text("37 36 0:5 / /lab rw - proc proc rw\n")
    (tmp_path / f"{READONLY}.mounts").write_text("")
    assert backends(tmp_path) == {}


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
