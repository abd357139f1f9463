"""A scenario as its file says it: what the loader reads back as the same scenario. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import tomli_w

from harness.scenario.model import Scenario

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_TABLES = ("layers", "upper")  # entries stand one in a line


def write_scenario(scenario: Scenario) -> str:
    """The TOML text. What has its default is left out; ``name`` is the file's, and not in it."""
    table = msgspec.to_builtins(scenario)
    table.pop("name", None)
    lines = [
        f"{key} = {_value(value)}"
        for key, value in table.items()
        if key not in {*_TABLES, "steps"} and value not in ({}, [])
    ]
    lines += ["steps = [", *(f"  {_value(step)}," for step in table["steps"]), "]"]
    for tree in table.get("layers", []):
        lines += ["", "[[layers]]", *_entries(tree)]
    if table.get("upper"):
        lines += ["", "[upper]", *_entries(table["upper"])]
    return "\n".join(lines) + "\n"


def _entries(tree: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in tree.items()]


def _key(name: str) -> str:
    return name if _BARE.match(name) else _value(name)


def _value(value: Any) -> str:
    """A value in one line. Texts and numbers are the library's to write."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")
