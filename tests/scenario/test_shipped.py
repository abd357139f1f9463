"""The scenario files that the project ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cells.plan import Cell, plan
from harness.drivers import SETUPS
from harness.profile import Profile
from harness.scenario.loader import load, load_all, scenarios_below
from harness.scenario.model import Scenario
from harness.scenario.schema import schema_text
from harness.script.compile import compile_cell
from harness.worlds.model import Part, Tool, World

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = scenarios_below(FOLDER)
ALL = {path.stem: load(path) for path in FILES}
HOST = World("host", Path("/"))
TOOLS = [Tool(name, Part(name, "1.14", "", f"/usr/bin/{name}", ""), HOST) for name in SETUPS]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def scenario(path: Path) -> Scenario:
    return ALL[path.stem]


def test_there_are_enough_of_them() -> None:
    assert len(load_all(FILES)) >= 34
    assert {path.parent.name for path in FILES} == {"fuse-overlayfs", "images", "kernel", "layers"}


def test_titles_and_guards_are_their_own() -> None:
    assert len({scenario.title for scenario in ALL.values()}) == len(ALL)
    assert len({scenario.guards for scenario in ALL.values()}) == len(ALL)


def test_a_file_opens_with_its_schema_and_one_sentence(path: Path) -> None:
    schema, comment, first = path.read_text("utf-8").splitlines()[:3]
    assert (path.parent / schema.removeprefix("#:schema ")).resolve() == FOLDER / "schema.json"
    assert re.fullmatch(r"# .{20,160}\.", comment)
    assert first == "schema = 1"


def test_titles_and_guards_are_sentences_without_an_end(scenario: Scenario) -> None:
    assert 15 <= len(scenario.title) <= 120
    assert 30 <= len(scenario.guards) <= 200
    assert not scenario.guards.endswith(".")


def test_every_scenario_says_where_one_can_read_about_it(scenario: Scenario) -> None:
    assert scenario.links
    assert all(re.fullmatch(r"https://\S+", link) for link in scenario.links)


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_cell_compiles(tool: Tool, profile: Profile) -> None:
    decided = plan(ALL.values(), [tool], [profile], {}, [tool.name])
    cells = [cell for cell in decided if isinstance(cell, Cell)]
    assert len(cells) > 30 or profile not in SETUPS[tool.name].profiles
    for cell in cells:
        script = compile_cell(cell)
        assert script.startswith(b"#!/bin/sh\n")
        assert script.endswith(b"say end\n")


def test_what_the_format_can_say_is_used() -> None:
    steps = {type(step).__name__ for scenario in ALL.values() for step in scenario.steps}
    assert steps >= {
        "Mkdir",
        "Rename",
        "Move",
        "Copy",
        "Remove",
        "Symlink",
        "Chmod",
        "Setxattr",
        "Readdir",
        "Stat",
        "Read",
        "Remount",
    }
    assert {scenario.below.fs for scenario in ALL.values()} == {"host", "tmpfs", "ramfs", "ext4", "ext3-fuse", "same"}
    assert any(scenario.below.features for scenario in ALL.values())
    assert any(step.fails for scenario in ALL.values() for step in scenario.steps)
    assert max(len(scenario.layers) for scenario in ALL.values()) >= 3
    for has in ("upper", "env", "options", "on", "also", "profiles"):
        assert any(getattr(scenario, has) for scenario in ALL.values()), has
    assert any(scenario.stack == "nested" for scenario in ALL.values())


def test_the_published_schema_is_current() -> None:
    assert (FOLDER / "schema.json").read_text("utf-8") == schema_text(), "whiteout-lab schema > scenarios/schema.json"
