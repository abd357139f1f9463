"""``schema``: prints the JSON schema of scenario files, as it is published in ``scenarios/schema.json``."""

from __future__ import annotations

import argparse
import sys

from harness.scenario.schema import schema_text


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``schema``."""
    parser.set_defaults(handler=show)


def show(_arguments: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(schema_text())
    return 0
