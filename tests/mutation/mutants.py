"""The list of mutants: rules, readers, leaks, verdicts, and the few other places where being wrong is not seen at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation import diagnose, layers, machine, readers, verdicts
from tests.mutation.changes import PROJECT, Mutant, functions, inverted, silent

_RULES = "harness/judge/rules"
# What a rule asks in passing, and is no rule by itself.
_PARTS = {
    "layer": ("_breach", "become_one", "users_own", "marks_changed"),
    "upper": ("_led_elsewhere", "_comes_back"),
    "view": ("topmost", "_phantoms", "_unlisted", "difference", "_same_reader"),
    "mount": ("refused_by_the_machine", "lost_a_race"),
}
_NEAR = ("tests/judge/test_facts.py", "tests/judge/test_judge.py", "tests/judge/test_inspected.py")


def every() -> list[Mutant]:
    """All of them, in the order in which they are told."""
    return [*_rules(), *verdicts.every(), *readers.every(), *machine.every(), *layers.every(), *diagnose.every()]


def _rules() -> Iterator[Mutant]:
    """Every rule silent, and every condition of theirs the other way round: what a module's ``RULES`` names is a rule."""
    for name, parts in _PARTS.items():
        module = f"{_RULES}/{name}.py"
        tree = ast.parse((PROJECT / module).read_text(encoding="utf-8"))
        here = dict(functions(tree))
        tables = [one for one in tree.body if ast.unparse(one).startswith("RULES")]
        rules = [one.id for table in tables for one in ast.walk(table) if isinstance(one, ast.Name) and one.id in here]
        near = (f"tests/judge/test_rules_{name}.py", *_NEAR)
        yield from silent(module, near, (*rules, *parts))
        yield from inverted(module, near)
