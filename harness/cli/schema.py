"""``schema``: prints the JSON schema of scenario files, as it is published in ``scenarios/schema.json``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from harness.scenario.schema import schema_text


def register(commands: Any) -> None:
    """Add ``schema`` to the command line."""
    parser = commands.add_parser("schema", help="the JSON schema of scenario files")
    parser.set_defaults(handler=show)


def show(_arguments: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(schema_text())
    return 0
