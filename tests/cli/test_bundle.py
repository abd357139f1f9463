"""``bundle``: an archive that reproduces on a machine with the tools alone, tells of the cells alone, and holds nobody's name."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_USAGE
from harness.machine.process import run
from harness.places import UPPER
from harness.report.bundle import LARGEST, archive, check_output, folder_of, versions
from harness.report.load import load
from harness.runs.results import read_results
from harness.snapshot.tar import read_tar
from harness.snapshot.tar_write import tar_of
from harness.worlds.build import worlds_in_place
from tests.entries import file, folder, gone, tree
from tests.factory import PLAIN_UPPER, FakeCell, make_run
from tests.namespaces import own_mounts

CELL = "ghost-marker[fuse-overlayfs-1.14-root]"
PLANTED = {
    "SUDO_USER": "ada-lovelace",
    "HOSTNAME": "analytical-engine.example",
    "token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "address": "192.168.77.66",
    "password": "correct-horse",
}
SCENARIO = f"""schema = 1
title = "seen at {PLANTED["address"]}"
guards = "g"
steps = [
  {{ do = "mkdir", path = "a/new" }},
  {{ do = "write", path = "a/k", text = "{PLANTED["token"]} {PLANTED["SUDO_USER"]} password={PLANTED["password"]}" }},
]

[[layers]]
"a/f" = "of ada-lovelace at analytical-engine.example, {PLANTED["address"]}"
"""


def unpacked(path: Path) -> dict[str, bytes]:
    """Every file of an archive, and of the archives in it, by name."""
    found: dict[str, bytes] = {}

    def read(raw: bytes, where: str) -> None:
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            for member in tar:
                inside = tar.extractfile(member) if member.isreg() else None
                content = inside.read() if inside else b""
                found[f"{where}{member.name}"] = content
                found[f"{where}{member.name}:"] = repr((member.uname, member.linkname, member.pax_headers)).encode()
                if member.name.endswith(".tar"):
                    read(content, f"{where}{member.name}/")

    read(path.read_bytes(), "")
    return found


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return make_run(
        tmp_path / "run",
        [FakeCell(), FakeCell("kernel", "5.11", upper=PLAIN_UPPER), FakeCell(version="1.15", skipped="no fuse")],
    )


def test_it_is_of_these_cells_alone(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ghost.tar.gz"
    assert main(["bundle", CELL, "--run", str(recorded), "-o", str(out)]) == EXIT_AS_EXPECTED
    said = capsys.readouterr().out
    assert "its run's plan is not here" in said
    assert "ghost/ISSUE.md" in said
    files = unpacked(out)
    assert {"ghost/ISSUE.md", "ghost/report.html", "ghost/reproduce.sh", "ghost/TAKEN-OUT.txt"} <= files.keys()
    assert b"kernel 5.11" not in files["ghost/report.html"]
    assert b"not in kernel 5.11" in files["ghost/ISSUE.md"]
    with tarfile.open(fileobj=io.BytesIO(files[f"ghost/{folder_of(CELL)}/upper.tar"])) as tar:
        ghost = tar.getmember("./a/new/.wh..opq")
        assert (ghost.type, ghost.devmajor, ghost.devminor) == (tarfile.CHRTYPE, 0, 0)


def test_its_run_can_be_reported_again(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "ghost.tar.gz"
    assert main(["bundle", CELL, "--run", str(recorded), "-o", str(out)]) == EXIT_AS_EXPECTED
    loaded = load([_extracted(out, tmp_path / "there") / "ghost/run"])
    assert ([cell.result.id for cell in loaded.cells], loaded.damaged) == ([CELL], ())


def test_the_same_cells_give_the_same_bytes(recorded: Path, tmp_path: Path) -> None:
    outs = [tmp_path / str(number) / "ghost.tar.gz" for number in range(2)]
    for out in outs:
        out.parent.mkdir()
        assert main(["bundle", CELL, "--run", str(recorded), "-o", str(out)]) == EXIT_AS_EXPECTED
    first, second = (out.read_bytes() for out in outs)
    assert first == second


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((CELL, "-o", "x.zip"), "a bundle is a .tar.gz"),
        ((CELL, "-o", "a b.tar.gz"), "its name of letters and digits"),
        (("ghost-marker[fuse-overlayfs-1.14-roo]", "-o", "x.tar.gz"), f"did you mean {CELL}"),
    ],
)
def test_what_cannot_be_meant_is_said(
    words: tuple[str, ...], message: str, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", *words, "--run", str(recorded)]) == EXIT_USAGE
    assert message in capsys.readouterr().err


def test_a_recording_that_is_not_whole_is_no_evidence(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "cells/0/script.sh").write_bytes(b"#!/bin/sh\n")
    assert main(["bundle", CELL, "--run", str(recorded), "-o", str(tmp_path / "x.tar.gz")]) == EXIT_BROKEN
    assert "not whole any more" in capsys.readouterr().err
    assert not (tmp_path / "x.tar.gz").exists()


def test_an_archive_that_nobody_takes_is_none() -> None:
    with pytest.raises(Exception, match=r"would have 25\.\d MB"):
        archive("x", {"big": os.urandom(LARGEST + 1000)}, "2026-01-02T03:04:05+00:00")
    assert str(check_output(Path("a/ghost-3176.tgz"))) == "ghost-3176"


def test_where_nobody_looked_nothing_is_said(recorded: Path) -> None:
    every = read_results(recorded).cells
    (first, _) = (one for one in every if one.folder)
    assert any("not in kernel 5.11" in line for line in versions(first, every, {one.id: {UPPER} for one in every}))
    nowhere = versions(first, every, {one.id: set() for one in every})
    assert not any("not in" in line for line in nowhere)


def test_a_tree_of_which_a_snapshot_alone_is_there_is_a_tar_again(tmp_path: Path) -> None:
    there = tree([folder(b"d", user_x=b"\0\xff"), file(b"d/f", b"old"), gone(b"d/g"), file(b"caf\xe9", b"x")])
    (tmp_path / "t.tar").write_bytes(tar_of(there))
    again = {entry.path: entry for entry in read_tar(tmp_path / "t.tar")}
    for entry in there:
        assert again[entry.path].kind == entry.kind
        assert again[entry.path].digest == entry.digest
        assert again[entry.path].xattrs == entry.xattrs
    assert again[b"d/g"].is_whiteout_device


@pytest.mark.real
@pytest.mark.worlds
@pytest.mark.skipif(os.geteuid() != 0, reason="enters a userland by chroot; run as root")
def test_it_reproduces_in_a_userland_that_has_the_tools_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--only", CELL, "--out", str(tmp_path / "run"), "-q"]) == 0
    out = tmp_path / "empty/ghost.tar.gz"
    out.parent.mkdir()
    capsys.readouterr()
    assert main(["bundle", CELL, "--run", str(tmp_path / "run"), "-o", str(out), "--times", "2"]) == 0
    assert "it showed in 2 of 2 runs" in capsys.readouterr().out
    assert out.stat().st_size < 1_000_000
    text = unpacked(out)["ghost/ISSUE.md"].decode()
    assert "fuse-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work merged\ncd merged\nmkdir a/new\n" in text
    assert "0, 0  .wh..opq" in text  # what these commands really print
    world = next(one for one in worlds_in_place() if one.name == "trixie")
    script = (
        'mount --bind "$1" "$1" && cd "$1" && mount --bind "$2" mnt && mount --rbind /dev dev && mount -t proc proc proc && '
        "exec chroot \"$1\" sh -c 'cd /mnt && sh ghost/reproduce.sh'"
    )
    _extracted(out, out.parent)
    done = run(own_mounts(script, world.root, out.parent), timeout=60)
    bug = "BUG: a/new/.wh..opq: a device 0:0 deletes .wh..opq, which is a marker's own name"
    assert (done.code, done.out) == (1, f"{folder_of(CELL)}:\n  {bug}\n"), done
    assert sorted(path.name for path in (out.parent / "ghost").iterdir()) == sorted(
        {name.split("/")[1] for name in unpacked(out) if name.count("/") and not name.endswith(":")}
    )


@pytest.mark.real
@pytest.mark.worlds
@pytest.mark.skipif(os.geteuid() != 0, reason="enters a userland by chroot; run as root")
def test_what_is_private_is_in_none_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted.toml").write_text(SCENARIO)
    for name in ("SUDO_USER", "HOSTNAME"):
        monkeypatch.setenv(name, PLANTED[name])
    made = tmp_path / PLANTED["SUDO_USER"] / "run"
    assert main(
        ["run", str(tmp_path / "planted.toml"), "--tool", "fuse-overlayfs@trixie", "--out", str(made), "-q"]
    ) in {0, 1}
    out = tmp_path / "planted.tar.gz"
    cell = "planted[fuse-overlayfs-1.14-user]"
    assert main(["bundle", cell, "--run", str(made), "-o", str(out), "--times", "1"]) == 0
    files = unpacked(out)
    assert f"planted/{folder_of(cell)}/scenario.toml" in files
    for name, content in files.items():
        for value in PLANTED.values():
            assert value.encode() not in content, f"{value} in {name}"
            assert value not in name
    taken = files["planted/TAKEN-OUT.txt"].decode()
    for kind in ("user", "host", "token", "network address", "password"):
        assert f"{kind}: " in taken
    assert load([_extracted(out, tmp_path / "there") / "planted/run"]).damaged == ()


def _extracted(path: Path, where: Path) -> Path:
    where.mkdir(exist_ok=True)
    assert run(["tar", "-xzf", path, "-C", where]).ok
    return where
