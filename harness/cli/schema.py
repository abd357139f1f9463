"""``schema``: prints a JSON schema, as it is published in ``scenarios/schema.json``, ``defect-schema.json`` and ``corpus-schema.json``."""

from __future__ import annotations

import argparse
import sys

from harness.judge.defects import schema as of_defects
from harness.scenario import archive_schema as of_layers
from harness.scenario import schema as of_scenarios

TEXTS = {"scenario": of_scenarios.schema_text, "defect": of_defects.schema_text, "layers": of_layers.schema_text}


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``schema``."""
    parser.add_argument(
        "what", nargs="?", choices=list(TEXTS), default="scenario", help="of which files (default: scenario)"
    )
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(TEXTS[arguments.what]())
    return 0
