"""Cells on real tools: what a wrong tool does is found, and what is killed leaves nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.errors import BrokenMachinery
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome
from harness.judge.judge import Verdict, judge
from harness.launch.cell import CellContext, Ran, run_cell
from harness.launch.leaks import find_leaks
from harness.machine.workfolder import locked_folder, sweep, work_folder
from harness.places import REMOUNT, UPPER, VIEW, PlaceName
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.worlds.build import world_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool, World
from tests.defects import known, said

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="the wrappers reach into a world of root's; run as root"),
]

DELETE = b"""
schema = 1
title = "delete a file"
guards = "a deleted file stays deleted"
steps = [{ do = "unlink", path = "d/x" }]
[[layers]]
"d/x" = "old"
"""
MAKE = b"""
schema = 1
title = "make a directory"
guards = "one mark"
steps = [{ do = "mkdir", path = "d/new" }]
[[layers]]
"d/x" = "old"
"""


@pytest.fixture(scope="module")
def trixie() -> World:
    world = world_in_place("trixie")
    if world is None:
        if os.environ.get("WHITEOUT_LAB_STRICT") == "1":
            pytest.fail("the world trixie is not built")
        pytest.skip("the world trixie is not built: whiteout-lab worlds build trixie")
    return world


@pytest.fixture
def context(tmp_path: Path) -> CellContext:
    work = tmp_path / "work"
    work.mkdir()
    return CellContext(work, "6.0", {}, timeout=5)


def real_program(world: World) -> str:
    """A shell word that runs the world's fuse-overlayfs on the host."""
    loader = next((world.root / "lib64").resolve().glob("ld-linux-*.so.2"), None) or next(
        (world.root / "usr").rglob("ld-linux-*.so.2")
    )
    libraries = ":".join(sorted({str(p.parent) for p in (world.root / "usr/lib").glob("*/libfuse3.so*")}))
    return f"{loader} --library-path {libraries} {world.root}/usr/bin/fuse-overlayfs"


def tool(path: Path, text: str, version: str = "1.14") -> Tool:
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    main = Part("fuse-overlayfs", version, "", str(path), "")
    return Tool("fuse-overlayfs", main, host_world(), origin="given")


def go(
    scenario: bytes, program: Tool, context: CellContext, tmp_path: Path, defects: Sequence[Defect] = ()
) -> tuple[Ran, Verdict]:
    cell = Cell(parse(scenario, where="test", name="test"), program, Profile.ROOT)
    ran = run_cell(cell, context, tmp_path / "recording")
    return ran, judge(ran.recording, ran.trees, defects=defects)


def codes(verdict: Verdict, place: PlaceName | None = None) -> set[str]:
    return {f.code for f in verdict.new if place is None or f.place is place}


def test_the_honest_tool_deletes(trixie: World, context: CellContext, tmp_path: Path) -> None:
    ran, verdict = go(DELETE, tool(tmp_path / "fo", f'exec {real_program(trixie)} "$@"\n'), context, tmp_path)
    assert verdict.outcome is Outcome.PASSED, verdict
    assert ran.trees[UPPER].entries[b"d/x"].is_whiteout_device
    assert any("fuse" in line for line in ran.recording.mounts), "what was really mounted is read back"
    assert list(context.work.iterdir()) == []


def test_a_cell_whose_run_was_killed_ends_and_leaves_what_is_recorded_alone(trixie: World, tmp_path: Path) -> None:
    """The run's reaper deletes its work folder while a worker is still in a cell: what that saw is nobody's finding.

    And who goes on with the run may have recorded the same cell by then.
    """
    program = tool(tmp_path / "fo", f'exec {real_program(trixie)} "$@"\n')
    with locked_folder(tmp_path / "parent", "run", "x") as work:
        of_run = CellContext(work, "6.0", {}, timeout=30, of_run=True)
        go(DELETE, program, of_run, tmp_path)
    there = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "recording").iterdir()}
    assert "recording.json" in there
    with pytest.raises(BrokenMachinery, match="the run was killed while the cell was running"):
        go(DELETE, program, of_run, tmp_path)  # it has not even begun
    work.mkdir()
    descriptor = os.open(work / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def kill() -> None:
        while not list(work.glob("cell-*/cell/out/phases")):
            time.sleep(0.005)
        os.close(descriptor)
        while list(work.glob("cell-*")):
            late.extend(work.glob("cell-*/cell/upper/late"))
            time.sleep(0.01)

    late: list[Path] = []
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(BrokenMachinery, match="the run was killed while the cell was running"):
        go(DELETE, tool(tmp_path / "slow", "sleep 4; : >upper/late; sleep 1\n"), of_run, tmp_path)
    killer.join()
    assert not late, "it was not waited for"
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "recording").iterdir()} == there


def test_a_dropped_marker_is_found(trixie: World, context: CellContext, tmp_path: Path) -> None:
    text = f'{real_program(trixie)} "$@"; code=$?; find upper -type c -delete; exit $code\n'
    _, verdict = go(DELETE, tool(tmp_path / "fo", text), context, tmp_path)
    assert verdict.outcome is Outcome.FINDING
    assert codes(verdict, REMOUNT) >= {"WL201", "WL206"}
    assert "WL201" not in codes(verdict, VIEW)


def test_one_that_hangs_is_stopped_and_found(trixie: World, context: CellContext, tmp_path: Path) -> None:
    quick = CellContext(context.work, "6.0", {}, timeout=0.9, patience=0.4)
    ran, verdict = go(DELETE, tool(tmp_path / "fo", "exec sleep 1000\n"), quick, tmp_path)
    assert ran.recording.timed_out
    assert verdict.outcome is Outcome.FINDING
    assert codes(verdict) == {"WL208"}
    assert find_leaks(context.work / "none") == []
    assert not _running("sleep 1000")


def test_one_that_dies_under_the_steps_is_found(trixie: World, context: CellContext, tmp_path: Path) -> None:
    text = (
        f'{real_program(trixie)} "$@" & child=$!\n'
        # or until it is unmounted again, where this was late to see it
        "until grep -q ' /mnt/merged ' /proc/self/mountinfo || grep -q '^State:.Z' /proc/$child/status; do :; done\n"
        "kill -9 $child; wait $child; kill -9 $$\n"
    )
    _, verdict = go(DELETE, tool(tmp_path / "fo", text), context, tmp_path)
    assert verdict.outcome is Outcome.FINDING
    assert "WL208" in codes(verdict)


def test_one_that_dies_before_it_mounts_is_found(trixie: World, context: CellContext, tmp_path: Path) -> None:
    _, verdict = go(DELETE, tool(tmp_path / "fo", "kill -SEGV $$\n"), context, tmp_path)
    assert codes(verdict) == {"WL208"}


def test_one_that_refuses_has_answered_in_its_own_words(trixie: World, context: CellContext, tmp_path: Path) -> None:
    _, verdict = go(DELETE, tool(tmp_path / "fo", "echo no such option >&2; exit 1\n"), context, tmp_path)
    assert [(one.code, one.message) for one in verdict.new] == [
        ("WL209", "refuses to mount the stack: exit code 1: no such option")
    ]


def test_one_that_the_machine_does_not_let_mount_is_broken_machinery(
    trixie: World, context: CellContext, tmp_path: Path
) -> None:
    _, verdict = go(DELETE, tool(tmp_path / "fo", "echo No space left on device >&2; exit 1\n"), context, tmp_path)
    assert verdict.outcome is Outcome.BROKEN
    assert "No space left on device" in verdict.reason


def test_a_lie_about_the_version_does_not_hide_the_bug(trixie: World, context: CellContext, tmp_path: Path) -> None:
    defects = known("WL101", versions=("<2",)), known("WL106")
    honest = tool(tmp_path / "fo", f'exec {real_program(trixie)} "$@"\n')
    _, verdict = go(MAKE, honest, context, tmp_path, defects)
    assert verdict.outcome is Outcome.PASSED
    assert {f.code for f in verdict.findings} == {"WL101", "WL106"}
    _, verdict = go(
        MAKE, tool(tmp_path / "fo", f'exec {real_program(trixie)} "$@"\n', "2.0"), context, tmp_path, defects
    )
    assert verdict.outcome is Outcome.FINDING
    assert codes(verdict) == {"WL101"}
    assert [one.back for one in verdict.new] == [said(defects[0])[0]]


def test_a_defect_that_must_show_and_does_not_fails(trixie: World, context: CellContext, tmp_path: Path) -> None:
    program = tool(tmp_path / "fo", f'exec {real_program(trixie)} "$@"\n')
    _, verdict = go(DELETE, program, context, tmp_path, (known("WL102", witnesses=("test",)),))
    assert verdict.outcome is Outcome.FINDING
    assert "seems fixed" in verdict.reason


@pytest.mark.parametrize("victim", ["unshare", "init", "script", "daemon"])
def test_sigkill_of_any_process_leaves_nothing(
    victim: str, trixie: World, context: CellContext, tmp_path: Path
) -> None:
    program = tool(tmp_path / "fo", f'sleep 0.3; exec {real_program(trixie)} "$@"\n')
    killer = os.fork()
    if killer == 0:
        os._exit(0 if _kill_when_there(victim, context.work) else 1)
    ran, _ = go(DELETE, program, context, tmp_path)
    assert os.waitpid(killer, 0)[1] == 0, f"there was no {victim} to kill"
    assert not ran.recording.timed_out, "it waited for what was dead, up to its time limit"
    assert ran.recording.phase != "end", "nothing was missed of what was killed"
    _wait_until_clean(str(context.work))
    assert list(context.work.iterdir()) == []


def _kill_when_there(victim: str, work: Path) -> bool:
    """SIGKILL one process of the cell that works in *work*, and of no other cell on this machine."""
    own = os.fsencode(work)
    for _ in range(500):
        table = _processes()
        roots = [pid for pid, (_, words) in table.items() if words[:1] == [b"unshare"] and any(own in w for w in words)]
        family = {pid for pid in table if roots and _descends(pid, roots[0], table)}
        for pid in sorted(family):
            if _is(victim, table[pid][1]):
                time.sleep(0.01)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return True
        time.sleep(0.001)
    return False


def _is(victim: str, words: list[bytes]) -> bool:
    return {
        "unshare": words[:1] == [b"unshare"],
        "init": words[:1] == [b"sh"] and any(word.endswith(b"/init.sh") for word in words),
        "script": words[:2] == [b"sh", b"script.sh"],
        "daemon": b"/mnt/tool" in words and b"-f" in words,
    }[victim]


def _processes() -> dict[int, tuple[int, list[bytes]]]:
    """Every process: its parent and its words."""
    table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            table[int(folder.name)] = (parent, (folder / "cmdline").read_bytes().split(b"\0"))
    return table


def _descends(pid: int, root: int, table: dict[int, tuple[int, list[bytes]]]) -> bool:
    while pid in table and pid != root:
        pid = table[pid][0]
    return pid == root


def _running(text: str) -> bool:
    wanted = text.replace(" ", "\0").encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(wanted):
                return True
        except OSError:
            continue
    return False


def _wait_until_clean(work: str) -> None:
    for _ in range(100):
        if not [leak for leak in find_leaks(Path(work)) if not leak.startswith("the folder")]:
            return
        time.sleep(0.05)
    pytest.fail(f"left behind: {find_leaks(Path(work))}")


def test_a_work_folder_goes_with_a_killed_run(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with work_folder(parent, "killed") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "closed").mkdir(mode=0)
            os.write(tell, b"x")
            time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for _ in range(100):
        if not (parent / "run-killed").exists():
            break
        time.sleep(0.05)
    assert not (parent / "run-killed").exists()


def test_what_a_killed_reaper_left_is_swept(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    with work_folder(parent, "one"):
        pass
    dead = parent / "run-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / ".whiteout-lab").touch()
    with work_folder(parent, "alive") as alive:
        assert not dead.exists()
        sweep(parent)
        assert alive.exists(), "a run that lives is not swept"
