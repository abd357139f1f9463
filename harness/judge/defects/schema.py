"""The JSON schema of defect files, generated from the model."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.judge.codes import CODES
from harness.judge.defects.model import Defect
from harness.places import NAMES


def schema() -> dict[str, Any]:
    """The schema as a JSON object (draft 2020-12). ``name`` is left out: the file's name says it."""
    whole = msgspec.json.schema(Defect)
    whole["$defs"]["Defect"]["properties"].pop("name")
    whole["$defs"]["Sign"]["properties"]["codes"]["items"] = {"enum": sorted(CODES)}
    whole["$defs"]["Sign"]["properties"]["places"]["items"] = {
        "anyOf": [{"enum": list(NAMES)}, {"pattern": f"^({'|'.join(NAMES)})@.+$"}]
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Whiteout Lab defect", **whole}


def schema_text() -> str:
    """The published file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
