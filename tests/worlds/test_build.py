"""Worlds: built once, whole or not at all, whatever happens on the way."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UsageError, WorldError
from harness.machine.cache import cache_folder
from harness.worlds import build
from harness.worlds.build import ensure, package_versions, prune, recipe_digest, world_in_place, worlds_in_place
from harness.worlds.build_errors import build_error
from harness.worlds.model import World
from harness.worlds.suites import SUITES, Suite
from tests.debian import FakeDebian

_SPAWN = multiprocessing.get_context("spawn")


def _quiet(_line: str) -> None:
    """For builds whose progress does not matter."""


def _ensure_trixie() -> None:
    """In a process of its own."""
    ensure(["trixie"], _quiet)


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def test_the_digest_of_a_recipe_does_not_change_by_itself() -> None:
    suite = Suite("trixie", ("tar", "dash"), "for a test")
    assert recipe_digest(suite, "x86_64") == recipe_digest(Suite("trixie", ("dash", "tar"), "another why"), "x86_64")
    assert recipe_digest(suite, "x86_64") != recipe_digest(suite, "aarch64")
    assert recipe_digest(suite, "x86_64") != recipe_digest(Suite("sid", ("tar", "dash"), "for a test"), "x86_64")
    assert recipe_digest(suite, "x86_64") != recipe_digest(Suite("trixie", ("tar",), "for a test"), "x86_64")


def test_every_suite_has_its_reason_and_the_stack() -> None:
    for suite in SUITES.values():
        assert suite.why
        stack = {"user-mode-linux", "dmsetup"} if suite.guest else {"fuse-overlayfs", "fuse2fs"}
        assert {*stack, "e2fsprogs", "attr", "perl-base"} <= set(suite.packages)
        assert ({"squashfuse", "squashfs-tools"} <= set(suite.packages)) is (
            suite.name != "bullseye" and not suite.guest
        )


def test_versions_come_from_the_names_of_package_files() -> None:
    names = ["lock", "partial", "attr_1%3a2.5.1-4_amd64.deb", "fuse-overlayfs_1.14-1+b1_amd64.deb"]
    assert package_versions(names) == {"attr": "1:2.5.1-4", "fuse-overlayfs": "1.14-1+b1"}


@pytest.mark.parametrize(
    ("output", "what", "remedy"),
    [
        ("E: Write error - write (28: No space left on device)", "disk is full", "make room"),
        ("W: GPG error\nE: The repository 'x sid InRelease' is not signed.", "its key is missing", "debian-archive-keyring"),
        ("E: Release file for x is expired (invalid since 3d)", "not valid at this time", "clock"),
        ("Err:1 x trixie\nE: Failed to fetch x  Temporary failure resolving 'x'", "cannot be reached", "network"),
        ("E: Failed to fetch x/fuse2fs.deb  404  Not Found", "does not have what its index promises", "WHITEOUT_LAB_MIRROR"),
        ("E: Failed to fetch x/InRelease  400  Bad Request\nE: x is not signed.", "index promises", "WHITEOUT_LAB_MIRROR"),
        ("E: Unable to locate package usr-is-merged", "every package", "WHITEOUT_LAB_MIRROR"),
        ("E: cannot create x: Permission denied", "cannot be written to", "WHITEOUT_LAB_CACHE"),
        ("something else", "exit code 25", "above"),
    ],
)  # fmt: skip
def test_a_failed_build_is_told_with_its_remedy(output: str, what: str, remedy: str) -> None:
    error = build_error("trixie", output, 25, 10**12, Path("/cache"))
    assert what in error.what
    assert remedy in error.remedy
    assert output.splitlines()[-1].strip() in error.what


def test_a_full_disk_is_seen_even_when_nobody_says_so() -> None:
    assert "the disk is full" in build_error("trixie", "E: dpkg-deb failed", 2, 1000, Path("/cache")).what


def test_a_world_is_built_once(debian: FakeDebian) -> None:
    lines: list[str] = []
    first = ensure(["trixie", "sid"], lines.append)
    assert [line for line in lines if line.startswith("trixie: ready")]
    assert len(debian.builds) == 2
    debian.fails("E: nobody may call it again")
    assert ensure(["trixie", "sid"], lines.append) == first
    world = first["trixie"]
    assert isinstance(world, World)
    assert world.packages["fuse-overlayfs"] == "1:1.0-1+b2"
    assert worlds_in_place() == [world, first["sid"]]


def test_a_world_is_furnished_and_readable_by_everybody(debian: FakeDebian) -> None:
    world = ensure(["trixie"], _quiet)["trixie"]
    assert isinstance(world, World)
    for name in ("mnt", "dev", "proc", "sys", "tmp", "run", "root", "bin", "etc/passwd", "bin/sh"):
        assert os.path.lexists(world.root / name), name
    assert not (world.root / "whiteout-lab-packages").exists()
    assert not (world.root / "etc/hostname").exists()
    for path in world.root.rglob("*"):
        mode = path.lstat().st_mode
        assert path.is_symlink() or mode & 0o444 == 0o444, path
    assert world.root.parent.stat().st_mode & 0o055 == 0o055


def test_a_failed_build_leaves_nothing_and_names_its_cause(debian: FakeDebian, cache: Path) -> None:
    debian.fails("E: Failed to fetch x  Temporary failure resolving 'deb.example'")
    error = ensure(["trixie"], _quiet)["trixie"]
    assert isinstance(error, WorldError)
    assert "cannot be reached" in str(error)
    assert "Temporary failure resolving 'deb.example'" in str(error)
    assert [path.name for path in (cache / "worlds").iterdir()] == [".whiteout-lab"]


def test_one_world_that_fails_does_not_stop_another(debian: FakeDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "complete_root", _only_for_sid)
    done = ensure(["trixie", "sid"], _quiet)
    assert isinstance(done["trixie"], WorldError)
    assert isinstance(done["sid"], World)


def _only_for_sid(root: Path, *, mtab: bool) -> None:
    if "-sid-" not in str(root):
        raise OSError(28, "No space left on device")


def test_an_unknown_suite_is_a_usage_error(debian: FakeDebian) -> None:
    with pytest.raises(UsageError, match="'woody'"):
        ensure(["woody"], _quiet)


def test_without_mmdebstrap_the_remedy_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "which", lambda _name: None)
    error = ensure(["trixie"], _quiet)["trixie"]
    assert isinstance(error, WorldError)
    assert error.remedy.startswith("apt-get install mmdebstrap")


def test_a_cache_that_belongs_to_others_is_left_alone(debian: FakeDebian, cache: Path) -> None:
    (cache / "worlds").mkdir(parents=True)
    (cache / "worlds" / "precious").write_text("mine")
    error = ensure(["trixie"], _quiet)["trixie"]
    assert isinstance(error, WorldError)
    assert "not ours" in str(error)
    assert (cache / "worlds" / "precious").read_text() == "mine"


def test_the_second_of_two_builds_waits_and_then_finds_the_world(debian: FakeDebian) -> None:
    debian.sleeps(1.5)
    other = _SPAWN.Process(target=_ensure_trixie)
    other.start()
    _wait(lambda: bool(debian.builds))
    lines: list[str] = []
    world = ensure(["trixie"], lines.append)["trixie"]
    other.join()
    assert isinstance(world, World)
    assert lines == ["trixie: another program is building it, waiting"]
    assert len(debian.builds) == 1


def test_a_killed_build_is_waited_for_and_swept(debian: FakeDebian, cache: Path) -> None:
    debian.sleeps(2)
    other = _SPAWN.Process(target=_ensure_trixie)
    other.start()
    _wait(lambda: bool(debian.builds))
    other.kill()
    other.join()
    assert list((cache / "worlds").glob(".building-*"))
    debian.sleeps(0)
    lines: list[str] = []
    world = ensure(["trixie"], lines.append)["trixie"]
    assert isinstance(world, World)
    assert lines[0] == "trixie: the rest of a killed build is still running, waiting"
    assert not list((cache / "worlds").glob(".building-*"))


def test_a_world_of_an_older_recipe_is_not_used_and_is_pruned(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(["trixie", "sid"], _quiet)
    monkeypatch.setitem(SUITES, "trixie", Suite("trixie", ("tar",), "for a test"))
    assert world_in_place("trixie") is None
    gone = prune()
    assert [name.partition("-")[0] for name in gone] == ["trixie"]
    assert world_in_place("sid") is not None
    assert prune(everything=True)
    assert worlds_in_place() == []


def test_a_cut_world_json_means_a_new_build(debian: FakeDebian) -> None:
    world = ensure(["trixie"], _quiet)["trixie"]
    assert isinstance(world, World)
    (world.root.parent / "world.json").write_text('{"schema": 1,')
    assert world_in_place("trixie") is None
    assert ensure(["trixie"], _quiet)["trixie"] == world


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"
    monkeypatch.delenv("WHITEOUT_LAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "whiteout-lab"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/whiteout-lab"
