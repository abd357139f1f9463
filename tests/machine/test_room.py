"""A work disk that is full, at the start or for a moment alone, is a problem of the machine: nothing is found, and nothing has passed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import BrokenMachinery
from harness.machine.process import Finished, run
from harness.machine.room import LEAST, Room
from harness.runs.folders import project_folder
from tests.namespaces import own_mounts

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system; run as root")

# $1: folder   $2: the disk's size   $3: KB to leave; the rest is Python
_SMALL = r"""
mount -t tmpfs -o size="$2" tmpfs "$1" || exit 99
mkdir "$1/work" && : >"$1/work/.whiteout-lab"
[ "$3" = all ] || head -c "$(($(df -k --output=avail "$1" | tail -n 1) - $3))k" /dev/zero >"$1/ballast"
shift 3
"$@"
"""


def on_a_small_disk(folder: Path, size: str, leave: str, *words: str | Path) -> Finished:
    """Run Python with a work folder on a disk of its own, in a mount namespace that goes with it."""
    disk = folder / "disk"
    disk.mkdir()
    env = {**os.environ, "WHITEOUT_LAB_WORK": str(disk / "work"), "WHITEOUT_LAB_STRICT": ""}
    return run(
        own_mounts(_SMALL, disk, size, leave, sys.executable, *words), cwd=project_folder(), env=env, timeout=120
    )


@root
@pytest.mark.real
@pytest.mark.parametrize("left", ["0", "96", "256", "700"])
def test_a_run_does_not_begin_on_a_full_disk(left: str, tmp_path: Path) -> None:
    words = ["-m", "harness", "run", "replace-loop-emptied", "--tool", "kernel"]
    done = on_a_small_disk(tmp_path, "8m", left, *words, "--out", tmp_path / "run")
    assert done.code == 3, done
    assert "Traceback" not in done.out + done.err
    assert "is full, or nearly so" in done.err
    assert "WHITEOUT_LAB_WORK" in done.err
    assert not (tmp_path / "run").exists()


_BIG = f"""
schema = 1
title = "copy a file"
guards = "a cell that fills the disk"
steps = [{{ do = "unlink", path = "gone" }}, {{ do = "cp", path = "big", to = "again" }}]
[[layers]]
gone = "old"
big = "{"x" * 100_000}"
"""
_LONG_AGO = """
schema = 1
title = "it would seem fixed"
program = "kernel"
versions = ["any"]
effect = "litter"
cause = "it would seem fixed"
remedy = "it would seem fixed"
seen = "2026-11-24"
witnesses = ["big"]
signs = [{ codes = ["WL102"] }]
"""


@root
@pytest.mark.real
@pytest.mark.worlds
def test_a_disk_that_fills_breaks_the_cell_and_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_text(_BIG, encoding="utf-8")
    (tmp_path / "known").mkdir()
    (tmp_path / "known/long-ago.toml").write_text(_LONG_AGO, encoding="utf-8")
    words: list[str | Path] = [
        "-m",
        "harness",
        "run",
        tmp_path / "big.toml",
        "--tool",
        "kernel",
        "--jobs",
        "1",
        "--defects",
        tmp_path / "known",
    ]
    done = on_a_small_disk(tmp_path, "8m", str(LEAST // 1024 + 200), *words, "--out", tmp_path / "run")
    assert done.code == 3, done
    cells = json.loads((tmp_path / "run/results.json").read_bytes())["cells"]
    ran = [one for one in cells if one["outcome"] != "skipped"]
    if not ran:
        pytest.skip("no world is built, and the host lacks the programs")
    for one in ran:
        assert one["outcome"] == "broken", one
        assert "the work folder was full" in one["reason"]
        assert not one.get("findings")
    assert "seems fixed" not in done.out


_FILLS = r"""
import sys
from pathlib import Path
from harness.judge.judge import judge
from harness.launch.cell import CellContext
from tests.launch.test_cell import DELETE, go, tool
here, work = Path(sys.argv[1]), Path(sys.argv[1]) / "disk/work"
fill = "df -k --output=avail /mnt | tail -n 1 | { read -r free; head -c $((free - %s))k /dev/zero >/mnt/ballast; }; sleep 0.2\n"
Path(here / "source").mkdir()
mount = 'for last; do :; done; mount -t overlay overlay -o lowerdir=lower/1,upperdir=upper,workdir=work "$last"\n'
hold = "trap 'exit 0' TERM; while grep -q ' /mnt/merged ' /proc/self/mountinfo; do sleep 0.02; done\n"
free = "rm /mnt/ballast\n"
_, verdict = go(DELETE, tool(here / "fo", (fill % sys.argv[2]) + free + mount + hold), CellContext(work, "6.0", {}, timeout=20), here)
print(verdict.outcome, verdict.reason)
"""


@root
@pytest.mark.real
@pytest.mark.parametrize(
    ("left", "outcome"), [("100", "broken the disk of the work folder was full"), ("4000", "passed")]
)
def test_a_disk_that_was_full_for_a_moment_is_seen(left: str, outcome: str, tmp_path: Path) -> None:
    done = on_a_small_disk(tmp_path, "16m", "all", "-c", _FILLS, tmp_path, left)
    assert done.out.startswith(outcome), done


@root
@pytest.mark.real
def test_a_cell_does_not_begin_without_room(tmp_path: Path) -> None:
    ask = "import sys; from pathlib import Path; from harness.machine.room import Room; Room(Path(sys.argv[1])).need()"
    enough = str(LEAST // 1024 + 64)
    assert on_a_small_disk(tmp_path, "8m", enough, "-c", ask, tmp_path / "disk").code == 0
    (tmp_path / "again").mkdir()
    done = on_a_small_disk(tmp_path / "again", "8m", "900", "-c", ask, tmp_path / "again/disk")
    assert "BrokenMachinery" in done.err, done
    assert "full, or nearly so" in done.err


def test_a_disk_with_room_is_no_trouble(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.need()
    assert room.problem == ""
    room.least = 12_345
    assert "12 KB" in room.problem
    with pytest.raises(BrokenMachinery, match="full"):
        room.need()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, False),
        ({"f_bavail": 1023}, True),
        ({"f_bavail": 1023, "f_bfree": 9999}, True),  # the rest is root's: ordinary users run out first
        ({"f_bfree": 0}, False),
        ({"f_favail": 63}, True),
        ({"f_files": 0, "f_favail": 0}, False),  # btrfs has no table of inodes
        ({"f_blocks": 0, "f_bavail": 0}, False),  # a tmpfs without a limit
    ],
)
def test_what_is_little_whoever_may_take_it(
    fields: dict[str, int], problem: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems with room for root alone, without inodes and without a limit cannot all be had here: so the system's answer is given."""
    plenty = {"f_blocks": 9999, "f_bfree": 9999, "f_bavail": 9999, "f_files": 9999, "f_favail": 9999, "f_frsize": 1024}
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**(plenty | fields)))
    room = Room(tmp_path)
    room.look()
    assert bool(room.problem) is problem


def test_the_least_that_was_ever_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    for free in (900, 300, 700, 9999):
        answer = SimpleNamespace(f_blocks=9999, f_bfree=free, f_bavail=free, f_files=0, f_favail=0, f_frsize=1024)
        monkeypatch.setattr(os, "statvfs", lambda _, answer=answer: answer)
        room.look()
    assert "(300 KB, or few inodes, were left)" in room.problem
