"""Folders of programs that were killed, at whatever moment, go with the next start; those of programs that live stay."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.launch.enclosure import INIT, Enclosure
from harness.launch.leaks import find_leaks
from harness.machine.guarded import MARKER, claim, mark, remove_tree
from harness.machine.process import run
from harness.machine.workfolder import locked_folder, reaped_folder, sweep, work_folder
from harness.profile import Profile
from tests.namespaces import own_mounts


@pytest.mark.parametrize("kind", ["run", "probe"])
@pytest.mark.parametrize(
    "has", [(), ("lock",), ("lock", MARKER), (MARKER,), ("cell/lower/file",), ("lock", "cell/file")]
)
def test_the_folder_of_a_killed_program_goes_whatever_is_in_it(kind: str, has: tuple[str, ...], tmp_path: Path) -> None:
    parent = claim(tmp_path / "work")
    dead = parent / f"{kind}-dead"
    dead.mkdir()
    for name in has:
        (dead / name).parent.mkdir(parents=True, exist_ok=True)
        (dead / name).touch()
    with work_folder(parent, "alive") as alive:
        assert not dead.exists()
        with locked_folder(parent, "probe", "alive") as probe:
            assert sweep(parent) == []
            assert alive.exists()
            assert probe.exists(), "what lives is not swept"
    assert [path.name for path in parent.iterdir()] == [MARKER]


def test_what_is_not_of_a_run_is_not_swept(tmp_path: Path) -> None:
    parent = claim(tmp_path / "work")
    (tmp_path / "elsewhere").mkdir()
    (parent / "run-link").symlink_to(tmp_path / "elsewhere")
    (parent / "mine").mkdir()
    with work_folder(parent, "alive"):
        pass
    assert (tmp_path / "elsewhere").exists()
    assert (parent / "mine").exists()


@pytest.mark.parametrize("kind", ["run", "probe"])
def test_sigkill_at_any_moment_of_the_making_leaves_what_the_next_start_sweeps(kind: str, tmp_path: Path) -> None:
    parent = claim(tmp_path / "work")
    words = "import sys; from pathlib import Path; from harness.machine.workfolder import locked_folder\n"
    words += "while True:\n with locked_folder(Path(sys.argv[1]), sys.argv[2], 'x') as f: (f / 'cell').mkdir()\n"
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os.execv(sys.executable, [sys.executable, "-c", words, str(parent), kind])
        for _ in range(200):
            if list(parent.glob(f"{kind}-*")):
                break
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert sweep(parent) == []
        assert list(parent.glob(f"{kind}-*")) == []


@pytest.mark.parametrize("kind", ["run", "probe"])
def test_the_folder_of_a_program_that_is_killed_goes_by_itself(kind: str, tmp_path: Path) -> None:
    parent = claim(tmp_path / "work")
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with reaped_folder(parent, kind, "x") as folder:
            (folder / "cell/deep").mkdir(parents=True)
            os.write(tell, b".")
            signal.pause()
    os.close(tell)
    os.read(told, 1)
    os.close(told)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for _ in range(1500):
        if [path.name for path in parent.iterdir()] == [MARKER]:
            break
        time.sleep(0.02)
    assert [path.name for path in parent.iterdir()] == [MARKER], "nobody swept it"


def test_what_goes_at_the_same_time_is_no_trouble(tmp_path: Path) -> None:
    tree = claim(tmp_path / "tree")
    for number in range(300):
        (tree / f"{number}/a").mkdir(parents=True)
    child = os.fork()
    if child == 0:
        remove_tree(tree)
        os._exit(0)
    remove_tree(tree)
    assert os.waitpid(child, 0)[1] == 0
    assert not tree.exists()


_MOUNT = 'mount -t tmpfs tmpfs "$1/work/a b\\\\c" && exec "$2" -c "$3" "$1/work"'
_LOOP = """
set -e
mkdir "$1/disk"
mount -t tmpfs tmpfs "$1/disk"
truncate -s 1M "$1/disk/image"
loop=$(losetup --find --show "$1/disk/image")
code=0; "$2" -c "$3" "$1/disk" || code=$?
losetup --detach "$loop"
exit $code
"""
_ASK = "import sys; from pathlib import Path; from harness.launch.leaks import find_leaks\n"
_ASK += "for leak in find_leaks(Path(sys.argv[1])): print(leak)"


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts, and takes a loop device; run as root")
@pytest.mark.parametrize(("script", "what"), [(_MOUNT, "a mount at"), (_LOOP, "the loop device loop")])
def test_mounts_and_loop_devices_that_are_left_are_seen(script: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "work/a b\\c").mkdir(parents=True)
    space = own_mounts(script, tmp_path, sys.executable, _ASK)
    done = run([str(word) for word in space], cwd=Path(__file__).parents[2])
    if "losetup: " in done.err:
        pytest.skip(f"no loop device can be had: {done.err}")
    assert done.ok, done
    mine = [line for line in done.out.splitlines() if line.startswith(what)]
    assert len(mine) == 1, done
    assert str(tmp_path) in mine[0]
    if what == "a mount at":
        assert mine[0].endswith("/work/a b\\\\c")


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts; run as root")
def test_a_mount_on_the_folder_itself_is_seen_and_one_beside_it_is_none(tmp_path: Path) -> None:
    script = 'mount -t tmpfs tmpfs "$1/work" && mount -t tmpfs tmpfs "$1/work2" && exec "$2" -c "$3" "$1/work"'
    for name in ("work", "work2"):
        (tmp_path / name).mkdir()
    space = own_mounts(script, tmp_path, sys.executable, _ASK)
    done = run([str(word) for word in space], cwd=Path(__file__).parents[2])
    assert done.ok, done
    assert done.out.splitlines() == [f"a mount at {tmp_path}/work", f"the folder {tmp_path}/work"]


@pytest.mark.real
def test_processes_that_are_left_are_told_by_what_they_are(tmp_path: Path) -> None:
    """A first process of a cell by its words, others by where they work; and nothing else: not this program, not its neighbours."""
    work, beside = tmp_path / "work", tmp_path / "work2"
    for folder in (work / "deep", work / "gone", beside):
        folder.mkdir(parents=True)

    def words(folder: Path) -> list[str]:
        """A process that looks like the first one of a cell, and is given what that one is."""
        argv = Enclosure(Path("/w"), Profile.ROOT, as_root=True, uid=1).argv(folder / "cell-1" / "cell")
        return ["sh", "-c", "sleep 30; :", *argv[argv.index(str(INIT)) :]]

    asked = [
        (words(work), tmp_path),
        (["sleep", "30"], work / "deep"),
        (["sleep", "30"], work / "gone"),
        (["sleep", "30"], beside),
    ]
    asked.append((words(beside), tmp_path))
    children = []
    try:
        for argv, folder in asked:
            child = os.fork()
            if child == 0:
                os.setsid()
                os.chdir(folder)
                os.execvp(argv[0], argv)
            children.append(child)
        while any(b"python" in Path(f"/proc/{child}/cmdline").read_bytes() for child in children):
            time.sleep(0.01)
        (work / "gone").rmdir()
        with contextlib.chdir(work):
            found = find_leaks(work)
    finally:
        for child in children:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    cell, deep, gone, _, _ = children
    assert sorted(found) == sorted(
        [
            f"the folder {work}",
            f"the process {cell} of a cell",
            f"the process {deep} (sleep) works in {work}/deep",
            f"the process {gone} (sleep) works in {work}/gone",
        ]
    )


@pytest.mark.real
def test_processes_and_folders_that_are_left_are_seen(tmp_path: Path) -> None:
    mark(tmp_path)
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvp("sleep", ["sleep", "30"])
    try:
        for _ in range(100):
            found = find_leaks(tmp_path)
            if any("(sleep)" in leak for leak in found):
                break
            time.sleep(0.02)
        assert [leak for leak in found if f"the process {child} (sleep) works in {tmp_path}" in leak], found
        assert f"the folder {tmp_path}" in found
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
