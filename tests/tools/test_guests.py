"""Which guest kernels there are, and why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.tools.guests import discover_guests
from harness.worlds.model import Tool, Unavailable, World
from harness.worlds.suites import GUEST


@pytest.fixture
def world(tmp_path: Path, cache: Path) -> World:
    """A world whose kernel only looks like one."""
    assert cache
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/linux.uml").write_bytes(b"\x7fELF...")
    (root / "usr/lib/uml/modules/7.2.7").mkdir(parents=True)
    return World(GUEST, root, {"user-mode-linux": "7.2um1"}, GUEST)


def test_a_world_brings_one_at_the_release_of_its_modules(world: World) -> None:
    (tool,) = discover_guests([world])
    assert isinstance(tool, Tool)
    assert (tool.key, tool.main.package, tool.main.path) == ("kernel-7.2.7", "7.2um1", "/usr/bin/linux.uml")
    assert discover_guests([world], ["kernel"]) == [tool]
    assert discover_guests([world], ["fuse-overlayfs"]) == []  # others were chosen
    assert discover_guests([world], ["fuse-overlayfs=/x"]) == [tool]  # one was added


def test_where_none_is_it_is_said_what_would_bring_one(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    assert cache
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (missing,) = discover_guests([])
    assert isinstance(missing, Unavailable)
    assert (missing.world, missing.remedy) == (GUEST, "whiteout-lab worlds build guest-sid")
    assert discover_guests([], ["kernel=/x"])[-1] == missing  # a kernel of the user's runs in that world
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    (missing,) = discover_guests([])
    assert isinstance(missing, Unavailable)
    assert (missing.reason, missing.remedy) == ("User-mode Linux is for x86_64 alone", "")


def test_a_file_that_is_no_kernel(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        discover_guests([world], ["kernel=/bin/true"])
    assert caught.value.what == "the file is no kernel that is a program"
    assert caught.value.where == "--tool kernel=/bin/true"
