"""What a cell left stays as it was left, and small."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.evidence.answers import manifests
from harness.evidence.artifacts import IMAGES, Artifact, artifacts, pack_images
from harness.evidence.layers import read_upper_image
from harness.machine.process import run
from harness.places import PUSHED, SEALED, UPPER, VIEW


def _image(path: Path, size: int = 32 << 20) -> str:
    """A file of holes with a little in its middle; its digest."""
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"an image\n" * 100)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_images_are_packed_small_and_come_back_as_they_were(tmp_path: Path) -> None:
    folder, back = tmp_path / "cell", tmp_path / "back"
    folder.mkdir()
    back.mkdir()
    digests = {name: _image(folder / name) for name in ("upper.img", "written.sif")}
    (folder / "upper.tar").write_bytes(b"a tree")
    (folder / "other.img").write_bytes(b"no image of ours")
    pack_images(folder)
    assert {path.name for path in folder.iterdir()} == {IMAGES, "upper.tar", "other.img"}
    assert (folder / IMAGES).stat().st_size < 10_000
    assert run(["tar", "-C", back, "-xzf", folder / IMAGES]).ok
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in back.iterdir()} == digests
    assert all(path.stat().st_blocks * 512 < 1 << 20 for path in back.iterdir()), "the holes are holes again"


def test_where_there_is_no_image_nothing_is_packed(tmp_path: Path) -> None:
    (tmp_path / "upper.tar").write_bytes(b"a tree")
    pack_images(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["upper.tar"]


def test_readers_leave_what_they_read(tmp_path: Path) -> None:
    (tmp_path / "top/upper/lab").mkdir(parents=True)
    (tmp_path / "written.sif").write_bytes(b"no SIF")
    with (tmp_path / "upper.img").open("wb") as file:
        file.truncate(8 << 20)
    assert run(["mke2fs", "-q", "-F", "-t", "ext3", "-d", tmp_path / "top", tmp_path / "upper.img"]).ok
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert read_upper_image(tmp_path) is not None
    assert [one.state for one in manifests(tmp_path)] == ["written"]
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_each_artifact_has_its_place_and_its_form() -> None:
    found = artifacts(["view.tar", "pushed.layer", "upper.img", "sealed.sif", "phases", "view.names"])
    assert found == (
        Artifact(VIEW, "PAX tar", "view.tar"),
        Artifact(UPPER, "ext3 image", IMAGES, "upper.img"),
        Artifact(SEALED, "OCI-SIF", IMAGES, "sealed.sif"),
        Artifact(PUSHED, "OCI layer", "pushed.layer"),
    )
