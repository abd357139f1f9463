"""The files of the corpus that the project ships, and their schema."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.scenario.archive import FOLDER as NAME
from harness.scenario.archive import LayerCase, as_member
from harness.scenario.archive_load import load_cases
from harness.scenario.archive_schema import schema, schema_text
from harness.scenario.loader import scenarios_below

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FOLDER = SCENARIOS / NAME
CASES = load_cases(FOLDER)


def test_no_case_is_taken_for_a_scenario() -> None:
    below = scenarios_below(SCENARIOS)
    assert below
    assert not [path for path in below if path.parent == FOLDER]
    assert scenarios_below(FOLDER) == []


def test_there_are_enough_of_them_and_each_is_its_own() -> None:
    assert len(CASES) >= 40
    assert len({case.title for case in CASES}) == len({case.guards for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_opens_as_scenarios_do(case: LayerCase) -> None:
    schema_line, comment, first = (FOLDER / f"{case.name}.toml").read_text("utf-8").splitlines()[:3]
    assert (FOLDER / schema_line.removeprefix("#:schema ")).resolve() == SCENARIOS / "corpus-schema.json"
    assert re.fullmatch(r"# .{20,160}\.", comment)
    assert first == "schema = 1"
    assert 15 <= len(case.title) <= 120
    assert 30 <= len(case.guards) <= 200
    assert not case.guards.endswith(".")
    assert any(link.startswith("https://github.com/opencontainers/image-spec/") for link in case.links)


def test_what_the_format_can_say_is_used() -> None:
    layers = [layer for case in CASES for layer in case.layers]
    members = [as_member(one) for layer in layers for one in layer.members]
    for key in ("text", "symlink", "hardlink", "char", "block", "fifo", "mode", "owner", "xattrs", "size"):
        assert any(getattr(member, key) for member in members), key
    assert {layer.names for layer in layers} == {"pax", "gnu", "records"}
    assert {layer.xattrs for layer in layers} == {"schily", "libarchive"}
    assert {layer.ends for layer in layers} == {True, False}
    assert any(not layer.members for layer in layers)
    assert {len(case.layers) for case in CASES} >= {1, 2, 3, 4}


def test_the_published_schema_is_current() -> None:
    published = (SCENARIOS / "corpus-schema.json").read_text("utf-8")
    assert published == schema_text(), "whiteout-lab schema layers > scenarios/corpus-schema.json"


@pytest.mark.parametrize("table", schema()["$defs"])
def test_every_property_has_a_description(table: str) -> None:
    assert [key for key, rule in schema()["$defs"][table]["properties"].items() if "description" not in rule] == []
