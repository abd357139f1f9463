"""A tree from a folder of this machine: the fields of an entry, and where the walk ends."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from pathlib import Path

import pytest

from harness.machine.process import run
from harness.snapshot.folder import read_folder, unseen_here
from harness.snapshot.limits import Budget
from harness.snapshot.model import Kind
from harness.snapshot.tar import SHORT

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
    with Path("/proc/self/uid_map").open(encoding="utf-8") as file:
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


def test_names_of_one_file_are_a_group_and_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "d/one").touch()
    (tmp_path / "alone").touch()
    os.link(
        tmp_path / "d/one", tmp_path / "z"
    )  # the walk meets it first, and the first name in byte order is the other
    found = read_folder(os.fsencode(tmp_path))
    assert {entry.path: (entry.same_as, entry.links) for entry in found} == {
        b"": (None, 1), b"alone": (None, 1), b"d": (None, 1), b"d/one": (b"d/one", 2), b"d/sub": (None, 1),
        b"z": (b"d/one", 2),
    }  # fmt: skip


@pytest.mark.parametrize("size", [0, SHORT, SHORT + 1, (1 << 20) + 5, (2 << 20) + 5])
def test_content_is_digested_whole_and_kept_where_it_is_short(size: int, tmp_path: Path) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "f").write_bytes(content)
    (entry,) = read_folder(os.fsencode(tmp_path)).inside(b"")
    assert (entry.size, entry.digest) == (size, hashlib.sha256(content).hexdigest())
    assert entry.text == (content if size <= SHORT else None)


def test_holes_cost_what_they_stand_for_and_what_is_on_disk_does_not(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(3 << 20)
    (tmp_path / "small").write_bytes(b"x" * 9000)
    budget = Budget("x", content=2 << 20)
    found = {entry.path: entry for entry in read_folder(os.fsencode(tmp_path), budget)}
    assert (found[b"holes"].size, found[b"holes"].digest) == (3 << 20, "")
    assert found[b"small"].digest
    assert "the content of holes" in budget.reached[0]
    assert budget.content == 2 << 20
    plenty = Budget("x", content=4 << 20)
    read_folder(os.fsencode(tmp_path), plenty)
    assert (plenty.content, plenty.reached) == (1 << 20, [])


@pytest.mark.parametrize(("number", "known"), [(errno.ENOTSUP, True), (errno.EIO, False)])
@pytest.mark.parametrize("call", ["listxattr", "getxattr"])
def test_xattrs_that_there_are_none_of_and_xattrs_that_cannot_be_read(
    call: str, number: int, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails, and a file system without xattrs, cannot be had here: so the system's answer is given."""
    (tmp_path / "f").touch()
    os.setxattr(tmp_path / "f", "user.x", b"v")
    real = getattr(os, call)

    def answer(file: object, *words: object, **more: object) -> object:
        if isinstance(file, int):  # files alone are asked by their descriptors
            raise OSError(number, os.strerror(number))
        return real(file, *words, **more)

    monkeypatch.setattr(os, call, answer)
    found = read_folder(os.fsencode(tmp_path))
    (entry,) = found.inside(b"")
    assert (entry.kind, entry.xattrs) == (Kind.FILE if known else Kind.UNKNOWN, {})
    assert any("f: " in words for words in found.unseen) is not known
