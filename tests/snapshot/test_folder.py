"""A tree from a folder of this machine: the fields of an entry, and where the walk ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.launch.process import run
from harness.snapshot.folder import read_folder, unseen_here
from harness.snapshot.model import Kind

PROJECT = Path(__file__).resolve().parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="devices and owners need root")


def test_another_file_system_is_named_and_not_entered(tmp_path: Path) -> None:
    """In a mount namespace of its own, where a user may mount; ``-`` says that none can be had here."""
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "beside").touch()
    code = (
        "import os, sys; from harness.snapshot.folder import read_folder\n"
        "print(*sorted(os.fsdecode(path) for path in read_folder(os.fsencode(sys.argv[1])).entries))\n"
    )
    inside = (
        'mount -t tmpfs tmpfs "$1/in" 2>/dev/null || { echo -; exit; }; mkdir "$1/in/other"; exec "$2" -c "$3" "$1"'
    )
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    words = [*namespace, "sh", "-c", inside, "sh", str(tmp_path), sys.executable, code]
    done = run(words, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    if done.out.strip() == "-" or not done.ok:
        pytest.skip(f"nothing can be mounted here: {done.err}")
    assert done.out.split() == ["beside", "in"]


@AS_ROOT
def test_device_numbers_owners_and_modes_are_in_their_fields(tmp_path: Path) -> None:
    os.mknod(tmp_path / "c", 0o020600, os.makedev(7, 300))
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 11, 22)
    (tmp_path / "f").chmod(0o6755)
    tree = read_folder(os.fsencode(tmp_path))
    device, file = tree.entries[b"c"], tree.entries[b"f"]
    assert (device.kind, device.device) == (Kind.CHAR, (7, 300))
    assert (file.uid, file.gid, file.mode) == (11, 22, 0o6755)


def test_what_cannot_be_seen_is_said() -> None:
    with Path("/proc/self/uid_map").open(encoding="ascii") as file:
        first = file.read().split() == ["0", "0", "4294967295"]
    assert unseen_here() == (() if first and os.geteuid() == 0 else ("trusted",))
    done = run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c",
         "from harness.snapshot.folder import unseen_here; print(*unseen_here())"],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    if not done.ok:
        pytest.skip(f"no user namespace can be made here: {done.err}")
    assert done.out.strip() == "trusted"


def test_a_walk_names_what_it_cannot_list(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root can list every folder")
    (tmp_path / "closed").mkdir(0o000)
    assert [e.path for e in read_folder(os.fsencode(tmp_path)) if e.kind is Kind.UNKNOWN] == [b"closed/?"]
