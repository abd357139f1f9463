"""A script that runs alone says what came of it, and its exit code tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.machine.process import Finished, run
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.script.compile import compile_cell
from harness.script.parts import carried
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="mounts as root; run as root")]

HEAD = 'schema = 1\ntitle = "t"\nguards = "g"\n'
DELETE = (
    HEAD
    + 'steps = [{ do = "unlink", path = "d/x" }]\nlayers = [{ "d/x" = "old", "d/y" = "stays", "e" = { symlink = "t" } }]\n'
)
# Stands in for a program with bugs: the kernel's overlay, and then something is done to the upper or to the view.
WRAPPER = """#!/bin/sh
for merged; do :; done
mkdir -p early
mount -t overlay overlay -o "$3" early || exit 1
%s
mount --move early "$merged" || exit 1
while grep -q " $(pwd -P)/merged " /proc/self/mountinfo; do sleep 0.01; done
%s
"""


def cell(scenario: str, driver: str = "fuse-overlayfs") -> Cell:
    tool = Tool(driver, Part(driver, "1.14", "", "/nowhere/fuse-overlayfs", ""), host_world(), origin="given")
    return Cell(parse(scenario.encode(), where="test", name="test"), tool, Profile.ROOT)


def alone(tmp_path: Path, one: Cell, *words: str, folder: str = "folder") -> Finished:
    (tmp_path / "script.sh").write_bytes(compile_cell(one))
    return run(["unshare", "--mount", "sh", "./script.sh", folder, *words], cwd=tmp_path, timeout=30)


def wrapper(tmp_path: Path, mounted: str = "", ended: str = "") -> str:
    path = tmp_path / "program"
    path.write_text(WRAPPER % (mounted, ended), encoding="utf-8")
    path.chmod(0o755)
    return "PROGRAM=./program"


def test_the_kernel_is_as_it_should_be(tmp_path: Path) -> None:
    done = alone(tmp_path, cell(DELETE, "kernel"))
    assert (done.code, done.out, done.err) == (0, "as it should be\n", "")
    assert (tmp_path / "folder" / "out" / "view.tar").exists()


@pytest.mark.parametrize("folder", ["a b", "x\ny", "-rf", "[a]*", "deep/er"])
def test_folders_by_any_relative_name(folder: str, tmp_path: Path) -> None:
    done = alone(tmp_path, cell(DELETE), wrapper(tmp_path), folder=folder)
    assert (done.code, done.out) == (0, "as it should be\n"), done


@pytest.mark.parametrize(
    ("mounted", "ended", "message"),
    [
        (
            "",
            "mknod upper/.wh..opq c 0 0",
            "BUG: .wh..opq: a device 0:0 deletes .wh..opq, which is a marker's own name",
        ),
        ("", "mknod upper/d/none c 0 0", "BUG: d/none: a whiteout that hides nothing: no lower layer has the name"),
        ("", ": >upper/.wh.none", "BUG: .wh.none: a whiteout that hides nothing"),
        ("", ": >upper/d/.wh.y; : >upper/d/y", "BUG: d/.wh.y: stands beside the name that it says is gone"),
        (
            "",
            "mkdir upper/n; : >upper/n/.wh..wh..opq; mkdir upper/n/m; mknod upper/n/m/x c 0 0",
            "BUG: n/m/x: a whiteout below an opaque",
        ),
        ("", "setfattr -n trusted.overlay.opaque -v y upper/d", "BUG: d/x: a whiteout below an opaque directory"),
        ("", "rm upper/d/x", "BUG: d/x: is there and must not be (remount)"),
        (": >early/d/more", "", "BUG: d/more: is there and must not be (view)"),
        ("rm early/d/y", "", "BUG: d/y: must be there and is not (view)"),
        ("echo no >early/d/y", "", "BUG: d/y: Size differs, beside the oracle (view)"),
        ("echo stays | tr y Y | tr -d '\\n' >early/d/y", "", "BUG: d/y: Contents differ, beside the oracle (view)"),
        ("chmod 600 early/d/y", "", "BUG: d/y: Mode differs, beside the oracle (view)"),
        ("ln -sfn u early/e", "", "BUG: e: Symlink differs, beside the oracle (view)"),
        ("chown 7 early/d/y", "", "BUG: d/y: Uid differs, beside the oracle (view)"),
        ("rm -r early/d/y; mkdir early/d/y", "", "BUG: d/y: File type differs, beside the oracle (view)"),
        ("rm early/d/x", "", "BUG: step 1: fails; on a plain directory it succeeds"),
        ("", "exit 9", "BUG: daemon.log: the program ended with exit code 9"),
    ],
)
def test_a_bug_is_printed_and_the_exit_code_tells(mounted: str, ended: str, message: str, tmp_path: Path) -> None:
    done = alone(tmp_path, cell(DELETE), wrapper(tmp_path, mounted, ended))
    assert done.code == 1, done
    assert message in done.out, done
    assert all(line.startswith("BUG: ") for line in done.out.splitlines())


def test_what_a_step_says_is_part_of_it(tmp_path: Path) -> None:
    scenario = DELETE.replace("steps = [", 'steps = [{ do = "read", path = "d/y" }, { do = "stat", path = "d" }, ')
    done = alone(tmp_path, cell(scenario), wrapper(tmp_path, "echo no >early/d/y"))
    assert r"BUG: step 1: succeeds, says no; on a plain directory it succeeds, says stays" in done.out.splitlines()
    assert done.out.count("BUG: step") == 1


def test_what_refuses_an_image_on_its_way_is_told_in_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("merged.steps", "oracle.steps"):
        (tmp_path / "out" / name).touch()
    (tmp_path / "out" / "answers").write_text(
        "asked sealed overlay seal\nexit 0\n  done\nasked imported podman pull\nexit 125\n  Error: writing blob\n   stderr:  duplicates\n"
    )
    done = run(["sh", "-c", carried("verdict.sh").decode() + '\nout=out; verdict ""'], cwd=tmp_path)
    assert done.out == "BUG: podman pull: refused, exit code 125: stderr:  duplicates\n", done


def test_a_step_that_says_nothing_is_told_without_words(tmp_path: Path) -> None:
    scenario = DELETE.replace("steps = [", 'steps = [{ do = "read", path = "d/y" }, ')
    done = alone(tmp_path, cell(scenario), wrapper(tmp_path, ": >early/d/y"))
    assert "BUG: step 1: succeeds; on a plain directory it succeeds, says stays\n" in done.out


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    name = r"\\x1b[31m\\n$(touch ran)'\\xff"
    done = alone(tmp_path, cell(DELETE.replace('"d/y"', f'"{name}"')), wrapper(tmp_path, "rm early/*touch*"))
    assert done.code == 1
    assert "must be there and is not" in done.out
    assert done.out.isprintable() or all(line.isprintable() for line in done.out.splitlines())
    assert not list(tmp_path.rglob("ran"))


def test_a_refusal_to_mount_is_told_in_the_programs_words(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho no such option >&2; exit 1\n")
    program.chmod(0o755)
    done = alone(tmp_path, cell(DELETE), "PROGRAM=./program")
    assert done.code == 1
    assert done.out == "BUG: it is not mounted: exit code 1: no such option\n"


def test_a_refusal_that_must_be_is_as_it_should_be(tmp_path: Path) -> None:
    must = (
        HEAD
        + 'refuses = ["kernel"]\noptions = { kernel = "metacopy=on,redirect_dir=off" }\n'
        + DELETE.removeprefix(HEAD)
    )
    done = alone(tmp_path, cell(must, "kernel"))
    assert done.code == 0, done
    assert done.out.startswith("as it should be: it is not mounted: mount: ")
    done = alone(tmp_path, cell(must.replace("off", "on"), "kernel"), folder="another")
    assert done.code == 1, done
    assert done.out == "BUG: .: is mounted, which the tool must refuse\n"


def test_one_that_dies_before_it_mounts(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    program.chmod(0o755)
    done = alone(tmp_path, cell(DELETE), "PROGRAM=./program")
    assert (done.code, done.out) == (1, "BUG: the program died before it had mounted\n")


def test_what_the_machine_does_not_do_is_exit_code_3(tmp_path: Path) -> None:
    done = alone(tmp_path, cell(DELETE), "PROGRAM=./nowhere")
    assert (done.code, done.out) == (3, "")
    assert "the program cannot be started" in done.err
    done = alone(tmp_path, cell(DELETE, "kernel"))
    assert done.code == 3
    assert "is not empty: name a new one" in done.err


def test_in_a_cell_nothing_of_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_bytes(compile_cell(cell(DELETE, "kernel")))
    (tmp_path / "something").touch()
    done = run(["env", "WHITEOUT_LAB_CELL=1", "unshare", "--mount", "sh", "script.sh"], cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
