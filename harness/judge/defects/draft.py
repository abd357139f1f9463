"""A defect file begun: what one cell knows of findings that no defect explains, and the rest to be written. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.evidence.recording import ToolRecord
from harness.judge.defects.model import Fact
from harness.judge.facts.base import Flat
from harness.judge.findings import Finding

_SPECIAL = re.compile(r"[*?[]")  # to fnmatch
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def draft(findings: Sequence[Finding], tool: ToolRecord, scenario: str, day: str) -> str:
    """TOML text: place, path, facts and version are filled in; what is empty is refused until somebody writes it.

    *day*: on which it was seen, as ``2026-11-24``. Each sign is as narrow as what was seen; widen it as far as the cause goes.
    """
    lines = [
        "#:schema ../defect-schema.json",
        "schema = 1",
        'title = ""     # what happens, one sentence',
        f"program = {_text(tool.program)}     # or the program that it calls",
        f"versions = [{_text('==' + tool.plain)}]     # as measured: find both ends",
        'effect = "view"     # the worst that comes of it: comes-back, lost, refused, view, litter',
        'cause = ""     # why it happens',
        'remedy = ""     # what a user can do',
        "links = []     # where it is reported",
        f"seen = {_text(day)}     # goes away where a link is",
        f"witnesses = [{_text(scenario)}]",
    ]
    for sign in dict.fromkeys(_sign(one) for one in findings):
        lines += ["", "[[signs]]", *sign]
    return "\n".join(lines) + "\n"


def _sign(finding: Finding) -> tuple[str, ...]:
    lines = [
        f"codes = [{_text(finding.code)}]",
        f"places = [{_text(finding.place)}]",
        f"paths = [{_text(_SPECIAL.sub(lambda found: f'[{found[0]}]', finding.path))}]",
    ]
    flat = finding.facts.lasting() if finding.facts is not None else {}
    facts = [f"{_key(name)} = {_value(value)}" for name, value in flat.items()]
    lines += [f"facts = {{ {', '.join(facts)} }}"] if facts else []
    lines += ["sometimes = true"] if finding.times < finding.of else []
    return tuple(lines)


def _value(value: Flat) -> str:
    """A fact as a sign says it: of a list one element is enough, and text is a shell pattern."""
    one: Fact = value[0] if isinstance(value, list) else value
    if isinstance(one, bool | int):
        return str(one).lower()
    return _text(_SPECIAL.sub(lambda found: f"[{found[0]}]", one))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """A TOML basic string; what a terminal might not show as it is stands there as an escape (toml.io/en/v1.0.0#string)."""
    return '"' + "".join(_character(one) for one in text) + '"'


def _character(one: str) -> str:
    if one in {'"', "\\"}:
        return f"\\{one}"
    return one if one.isprintable() else f"\\U{ord(one):08x}"
