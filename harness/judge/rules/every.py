"""All rules of a cell, and what the tables say of a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.judge.rules import fault, layer, mount, packed, taken, upper, view
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.rule import Need, Rule

RULES: tuple[Rule[Evidence, Any], ...] = (*upper.RULES, *view.RULES, *mount.RULES, *layer.RULES)
_ROWS: tuple[Rule[Any, Any], ...] = (*RULES, layer.WHEN_CONVERTED, *packed.RULES, *taken.RULES, *fault.RULES)
# What tools do that have a code, said of one of them and of several.
MANY: Mapping[str, tuple[str, str]] = {row.code: row.many for row in _ROWS}


def needs(code: str) -> frozenset[object]:
    """What must have been looked at before one can say that there is no finding of a code: by every rule that finds it."""
    return frozenset(need for row in _ROWS if row.code == code for need in row.needs)


def codes_that_need(need: Need) -> frozenset[str]:
    """The codes that say nothing where something is not there to be looked at."""
    return frozenset(row.code for row in _ROWS if need in row.needs)
