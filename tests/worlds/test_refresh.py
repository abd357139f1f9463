"""A suite that has newer packages gets a new world beside the old one; the old one's programs stay tools while nobody else has them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import nightly
from harness.cli.main import main
from harness.errors import UsageError
from harness.tools.discover import discover
from harness.worlds.build import ensure, generations, prune, superseded, world_in_place, worlds_in_place
from harness.worlds.model import Excluded, Tool, World
from harness.worlds.refresh import refresh
from tests.debian import FakeDebian

HERE = World("host", Path("/nowhere"))


def _quiet(_line: str) -> None:
    """For builds whose progress does not matter."""


def tools(*words: str) -> list[tuple[str, str]]:
    found = discover(worlds_in_place(), words, kernel="6.1.0", host=HERE)
    return [(one.label, one.world.name) for one in found if isinstance(one, Tool) and one.name == "fuse-overlayfs"]


def test_what_is_as_its_suite_is_stays_and_what_is_missing_is_built(debian: FakeDebian) -> None:
    lines: list[str] = []
    assert refresh(["trixie"], lines.append) == []
    first = world_in_place("trixie")
    assert refresh(["trixie"], lines.append) == []
    assert lines[-1] == "trixie: as its suite is"
    assert len(debian.builds) == 1
    assert generations("trixie") == [first]


def test_a_new_version_becomes_a_tool_beside_the_old_one(debian: FakeDebian) -> None:
    old = ensure(["sid"], _quiet)["sid"]
    assert isinstance(old, World)
    debian.has("1.16-1")
    lines: list[str] = []
    assert refresh(["sid"], lines.append) == []
    assert "other versions" in lines[0]
    assert "and 16 more" in lines[0]
    new, before = generations("sid")
    assert (new.name, new.packages["fuse-overlayfs"]) == ("sid", "1.16-1")
    assert before == replace(old, name="sid.1"), "what runs in it is not disturbed: it lies where it lay"
    assert new.root != old.root
    assert tools() == [("fuse-overlayfs 1.16", "sid"), ("fuse-overlayfs 1.0", "sid.1")]
    assert tools("fuse-overlayfs@sid.1") == [("fuse-overlayfs 1.0", "sid.1")]
    assert tools("fuse-overlayfs@sid") == [("fuse-overlayfs 1.16", "sid")]


def test_where_a_library_alone_is_newer_the_newest_world_takes_the_place(debian: FakeDebian) -> None:
    ensure(["sid"], _quiet)
    debian.has("1%3a1.0-2")
    refresh(["sid"], _quiet)
    found = discover(worlds_in_place(), kernel="6.1.0", host=HERE)
    assert [(one.world.name, one.main.package) for one in found if isinstance(one, Tool) and one.world.suite] == [
        ("sid", "1:1.0-2")
    ]
    assert {one.where for one in found if isinstance(one, Excluded)} == {"sid.1"}


def test_an_archive_that_is_out_of_reach_is_said_and_the_world_stays(debian: FakeDebian, cache: Path) -> None:
    world = ensure(["sid"], _quiet)["sid"]
    debian.has("2.0-1")
    debian.is_out_of_reach()
    (error,) = refresh(["sid"], _quiet)
    assert "cannot be reached" in str(error)
    assert "network" in error.remedy
    assert generations("sid") == [world]
    assert not list((cache / "worlds").glob(".building-*"))


def test_the_words_of_the_command(debian: FakeDebian, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worlds", "build", "--refresh", "sid"]) == 0
    debian.has("2.0-1")
    assert main(["worlds", "build", "sid"]) == 0
    assert len(debian.builds) == 1, "without the word nothing is asked"
    assert main(["worlds", "build", "--refresh", "sid"]) == 0
    assert len(debian.builds) == 2
    assert main(["worlds", "list"]) == 0
    assert "sid.1" in capsys.readouterr().out
    debian.is_out_of_reach()
    assert main(["worlds", "build", "--refresh", "sid"]) == 3


def test_the_worlds_before_the_last_go_once_nobody_needs_them(debian: FakeDebian, cache: Path) -> None:
    for version in ("1.0-1", "1.1-1", "1.1-2", "1.1-3", "1.2-1"):
        debian.has(version)
        assert refresh(["sid"], _quiet) == []
    assert [(world.name, world.packages["fuse-overlayfs"]) for world in generations("sid")] == [
        ("sid", "1.2-1"),
        ("sid.4", "1.1-3"),
        ("sid.1", "1.0-1"),
    ]
    assert prune() == []
    assert len(prune(everything=True)) == 3


@pytest.mark.parametrize("asks", [True, False])
def test_a_night_asks_the_archive_and_goes_on_where_it_is_out_of_reach(
    asks: bool, debian: FakeDebian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def decided(_wanted: object) -> None:
        raise UsageError("it is decided what runs")

    monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)
    monkeypatch.setattr(nightly, "decided", decided)
    words = ["nightly", "--baseline", str(tmp_path / "none"), *([] if asks else ["--no-refresh"])]
    assert main(words) == 2
    built = len(debian.builds)
    debian.has("2.0-1")
    debian.is_out_of_reach()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("it is decided what runs") == 2
    assert ("the night goes on with the worlds that are there" in said) is asks
    assert len(debian.builds) == built > 0


def world(*versions: str) -> list[World]:
    return [World(f"sid.{n}", Path("/w"), {"fuse-overlayfs": one}, "sid") for n, one in enumerate(versions)]


def gone(*versions: str) -> list[str]:
    return [one.packages["fuse-overlayfs"] for one in superseded(world(*versions), kept=2)]


def test_which_worlds_nobody_needs() -> None:
    assert gone() == []
    assert gone("1.0-1") == []
    assert gone("1.0-2", "1.0-1") == [], "a run may be at work in the one before"
    assert gone("1.0-3", "1.0-2", "1.0-1") == ["1.0-1"]
    assert gone("1.4-1", "1.3-1", "1.2-1", "1.1-1", "1.0-1", "0.9-1") == ["1.0-1", "0.9-1"]
    assert gone("1.4-1", "1.4-0", "1.3-1", "1.3-0", "1.2-1", "1.1-1") == ["1.3-0", "1.1-1"]


@pytest.mark.real
@pytest.mark.worlds
def test_the_archive_itself_says_which_packages_a_world_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(tmp_path))
    lines: list[str] = []
    failed = refresh(["bookworm"], lines.append)
    if failed:
        (pytest.fail if os.environ.get("WHITEOUT_LAB_STRICT") else pytest.skip)(f"not here: {failed[0]}")
    assert refresh(["bookworm"], lines.append) == []
    assert lines[-1] == "bookworm: as its suite is"
    assert len(generations("bookworm")) == 1
