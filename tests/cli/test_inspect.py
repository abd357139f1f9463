"""``inspect`` as a user calls it: any kind of tree, layer by layer, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from tests.snapshot.test_image import LAYERS, layer, layout, oci_sif, sif


def test_a_layer_with_a_double(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "layer.tar"
    path.write_bytes(LAYERS[1][1])
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().out
    assert "(tar): 3 entries, 1 markers" in said
    assert "WL301 duplicate-path: d/.wh..wh..opq stands 2 times" in said


def test_an_image_layer_by_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif([*LAYERS, ("tar", layer("e/", "e/.wh.none"))]))
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().out
    assert "OCI-SIF, 3 layers" in said
    assert said.index("layer 1 of 3") < said.index("layer 2 of 3") < said.index("WL301") < said.index("layer 3 of 3")
    assert "WL103" in said  # no layer below has e/none
    assert main(["inspect", str(path), "--layer", "1"]) == 0
    assert "layer 2" not in capsys.readouterr().out
    assert main(["inspect", str(path), "--layer", "4"]) == 2
    assert "1 to 3" in capsys.readouterr().err


def test_json_of_a_tree_and_of_an_image(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/.wh.f").touch()
    assert main(["inspect", str(tmp_path / "tree"), "--json"]) == 0
    one = json.loads(capsysbinary.readouterr().out)
    assert one["kind"] == "folder"
    (tree,) = one["layers"]
    assert [marker["path"] for marker in tree["markers"]] == ["f"]
    assert main(["inspect", str(layout(tmp_path / "layout", LAYERS)), "--json"]) == 1
    image = json.loads(capsysbinary.readouterr().out)
    assert image["kind"] == "OCI layout"
    assert [len(each["findings"]) for each in image["layers"]] == [0, 1]


def test_what_cannot_be_read_is_an_error_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif(LAYERS)[:4200])
    assert main(["inspect", str(path)]) == 3
    said = capsys.readouterr().err
    assert "damaged SIF" in said
    assert "Traceback" not in said


def test_a_layer_that_cannot_be_read_beside_one_that_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(sif([(0x4004, b"encrypted" * 100, ""), (0x4004, layer("d/", "d/.wh.none"), "")]))
    for more in ([], ["--json"], ["--mtree"]):
        assert main(["inspect", str(path), *more]) == 3  # what is in it is not known
        said = capsys.readouterr().out
        assert "no tar" in said
        assert "d/.wh.none" in said
        assert "WL103" not in said  # it may be in the other one
    assert main(["inspect", str(path), "--layer", "2"]) == 0
    assert "no tar" not in capsys.readouterr().out


def test_mtree_names_the_layers_of_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(layout(tmp_path / "layout", LAYERS)), "--mtree"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in said if line.startswith("# ")] == ["# layer 1 of 2", "# layer 2 of 2"]
    assert [line for line in said if line.startswith("./d/f")]
