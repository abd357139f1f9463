"""The JSON schema of the files of ``scenarios/corpus``, generated from the model."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.scenario.archive import LayerCase


def schema() -> dict[str, Any]:
    """The schema as a JSON object (draft 2020-12). ``name`` is left out: the file's name says it."""
    whole = msgspec.json.schema(LayerCase)
    whole["$defs"]["LayerCase"]["properties"].pop("name")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Whiteout Lab layers", **whole}


def schema_text() -> str:
    """The published file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
