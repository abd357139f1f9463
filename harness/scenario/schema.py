"""The JSON schema of scenario files, generated from the model."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.scenario.model import Scenario


def schema() -> dict[str, Any]:
    """The schema as a JSON object (draft 2020-12). ``name`` is left out: the file's name says it."""
    whole = msgspec.json.schema(Scenario)
    whole["$defs"]["Scenario"]["properties"].pop("name")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Whiteout Lab scenario",
        **whole,
    }


def schema_text() -> str:
    """The published file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
