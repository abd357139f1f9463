"""What the user names is here, or its world is built, or it is an error with its remedy before anything runs."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from harness.cli.run import bring
from harness.cli.script import find_cell
from harness.errors import MissingProgram, UsageError, WorldError
from harness.runs.decide import unmet_error, why
from harness.tools import discover as tools
from harness.tools.asked import parse_words
from harness.tools.discover import discover, unmet
from harness.worlds.build import ensure, worlds_in_place
from harness.worlds.model import HOST, Tool, Unavailable, World
from tests.debian import FakeDebian

HERE = World(HOST, Path("/"))


@pytest.fixture(autouse=True)
def _nothing_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "which", lambda _name: None)


def wanted(
    *named: str, only: tuple[str, ...] = (), strict: bool = False, scenarios: tuple[str, ...] = ()
) -> argparse.Namespace:
    return argparse.Namespace(tool=list(named), only=list(only), strict=strict, scenarios=list(scenarios))


def missing(*words: str) -> list[Unavailable]:
    return unmet(parse_words(words), discover(worlds_in_place(), words, kernel="6.1.0", host=HERE))


def test_the_world_of_a_tool_that_is_named_is_built_with_progress(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WHITEOUT_LAB_STRICT", raising=False)
    lines: list[str] = []
    bring(wanted("fuse-overlayfs@trixie", "kernel"), lines.append)
    assert [world.name for world in worlds_in_place()] == ["trixie"]
    assert any("trixie" in line for line in lines)
    bring(wanted("fuse-overlayfs", "kernel"), lines.append)
    assert len(debian.builds) == 1, "one built world has it: the others stay as they are"


def test_a_world_that_cannot_be_built_is_the_error(debian: FakeDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHITEOUT_LAB_STRICT", raising=False)
    debian.fails("E: no network")
    with pytest.raises(WorldError):
        bring(wanted("fuse-overlayfs@trixie"), lambda _line: None)


def test_strict_builds_nothing(debian: FakeDebian) -> None:
    bring(wanted("fuse-overlayfs@trixie", strict=True), lambda _line: None)
    assert debian.builds == []


def test_a_cell_that_is_named_has_worlds_built_until_one_has_its_tool(
    debian: FakeDebian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WHITEOUT_LAB_STRICT", raising=False)
    assert bring(wanted(only=("ghost-marker[fuse-overlayfs-1.0-root]",)), lambda _line: None) == ["ghost-marker"]
    assert len(debian.builds) == 1
    with pytest.raises(UsageError, match="no scenario"):
        bring(wanted(only=("ghost-markr[fuse-overlayfs-1.1-root]",)), lambda _line: None)
    assert len(debian.builds) == 1, "nothing is built for a slip"


def test_a_cell_of_a_file_of_ones_own_is_named_by_its_name_or_by_the_file(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('schema = 1\ntitle = "t"\nguards = "g"\nsteps = [{ do = "mkdir", path = "n" }]\n')
    key = next(tool.key for tool in discover([], [], host=HERE) if isinstance(tool, Tool) and tool.name == "kernel")
    for cell, scenarios in ((f"mine[{key}-root]", (str(file),)), (f"{file}[{key}-root]", ())):
        assert find_cell(cell, ["kernel"], scenarios).id == f"mine[{key}-root]"
        bring(wanted(only=(cell,), scenarios=scenarios), lambda _line: None)
    with pytest.raises(UsageError) as raised:
        find_cell(str(file), ["kernel"])
    assert f"mine[{key}-root]" in raised.value.remedy, "a scenario is no cell: its cells are named"


def test_a_cell_of_a_tool_that_no_world_brings_is_missing_with_its_remedy(cache: Path) -> None:
    with pytest.raises(MissingProgram) as raised:
        bring(wanted(only=("ghost-marker[singularity-ce-4.5.0-root]",)), lambda _line: None)
    assert "--tool singularity-ce=FOLDER" in raised.value.remedy


def test_what_is_named_and_not_here_is_told_once_with_its_remedy(debian: FakeDebian) -> None:
    assert missing("kernel") == []
    (stack,) = missing("kernel", "apptainer+ext3")
    assert (stack.name, stack.world) == ("apptainer+ext3", "apptainer")
    assert [one.where for one in missing("fuse-overlayfs")] == ["bullseye", "bookworm", "trixie", "sid"]
    ensure(["trixie"], lambda _line: None)
    assert missing("fuse-overlayfs") == []
    assert [one.where for one in missing("fuse-overlayfs@sid", "fuse-overlayfs@trixie")] == ["sid"]
    (absent,) = missing("singularity-ce", "kernel")
    error = unmet_error([why(absent)])
    assert error.exit_code == 3
    assert "--tool singularity-ce=FOLDER" in error.remedy
