"""What is written of a sealed layer is that layer: as a tar and as a folder, from every form of an upper, the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given

from harness.cli.main import main
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_USAGE, BrokenMachinery
from harness.layers.sealing import seal
from harness.layers.targets import TARGETS
from harness.layers.writing import items, write_tar
from harness.machine.process import run, which
from harness.snapshot.contents import Content, contents
from harness.snapshot.folder import read_folder
from harness.snapshot.image import open_tree
from harness.snapshot.model import Entry, Snapshot
from harness.snapshot.squash import read_squash
from harness.snapshot.tar import entries_of_tar, join_links, read_tar
from harness.whiteouts.readers import IMPORTER
from harness.whiteouts.union import merge
from tests.entries import HOSTILE, file, folder, gone, snapshots, tree
from tests.snapshot.test_image import EXT3, SQUASHFS, TAR, oci_sif

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="makes devices and xattrs in trusted.*; run as root")
CONTENT = b"0123456789" * 200_000  # more than a block of everything


def of(snapshot: Snapshot) -> Callable[[], Iterator[Content]]:
    """A source that holds what a snapshot says."""
    return lambda: (Content(one.path, 7, iter([one.text or b""])) for one in snapshot)


def packed(snapshot: Snapshot, name: str, source: Callable[[], Iterator[Content]] | None = None) -> bytes:
    out = io.BytesIO()
    write_tar(items(seal(snapshot, None, TARGETS[name]), source or of(snapshot)), out.write)
    return out.getvalue()


def read(raw: bytes) -> Snapshot:
    return Snapshot.of(join_links(list(entries_of_tar(io.BytesIO(raw), "tar"))))


def same(one: Entry) -> tuple[object, ...]:
    return (one.kind, one.mode, one.uid, one.gid, one.size, one.device, one.target, one.xattrs, one.text)


@given(snapshots(HOSTILE, modes=True))
def test_a_tar_of_it_is_read_as_the_same_tree(upper: Snapshot) -> None:
    back = read(packed(upper, "kernel"))
    assert {path: same(one) for path, one in back.entries.items()} == {
        path: same(one) for path, one in upper.entries.items()
    }


def test_a_path_stands_once_and_marks_stand_before_what_is_new() -> None:
    upper = tree(
        [
            folder("d", trusted_overlay_opaque="y"),
            file("d/.wh..wh..opq"),
            file("d/new"),
            gone("f"),
            file(".wh.g"),
            file("n"),
        ]
    )
    raw = packed(upper, "oci")
    names = [one.path for one in entries_of_tar(io.BytesIO(raw), "tar")]
    assert names == [b"", b".wh.f", b".wh.g", b"d", b"d/.wh..wh..opq", b"d/new", b"n"]
    assert raw == packed(upper, "oci")


def test_of_a_path_that_stands_twice_in_an_archive_the_last_one_counts() -> None:
    old, new = file("f", "old"), file("f", "new!")
    upper = tree([new])

    def twice() -> Iterator[Content]:
        yield Content(b"", 1, iter(()))
        yield Content(b"f", 1, iter([b"old"]))
        yield Content(b"f", 2, iter([b"new!"]))

    assert old.path == new.path
    back = read(packed(upper, "oci", twice))
    assert back.entries[b"f"].text == b"new!"


def test_folders_that_an_archive_left_away_are_there() -> None:
    upper = tree([file("a/b/c", "x")])
    bare = lambda: iter([Content(b"a/b/c", 5, iter([b"x"]))])  # noqa: E731
    assert set(read(packed(upper, "oci", bare)).entries) == {b"", b"a", b"a/b", b"a/b/c"}


def test_hard_links_are_links_of_the_first_that_is_written() -> None:
    upper = tree([file(name, "text", same_as=b"a", links=3) for name in ("a", "b", "c")])
    backwards = lambda: (Content(name, 1, iter([b"text"])) for name in (b"", b"c", b"b", b"a"))  # noqa: E731
    raw = packed(upper, "oci", backwards)
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        kinds = [(one.name, one.type, one.linkname) for one in archive]
    assert kinds[1:] == [("./c", tarfile.REGTYPE, ""), ("./b", tarfile.LNKTYPE, "./c"), ("./a", tarfile.LNKTYPE, "./c")]


@pytest.mark.parametrize("words", ["long" * 100, "", "shor"])
def test_a_file_that_changed_meanwhile_is_no_layer(words: str) -> None:
    upper = tree([file("f", "short")])
    with pytest.raises(BrokenMachinery, match="when it was looked at"):
        packed(upper, "oci", lambda: iter([Content(b"f", 1, iter([words.encode()]))]))
    with pytest.raises(BrokenMachinery, match="not there any more"):
        packed(upper, "oci", lambda: iter([Content(b"", 1, iter(()))]))


# ---- from every form


def upper_folder(where: Path) -> Path:
    """What an overlay wrote: marks in several encodings, a large file, hard links, names that are no text."""
    top = where / "upper"
    (top / "d/sub").mkdir(parents=True)
    (top / "d/.wh..wh..opq").touch()
    (top / "d/large").write_bytes(CONTENT)
    (top / "d/sub/deep").write_bytes(b"deep")
    (top / "z").write_bytes(b"linked")
    os.link(top / "z", top / "a")
    (top / "link").symlink_to("nowhere/at all")  # a mutant must not reach a file of this machine
    (top / os.fsdecode(b"caf\xe9 \n")).write_bytes(b"x")
    os.mkfifo(top / "pipe")
    if os.geteuid() == 0:
        os.mknod(top / "gone", 0o020000, os.makedev(0, 0))
        os.setxattr(top / "d", "trusted.overlay.opaque", b"y")
        os.setxattr(top / "d/large", "user.own", b"\0\xff")
        os.chown(top / "d/sub/deep", 7, 8)
        (top / "d/sub/deep").chmod(0o4755)
    return top


def as_tar(top: Path) -> Path:
    out = top.with_suffix(".in.tar")
    assert run(["tar", "-C", top, "--xattrs", "--xattrs-include=*", "--format=posix", "-cf", out, "."]).ok
    return out


def as_gzip(top: Path) -> Path:
    out = top.with_suffix(".in.tar.gz")
    assert run(["tar", "-C", top, "--xattrs", "--xattrs-include=*", "--format=posix", "-czf", out, "."]).ok
    return out


def as_ext(top: Path) -> Path:
    out = top.with_suffix(".img")
    beside = top.parent / "beside"
    (beside / "work").mkdir(parents=True)
    assert run(["cp", "-a", top, beside / "upper"]).ok
    assert run(["mke2fs", "-q", "-t", "ext3", "-J", "size=1", "-d", beside, out, "16M"]).ok
    return out


def as_squashfs(top: Path) -> Path:
    if which("mksquashfs") is None:
        pytest.skip("mksquashfs is not installed")
    out = top.with_suffix(".sqfs")
    assert run(["mksquashfs", top, out, "-quiet", "-no-progress"]).ok
    return out


@as_root
@pytest.mark.parametrize(
    "form", [lambda top: top, as_tar, as_gzip, as_ext, as_squashfs], ids=["folder", "tar", "gzip", "ext", "squashfs"]
)
def test_every_form_gives_the_same_layer(form: Callable[[Path], Path], tmp_path: Path) -> None:
    top = upper_folder(tmp_path)
    path = form(top)
    outs = [tmp_path / f"{number}.tar" for number in range(2)]
    for out in outs:
        assert main(["seal", str(path), "--for", "oci", "-o", str(out)]) == EXIT_AS_EXPECTED
    first, second = (out.read_bytes() for out in outs)
    assert first == second
    layer = Snapshot.of(read_tar(outs[0]))
    wanted = seal(read_folder(os.fsencode(top)), None, TARGETS["oci"]).entries
    assert {path: same(one) for path, one in layer.entries.items()} == {
        path: same(one) for path, one in wanted.entries.items()
    }
    assert layer.entries[b"d/large"].digest == wanted.entries[b"d/large"].digest or wanted.entries[
        b"d/large"
    ].size == len(CONTENT)
    assert set(layer.entries) >= {b"d/.wh..wh..opq", b".wh.gone", b"d/sub/deep", b"caf\xe9 \n", b"link", b"pipe"}
    assert layer.entries[b"d"].xattrs == {}
    assert layer.entries[b"a"].same_as == layer.entries[b"z"].same_as == b"a"


@as_root
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_squashfs_is_what_the_tar_is_and_the_same_each_time(name: str, tmp_path: Path) -> None:
    if which("tar2sqfs") is None:
        pytest.skip("tar2sqfs is not installed")
    top = upper_folder(tmp_path)
    for out in ("x.tar", "x.sqfs", "y.sqfs"):
        assert main(["seal", str(top), "--for", name, "-o", str(tmp_path / out)]) == EXIT_AS_EXPECTED
    assert (tmp_path / "x.sqfs").read_bytes() == (tmp_path / "y.sqfs").read_bytes()
    with (tmp_path / "x.sqfs").open("rb") as file:
        laid = Snapshot.of(read_squash(file, "x"))
    packed_ = Snapshot.of(read_tar(tmp_path / "x.tar"))
    assert {path: same(one) for path, one in laid.entries.items()} == {
        path: same(one) for path, one in packed_.entries.items()
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upper", "x.sqfs", "x.tar", "y.sqfs"]


@as_root
def test_a_packer_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    top = upper_folder(tmp_path)
    (tmp_path / "bin").mkdir()
    packer = tmp_path / "bin/tar2sqfs"
    packer.write_text('#!/bin/sh\n: >"$2"; echo it is full >&2; exit 1\n')
    packer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    assert main(["seal", str(top), "--for", "all", "-o", str(tmp_path / "x.sqfs")]) == EXIT_BROKEN
    assert "tar2sqfs did not come to its end: it is full" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "upper"]


@pytest.mark.parametrize("out", ["x.tar", "x"])
def test_sigkill_leaves_nothing(out: str, tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    (tmp_path / "upper/huge").touch()
    os.truncate(tmp_path / "upper/huge", 1 << 29)  # a hole, whose zeros take a while to write
    words = [
        sys.executable,
        "-m",
        "harness",
        "seal",
        str(tmp_path / "upper"),
        "--for",
        "oci",
        "--unprivileged",
        "-o",
        str(tmp_path / out),
    ]
    pid = os.spawnv(os.P_NOWAIT, sys.executable, words)
    while not list(tmp_path.glob(f".{out}.*/layer*")):
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it ended before it was killed"
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while list(tmp_path.glob(f".{out}.*")):  # by the reaper, soon
        time.sleep(0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["upper"]


@as_root
@pytest.mark.parametrize("kind", ["squashfs", "ext", "tar"])
def test_the_uppermost_layer_of_an_image_is_sealed_with_those_below_it(kind: str, tmp_path: Path) -> None:
    top = upper_folder(tmp_path)
    made = {"squashfs": (SQUASHFS, as_squashfs), "ext": (EXT3, as_ext), "tar": (TAR, as_tar)}[kind]
    image = tmp_path / "image.sif"
    below = io.BytesIO()
    with tarfile.open(fileobj=below, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("gone"))
    image.write_bytes(oci_sif([(TAR, below.getvalue()), (made[0], made[1](top).read_bytes())]))
    assert main(["seal", str(image), "--for", "oci", "-o", str(tmp_path / "x.tar")]) == EXIT_AS_EXPECTED
    layer = Snapshot.of(read_tar(tmp_path / "x.tar"))
    assert layer.entries[b"d/large"].digest == hashlib.sha256(CONTENT).hexdigest()
    assert b".wh.gone" in layer  # which the layer below has
    assert b"d/.wh..wh..opq" not in layer  # since that has no d


@as_root
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_folder_is_what_the_tar_is(name: str, tmp_path: Path) -> None:
    top = upper_folder(tmp_path)
    for made in (top / "d/sub", top / "d", top):
        os.utime(made, (1_000_000_000, 1_000_000_000))
    assert main(["seal", str(top), "--for", name, "-o", str(tmp_path / "x.tar")]) == EXIT_AS_EXPECTED
    assert main(["seal", str(top), "--for", name, "-o", str(tmp_path / "x")]) == EXIT_AS_EXPECTED
    packed_, laid = Snapshot.of(read_tar(tmp_path / "x.tar")), read_folder(os.fsencode(tmp_path / "x"))
    assert {path: same(one) for path, one in laid.entries.items()} == {
        path: same(one) for path, one in packed_.entries.items()
    }
    for path in ("d/large", "d", "d/sub", "."):  # of a folder too, though something was made in it
        times = [int((tmp_path / where / path).stat().st_mtime) for where in ("upper", "x")]
        assert times[0] == times[1], path


@as_root
def test_with_its_lowers_nothing_is_said_for_nothing(tmp_path: Path) -> None:
    top, lower = upper_folder(tmp_path), tmp_path / "lower"
    (lower / "d").mkdir(parents=True)
    (lower / "d/old").touch()
    (lower / "gone").touch()
    words = ["seal", str(top), "--for", "oci", "--lower", str(lower), "-o", str(tmp_path / "x.tar")]
    assert main(words) == EXIT_AS_EXPECTED
    layer = Snapshot.of(read_tar(tmp_path / "x.tar"))
    merged = merge([read_folder(os.fsencode(lower)), layer], reader=IMPORTER)
    assert b"gone" not in merged
    assert b"d/old" not in merged
    (lower / "gone").unlink()
    (lower / "d/old").unlink()
    words[-1] = str(tmp_path / "y.tar")
    assert main(words) == EXIT_AS_EXPECTED
    assert not [path for path in Snapshot.of(read_tar(tmp_path / "y.tar")).entries if b".wh." in path]


def test_what_is_there_stays_and_what_failed_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top = tmp_path / "upper"
    top.mkdir()
    (top / ".wh.mine").write_text("somebody's own")
    kept = tmp_path / "there.tar"
    kept.write_text("there")
    words = ["--unprivileged"]
    assert main(["seal", str(top), "--for", "kernel", "-o", str(kept), *words]) == EXIT_USAGE
    assert kept.read_text() == "there"
    for out in ("x.tar", "x"):
        assert main(["seal", str(top), "--for", "oci", "-o", str(tmp_path / out), *words]) == EXIT_USAGE
    assert "somebody's own" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.tar", "upper"]


def test_a_folder_is_given_in_the_same_order_whatever_the_file_system_says(tmp_path: Path) -> None:
    top = upper_folder(tmp_path)
    source = open_tree(top).layers[0].source
    assert source is not None
    paths = [one.path for one in contents(source)]
    assert paths == sorted(paths, key=lambda path: path.split(b"/")) or len(paths) == len(set(paths))
    assert {one.path for one in read_folder(os.fsencode(top))} == set(paths)


def test_no_path_leads_out_of_the_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a/../../escaped"))
    for out in ("x", "x.tar"):
        assert main(["seal", str(tmp_path / "hostile.tar"), "--for", "oci", "-o", str(tmp_path / out)]) == EXIT_USAGE
    assert "leads out of the tree" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.tar"]


@pytest.mark.parametrize("out", ["x", "x.tar"])
def test_no_path_goes_through_a_link(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        link = tarfile.TarInfo("d")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)
        inside = tarfile.TarInfo("d/f")
        inside.size = 7
        archive.addfile(inside, io.BytesIO(b"escaped"))
    assert main(["seal", str(tmp_path / "hostile.tar"), "--for", "oci", "-o", str(tmp_path / out)]) == EXIT_USAGE
    assert "d/f: lies in d, which is no directory" in capsys.readouterr().err
    assert not list(outside.iterdir())
    assert not (tmp_path / out).exists()
