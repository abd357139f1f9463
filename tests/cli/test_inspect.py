"""``inspect`` as a user calls it: any kind of tree, layer by layer, in words and in JSON."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness.cli.inspect  # noqa: F401 - commands are imported when they are called, which a user may not be able to do here
from harness.cli.main import main
from harness.machine.process import run
from tests.snapshot.test_image import LAYERS, SQUASHFS, layer, layout, oci_sif, sif


def test_a_layer_with_a_double(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "layer.tar"
    path.write_bytes(LAYERS[1][1])
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().out
    assert "(tar): 3 entries, 1 marker" in said
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
        assert "WL103 needless" not in said  # it may be in the other one
    assert main(["inspect", str(path), "--layer", "2"]) == 0
    assert "no tar" not in capsys.readouterr().out


def test_mtree_names_the_layers_of_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(layout(tmp_path / "layout", LAYERS)), "--mtree"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in said if line.startswith("# ")] == ["# layer 1 of 2", "# layer 2 of 2"]
    assert [line for line in said if line.startswith("./d/f")]


@contextlib.contextmanager
def ordinary() -> Iterator[None]:
    """As somebody who is not root."""
    if os.geteuid() != 0:
        yield
        return
    main(["explain", "WL101"])  # what it imports may lie where others may not read
    os.setegid(65534)
    os.seteuid(65534)
    try:
        if not _is_there(Path(__file__).parents[2] / "scenarios"):
            pytest.skip("this clone lies where other users may not read it")
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _is_there(path: Path) -> bool:
    try:
        return bool(path.stat())
    except PermissionError:
        return False


AsUser = Callable[..., tuple[int, str]]


@pytest.fixture
def as_user(capsys: pytest.CaptureFixture[str]) -> AsUser:
    """Exit code and words of ``inspect`` for an ordinary user."""

    def inspect(*words: str | Path) -> tuple[int, str]:
        with ordinary():
            capsys.readouterr()
            code = main(["inspect", *map(str, words)])
        told = capsys.readouterr()
        return code, told.out + told.err

    return inspect


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that an ordinary user reaches, of whose content not all may be read."""
    with tempfile.TemporaryDirectory(prefix="whiteout-lab-test-") as parent:
        Path(parent).chmod(0o755)
        top = Path(parent) / "tree"
        for name in ("open", "shut"):
            (top / name).mkdir(parents=True)
            (top / name / ".wh.f").touch()
        (top / "open/secret").write_text("words")
        (top / "open/secret").chmod(0)
        (top / "shut").chmod(0)
        yield top
        (top / "shut").chmod(0o755)


@pytest.mark.real
def test_what_may_not_be_read_is_said_and_is_no_success(theirs: Path, as_user: AsUser) -> None:
    code, said = as_user(theirs)
    assert code == 3
    assert "not seen: the folder shut: Permission denied" in said
    assert "not seen: content and xattrs of open/secret: Permission denied" in said
    assert "open/.wh.f" in said
    assert "no findings in what was seen" in said
    theirs.joinpath("open/secret").unlink()
    assert as_user(theirs, "--json")[0] == 3
    assert as_user(theirs, "--mtree")[0] == 3
    assert as_user(theirs / "open")[0] == 0
    code, said = as_user(theirs / "open", "--lower", theirs)
    assert code == 3
    assert "WL103 needless" not in said
    assert "not judged: WL103, WL106" in said
    code, said = as_user(theirs / "shut")
    assert (code, "no findings\n" in said) == (3, False)
    code, said = as_user(theirs / "shut/.wh.f")
    assert code == 3
    assert "Permission denied" in said


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes trusted.*")
def test_a_user_is_told_nothing_that_hangs_on_trusted_xattrs(theirs: Path, as_user: AsUser) -> None:
    (theirs / "open/secret").unlink()
    (theirs / "shut").chmod(0o755)
    (theirs / "shut/.wh.f").rename(theirs / "shut/.wh..wh..opq")
    os.setxattr(theirs / "shut", "trusted.overlay.opaque", b"y")
    lower = theirs.parent / "lower"
    (lower / "shut").mkdir(parents=True)
    (lower / "open").mkdir()
    (lower / "shut/old").touch()
    (lower / "open/f").touch()
    code, said = as_user(theirs, "--lower", lower)
    assert (code, "WL108 unreadable" in said) == (0, False)
    assert "not seen: xattrs in trusted.*" in said
    assert "not judged: WL105, WL108" in said


def test_a_device_in_a_tar_is_not_said_to_delete_what_it_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w") as archive:
        for name, kind in ((".wh.a", tarfile.REGTYPE), ("b", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type = kind
            archive.addfile(entry)
    assert main(["inspect", str(tmp_path / "layer.tar")]) == 1
    said = capsys.readouterr().out.splitlines()
    assert "  gone    a (in .wh.a)  .wh. file" in said
    assert "  gone    b  c 0:0, which marks nothing in a tar layer" in said


def test_an_overlay_is_no_upper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for top in ("overlay/upper/d", "overlay/work/work", "lower/d"):
        (tmp_path / top).mkdir(parents=True)
    (tmp_path / "overlay/upper/d/.wh.f").touch()
    (tmp_path / "lower/d/f").touch()
    main(["inspect", str(tmp_path / "overlay"), "--lower", str(tmp_path / "lower")])
    said = capsys.readouterr().out
    assert "an overlay: this is its folder upper" in said
    assert "gone    d/f (in d/.wh.f)" in said
    assert "WL103" not in said
    packed = tmp_path / "overlay.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(tmp_path / "overlay", "")
    main(["inspect", str(packed), "--lower", str(tmp_path / "lower")])
    said = capsys.readouterr().out
    assert "overlay in a tar" in said
    assert "an overlay: this is its folder upper" in said
    assert "gone    d/f (in d/.wh.f)" in said
    assert "WL103" not in said
    (tmp_path / "overlay/work/work").rmdir()
    (tmp_path / "overlay/work").rmdir()
    main(["inspect", str(tmp_path / "overlay")])
    assert "upper/d/.wh.f" in capsys.readouterr().out


def test_an_overlay_that_became_a_layer_as_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif([LAYERS[0], ("tar", layer("upper/", "upper/d/", "work/"))]))
    main(["inspect", str(path)])
    said = capsys.readouterr().out
    assert "sylabs/singularity#3175" in said.split("layer 2 of 2")[1]
    assert "3175" not in said.split("layer 2 of 2")[0]


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("sqfs2tar") or not shutil.which("mksquashfs"), reason="root")
def test_the_founding_case_is_seen_in_the_image_that_a_user_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "upper/d").mkdir(parents=True)
    (tmp_path / "upper/d/.wh..wh..opq").touch()
    os.setxattr(tmp_path / "upper/d", "trusted.overlay.opaque", b"y")
    packed = tmp_path / "packed"
    assert run(["mksquashfs", tmp_path / "upper", packed, "-quiet", "-no-progress"]).ok
    path = tmp_path / "sealed.sif"
    path.write_bytes(oci_sif([LAYERS[0], (SQUASHFS, packed.read_bytes())]))
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().out
    assert "WL307 duplicate-when-converted: trusted.overlay.opaque of d and the file d/.wh..wh..opq" in said


def test_odd_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(os.path.relpath(tmp_path / "socket"))
    for path, code, words in (
        (tmp_path / "fifo", 2, "no file and no folder"),
        (tmp_path / "socket", 2, "no file and no folder"),
        ("/dev/null", 2, "no file and no folder"),
        ("/dev/zero", 2, "no file and no folder"),
        (tmp_path / "loop", 2, "symbolic links"),
        (tmp_path / ("n" * 300), 2, "name too long"),
        ("n/" * 3000, 2, "name too long"),
        (tmp_path / "file/inside", 2, "there is nothing"),
        ("nul\0", 2, "no name of a file"),
        ("caf\udce9", 2, "there is nothing"),
        ("caf\udce9\n\x1b[31m", 2, "there is nothing"),
    ):
        for argv in ([str(path)], [str(tmp_path), "--lower", str(path)]):
            assert main(["inspect", *argv]) == code
            told = capsys.readouterr().err
            assert words in told.lower()
            assert "\x1b" not in told


def test_a_fifo_in_a_layout_is_no_blob(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = layout(tmp_path / "layout", LAYERS)
    blob = next(path for path in top.glob("blobs/sha256/*") if path.stat().st_size > 2000)
    blob.unlink()
    os.mkfifo(blob)
    assert main(["inspect", str(top)]) == 3
    assert "is not there" in capsys.readouterr().err


def test_an_image_without_layers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.sif"
    path.write_bytes(oci_sif([]))
    saved = tmp_path / "saved"
    with tarfile.open(saved, "w") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.size = len(b'[{"Layers":[]}]')
        archive.addfile(member, io.BytesIO(b'[{"Layers":[]}]'))
    for one in (path, layout(tmp_path / "layout", []), saved):
        assert main(["inspect", str(one)]) == 3
        assert "has no layers" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="looks at marks in trusted.*; run as root")
def test_who_would_see_what_is_told_and_how_to_repair_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lower/d").mkdir(parents=True)
    (tmp_path / "lower/d/old").touch()
    (tmp_path / "upper/d").mkdir(parents=True)
    (tmp_path / "upper/d/.wh..wh..opq").touch()
    words = ["inspect", str(tmp_path / "upper"), "--lower", str(tmp_path / "lower")]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "as it is meant: fuse-overlayfs (root), fuse-overlayfs (user), an importer of OCI layers\n" in said
    assert "kernel overlay (root): comes back: d/old; a mark is shown: d/.wh..wh..opq\n" in said
    repair = said.splitlines()[-1].partition(": ")[2].split()
    assert repair[:2] == ["whiteout-lab", "seal"]
    out = str(tmp_path / "layer.tar")
    assert main([*repair[1:-1], out]) == 0
    assert main(["inspect", out, "--lower", str(tmp_path / "lower")]) == 0
    capsys.readouterr()
    assert main([*words, "--json"]) == 1
    (layer,) = json.loads(capsys.readouterr().out)["layers"]
    assert layer["readers"][0] == {
        "reader": "kernel overlay (root)", "same": False, "back": ["d/old"], "marks_shown": ["d/.wh..wh..opq"], "lost": [],
    }  # fmt: skip


def test_what_a_mark_hides_and_which_defects_leave_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lower/d/sub", "upper/d"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("lower/d/old", "lower/d/sub/deep", "lower/f", "upper/d/.wh..wh..opq", "upper/.wh.f", "upper/.wh.none"):
        (tmp_path / name).touch()
    words = ["inspect", str(tmp_path / "upper"), "--lower", str(tmp_path / "lower")]
    page = tmp_path / "page.html"
    assert main([*words, "--html", str(page)]) == 1
    said = capsys.readouterr().out
    assert ".wh..wh..opq, hides 3 names: d/old, d/sub and 1 more\n" in said
    assert "(in .wh.f)  .wh. file, hides it\n" in said
    assert "(in .wh.none)  .wh. file, hides nothing\n" in said
    assert "known defects that leave this:\n" in said
    assert "fuse-overlayfs-327, https://github.com/containers/fuse-overlayfs/issues/327\n" in said
    assert "hides 3 names" in page.read_text("utf-8")
    assert main([*words, "--json"]) == 1
    whole = json.loads(capsys.readouterr().out)
    assert whole["repair"].startswith("whiteout-lab seal ")
    (layer,) = whole["layers"]
    assert [one["hides"] for one in layer["markers"]] == [
        {"count": 3, "names": ["d/old", "d/sub"]},
        {"count": 1, "names": ["f"]},
        {"count": 0, "names": []},
    ]
    needless = next(one for one in layer["defects"] if one["name"] == "fuse-overlayfs-327")
    keys = {finding["key"] for finding in layer["findings"]}
    assert set(needless["findings"]) <= keys
    assert needless["findings"] == [one["key"] for one in layer["findings"] if one["code"] == "WL103"]
    assert main([*words[:2], "--json"]) == 0
    (alone,) = json.loads(capsys.readouterr().out)["layers"]
    assert [one["hides"] for one in alone["markers"]] == [None] * 3, "nobody knows what lies below"
    assert alone["defects"] == []


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree").mkdir()
    assert main(["inspect", str(tmp_path / "tree"), "--html", str(tmp_path / "no/page.html")]) == 3
    assert "cannot be written" in capsys.readouterr().err
