"""Deletion is guarded: only below our marker, on one device, never across a mount."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery, UsageError
from harness.machine.guarded import MARKER, claim, is_marked, mark, remove_tree
from harness.machine.process import run


def _tree(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").write_text("x")
    (folder / "link").symlink_to("/etc")
    os.mkfifo(folder / "fifo")
    return folder


def test_a_tree_without_a_marker_is_left_alone(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree")
    with pytest.raises(BrokenMachinery, match="not deleted"):
        remove_tree(tree)
    assert (tree / "a/b/file").exists()


def test_a_marked_tree_and_a_tree_below_a_marker_go(tmp_path: Path) -> None:
    mark(_tree(tmp_path / "one"))
    remove_tree(tmp_path / "one")
    _tree(tmp_path / "two/inside")
    mark(tmp_path / "two")
    remove_tree(tmp_path / "two/inside")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert is_marked(tmp_path / "two")


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_hostile_names_and_folders_without_permission_go(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    mark(tree)
    for name in (b"\xff\xfe", b"line\nbreak", b"-rf", b"\x1b[31m", b"x" * 255):
        folder = tree / os.fsdecode(name)
        folder.mkdir()
        (folder / os.fsdecode(b"f\xff")).touch()
        folder.chmod(0)
    tree.chmod(0o555)
    remove_tree(os.fsencode(tree))
    assert not tree.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = _tree(tmp_path / "outside")
    tree = tmp_path / "tree"
    tree.mkdir()
    mark(tree)
    (tree / "out").symlink_to(outside)
    (tmp_path / "to-tree").symlink_to(tree)
    with pytest.raises(BrokenMachinery, match="this is none"):
        remove_tree(tmp_path / "to-tree")
    remove_tree(tree)
    assert (outside / "a/b/file").exists()


def test_dots_at_the_end_are_refused(tmp_path: Path) -> None:
    mark(tmp_path)
    (tmp_path / "a/b").mkdir(parents=True)
    with pytest.raises(BrokenMachinery):
        remove_tree(tmp_path / "a/b" / "..")
    assert (tmp_path / "a/b").exists()


_BIND = """
set -e
cd "$1"
mkdir -p tree/a/mounted tree/b precious
echo keep >precious/file
echo gone >tree/b/file
touch tree/.whiteout-lab
mount --bind precious tree/a/mounted
"$2" -c 'import sys; from harness.machine.guarded import remove_tree; from harness.errors import BrokenMachinery
try:
    remove_tree(sys.argv[1])
except BrokenMachinery as error:
    print(error)' "$1/tree"
"""


@pytest.mark.real
def test_a_bind_mount_of_the_same_device_stops_it(tmp_path: Path) -> None:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    space = ["unshare", *user, "--mount", "--propagation", "private"]
    if not run([*space, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).ok:
        pytest.skip("no mount namespace can be made here")
    project = Path(__file__).resolve().parents[2]
    done = run([*space, "sh", "-c", _BIND, "sh", str(tmp_path), sys.executable], cwd=project)
    assert "something is mounted here" in done.out, done.err
    assert (tmp_path / "precious/file").read_text() == "keep\n"
    assert not (tmp_path / "tree/b").exists()
    assert (tmp_path / "tree" / MARKER).exists()


def test_a_folder_of_others_cannot_be_claimed(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(UsageError, match="not ours"):
        claim(tmp_path / "full")
    assert not is_marked(tmp_path / "full")
    assert is_marked(claim(tmp_path / "new/deep"))
    assert claim(tmp_path / "new/deep")
    (tmp_path / "file").touch()
    with pytest.raises(BrokenMachinery):
        claim(tmp_path / "file")


def test_one_folder_is_claimed_by_many_at_once(tmp_path: Path) -> None:
    def one(number: int) -> None:
        (claim(tmp_path / f"cache-{number % 20}") / f"file-{number}").touch()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(400)))
