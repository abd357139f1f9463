"""A sentence is made of facts, and nothing takes it apart again."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import harness

HOUSE = Path(harness.__file__).parent
# What still looks into a sentence: what a scenario says to be known, until defects have files of their own.
LOOKS: set[str] = set()


def looks_into(tree: ast.Module) -> bool:
    """Whether something looks into a ``.message``: a part of it, a method of it, or it given to a function that may."""
    for node in ast.walk(tree):
        looked: list[ast.expr] = []
        if isinstance(node, ast.Attribute | ast.Subscript):
            looked = [node.value]
        elif isinstance(node, ast.Compare) and any(isinstance(one, ast.In | ast.NotIn) for one in node.ops):
            looked = node.comparators
        elif isinstance(node, ast.Call):
            looked = [*node.args, *(word.value for word in node.keywords)]
        elif isinstance(node, ast.For | ast.comprehension):
            looked = [node.iter]
        if any(isinstance(one, ast.Attribute) and one.attr == "message" for one in looked):
            return True
    return False


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("'x' in f.message", True), ("f.message.partition(' ')", True), ("f.message[0]", True),
        ("re.search('x', f.message)", True), ("fits(text=f.message)", True), ("[c for c in f.message]", True),
        ("f'{f.message}'", False), ("(f.code, f.message)", False), ("f.message == g.message", False),
    ],
)  # fmt: skip
def test_looking_into_a_sentence_is_noticed(text: str, looks: bool) -> None:
    assert looks_into(ast.parse(text)) is looks


def test_nothing_takes_a_sentence_apart() -> None:
    found = {
        str(path.relative_to(HOUSE))
        for path in HOUSE.rglob("*.py")
        if looks_into(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == LOOKS
