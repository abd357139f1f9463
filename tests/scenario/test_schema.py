"""The published schema tells an editor what each key is for."""

from __future__ import annotations

import pytest

from harness.scenario.schema import DESCRIPTIONS, described, schema

PROPERTIES = [(table, key) for table, model in schema()["$defs"].items() for key in model.get("properties", {})]


@pytest.mark.parametrize(("table", "key"), PROPERTIES)
def test_every_property_has_a_description(table: str, key: str) -> None:
    assert schema()["$defs"][table]["properties"][key]["description"] == described(table, key) != ""


def test_no_description_is_of_a_property_that_is_not_there() -> None:
    there = {f"{table}.{key}" for table, key in PROPERTIES} | {key for _, key in PROPERTIES}
    assert set(DESCRIPTIONS) <= there


def test_a_table_of_its_own_comes_before_the_name_alone() -> None:
    assert described("Handover", "mode") != described("Mkdir", "mode") == described("Chmod", "mode")
