"""``reproduce.sh`` of a bundle, on a machine that has the tools alone: its exit codes, its words, and that nothing is left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from harness.cells.plan import Cell
from harness.machine.process import Finished, run
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.script.alone import Alone, alone, reproduce
from harness.script.compile import compile_cell
from harness.script.typed import typed
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool

HEAD = 'schema = 1\ntitle = "t"\nguards = "g"\n'
DELETE = HEAD + 'steps = [{ do = "unlink", path = "d/x" }]\nlayers = [{ "d/x" = "old\\n", "d/y" = "stays" }]\n'
# Stands in for a build of a program: the kernel's overlay, after which something is done to the upper.
BUILD = """#!/bin/sh
for merged; do :; done
mount -t overlay overlay -o "$3" early || exit 1
mount --move early "$merged" || exit 1
while grep -q " $(pwd -P)/merged " /proc/self/mountinfo; do sleep 0.01; done
%s
"""
GHOST = ": >upper/d/.wh.y; : >upper/d/y"


def cell(driver: str = "fuse-overlayfs", profile: Profile = Profile.ROOT, scenario: str = DELETE) -> Cell:
    tool = Tool(driver, Part(driver, "1.14", "", "/nowhere/fuse-overlayfs", ""), host_world(), origin="given")
    return Cell(parse(scenario.encode(), where="test", name="test"), tool, profile)


def build(folder: Path, ended: str = "") -> str:
    """A build; returns the word that names it."""
    program = folder / "fuse-overlayfs"
    program.write_text(BUILD.replace("mount -t", "mkdir -p early; mount -t") % ended, encoding="utf-8")
    program.chmod(0o755)
    return f"PROGRAM={program}"


def bundled(folder: Path, one: Cell, **fields: object) -> Alone:
    """The script in a folder, with its cell's below it."""
    (folder / "case").mkdir(parents=True, exist_ok=True)
    script = compile_cell(one)
    (folder / "case/script.sh").write_bytes(script)
    how = alone(one, script, "case")
    # these builds are no daemons of FUSE
    how = Alone(**{**how.__dict__, "needs": tuple(need for need in how.needs if need != "fuse"), **fields})
    (folder / "reproduce.sh").write_bytes(reproduce([how], ["what it shows"]))
    return how


def reproduced(folder: Path, *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Finished:
    before = sorted(path.name for path in folder.iterdir())
    done = run(
        ["sh", str(folder / "reproduce.sh"), *words], cwd=cwd or folder, env={**os.environ, **(env or {})}, timeout=60
    )
    assert sorted(path.name for path in folder.iterdir()) == before, done
    return done


real = pytest.mark.real
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts as root; run as root")


@real
@as_root
def test_it_passes_it_fails_and_it_says_which(tmp_path: Path) -> None:
    bundled(tmp_path, cell())
    good = reproduced(tmp_path, build(tmp_path))
    assert (good.code, good.out) == (0, "case:\n  PASS: as it should be\n"), good
    bad = reproduced(tmp_path, build(tmp_path, GHOST))
    assert bad.code == 1, bad
    assert "  BUG: d/.wh.y: stands beside the name that it says is gone\n" in bad.out
    assert "PASS" not in bad.out


@real
@as_root
def test_of_several_things_that_are_wrong_one_can_be_asked_for(tmp_path: Path) -> None:
    bundled(tmp_path, cell())
    word = build(tmp_path, GHOST)
    assert reproduced(tmp_path, word, "ONLY=d/.wh.*").code == 1
    other = reproduced(tmp_path, word, "ONLY=other/*")
    assert (other.code, other.out) == (0, "case:\n  PASS: nothing of what ONLY names\n")


@real
@as_root
def test_what_hangs_is_wrong_where_that_is_the_bug_and_untested_otherwise(tmp_path: Path) -> None:
    word = build(tmp_path, "sleep 60")
    how = bundled(tmp_path, cell(), hangs=True)
    text = reproduce([how], []).decode().replace(" 20 yes ", " 2 yes ")
    (tmp_path / "reproduce.sh").write_text(text)
    done = reproduced(tmp_path, word)
    assert (done.code, done.out) == (1, "case:\n  BUG: it did not come to its end in 2 s\n"), done
    (tmp_path / "reproduce.sh").write_text(text.replace(" 2 yes ", " 2 '' "))
    assert reproduced(tmp_path, word).code == 125


@real
@as_root
def test_the_kernel_is_no_program_that_another_takes_the_place_of(tmp_path: Path) -> None:
    bundled(tmp_path, cell("kernel"))
    assert reproduced(tmp_path).code == 0
    bundled(tmp_path, cell("kernel", Profile.USER))
    assert reproduced(tmp_path).code == 0


@real
@as_root
def test_what_was_seen_stays_when_asked(tmp_path: Path) -> None:
    bundled(tmp_path, cell("kernel"))
    done = run(["sh", "reproduce.sh", "--keep"], cwd=tmp_path, timeout=30)
    (kept,) = tmp_path.glob("whiteout-lab.*")
    assert f"what was seen is in {kept}" in done.out
    assert (kept / "1/out/upper.tar").exists()


@real
@as_root
def test_git_bisect_finds_the_commit(tmp_path: Path) -> None:
    bundled(tmp_path / "bundle", cell())
    repo = tmp_path / "repo"
    repo.mkdir()
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(repo)]
    assert run([*git, "init", "-q"]).ok
    for number in range(7):
        build(repo, GHOST if number >= 5 else "")
        (repo / "number").write_text(str(number))
        if number == 3:
            (repo / "fuse-overlayfs").unlink()  # a build that failed
        assert run([*git, "add", "-A"]).ok
        assert run([*git, "commit", "-q", "-m", f"commit {number}"]).ok
    assert run([*git, "bisect", "start", "HEAD", "HEAD~6"]).ok
    words = ["sh", str(tmp_path / "bundle/reproduce.sh"), "PROGRAM=./fuse-overlayfs"]
    done = run([*git, "bisect", "run", *words], cwd=repo, timeout=120)
    assert "is the first bad commit" in done.out, done
    assert "commit 5" in done.out


def test_what_the_machine_lacks_is_said_with_its_package(tmp_path: Path) -> None:
    how = bundled(tmp_path, cell("kernel"), needs=("no-such-program:its-package",))
    assert how.program == ""
    done = reproduced(tmp_path)
    assert (done.code, done.out) == (77, "case:\n  needs no-such-program (Debian: apt-get install its-package)\n")


def test_a_program_that_is_not_there_is_a_build_that_cannot_be_tested(tmp_path: Path) -> None:
    bundled(tmp_path, cell(), needs=())
    done = reproduced(tmp_path, "PROGRAM=./none")
    assert (done.code, done.out) == (125, f"case:\n  cannot be tested: there is no program {tmp_path}/./none\n")


def test_a_program_that_nobody_has_installed_is_lacking(tmp_path: Path) -> None:
    bundled(tmp_path, cell(), needs=(), program="no-such-program")
    done = reproduced(tmp_path)
    assert (done.code, "install it, or name one with PROGRAM=" in done.out) == (77, True)


def test_git_bisect_never_takes_a_machine_that_lacks_something_for_a_bad_commit(tmp_path: Path) -> None:
    bundled(tmp_path, cell("kernel"), needs=("no-such-program:its-package",))
    repo = tmp_path / "repo"
    assert run(["git", "init", "-q", str(repo)]).ok
    assert reproduced(tmp_path, cwd=repo).code == 77
    (repo / ".git/BISECT_START").touch()
    assert reproduced(tmp_path, cwd=repo).code == 125


def test_words_that_it_does_not_know_run_nothing(tmp_path: Path) -> None:
    bundled(tmp_path, cell("kernel"), needs=("no-such-program:its-package",))
    assert reproduced(tmp_path, "--wrong").code == 125
    none = reproduced(tmp_path, "another")
    assert (none.code, none.err) == (125, "there is no cell another\n")
    help_ = reproduced(tmp_path, "--help")
    assert help_.code == 0
    assert help_.out.startswith("what it shows\n")
    assert "Exit codes: 0 as it should be; 1 it is wrong; 125" in help_.out


def test_what_it_needs_is_what_its_script_calls() -> None:
    plain = alone(cell(), compile_cell(cell()), "case").needs
    assert "perl:perl" not in plain
    moved = cell(scenario=DELETE.replace('do = "unlink", path = "d/x"', 'do = "rename", path = "d/x", to = "d/z"'))
    assert "perl:perl" in alone(moved, compile_cell(moved), "case").needs
    assert {"root", "mounts", "fuse", "gnu-tar", "getfattr:attr"} <= set(plain)
    user = cell(profile=Profile.USER)
    assert alone(user, compile_cell(user), "case").needs[:2] == ("userns", "fuse")


@pytest.mark.parametrize("hostile", ["a b", "$(touch ran)", "x'y", "-rf", "\\\\n"])
def test_what_is_typed_is_quoted(hostile: str, tmp_path: Path) -> None:
    one = cell(scenario=DELETE.replace("d/x", hostile).replace('"old\\n"', '"$(touch ran)\\n"'))
    text = typed(one).decode()
    (tmp_path / "steps.sh").write_text(text)
    done = run(["sh", "-n", str(tmp_path / "steps.sh")])
    assert done.ok, done
    assert "unlink" in text


def test_a_few_commands_are_not_typed_where_they_would_not_do() -> None:
    assert typed(cell()).startswith(b"# as root\nmkdir -p lower/d upper work merged\necho 'old' >lower/d/x\n")
    below = cell()
    other = with_fields(below.scenario, below=with_fields(below.scenario.below, fs="tmpfs"))
    assert typed(Cell(other, below.tool, below.profile)) == b""
