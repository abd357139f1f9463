"""Ways to be wrong, as operations on the syntax tree of one function: they hold while its lines move."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[ast.FunctionDef], bool]  # changes a function; False where there is nothing to change


@dataclass(frozen=True)
class Mutant:
    """One way to be wrong: *function* of *module* (``Class.method`` too), changed; *near*: the tests that must notice."""

    module: str
    function: str
    what: str
    change: Change
    near: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.module.removeprefix('harness/').removesuffix('.py')}: {self.function} {self.what}"


class OutOfDate(Exception):
    """A mutant that speaks of what is no longer there."""


def gives(expression: str) -> Change:
    """The function does nothing but return *expression*."""

    def change(function: ast.FunctionDef) -> bool:
        function.body = [ast.Return(ast.parse(expression, mode="eval").body)]
        return True

    return change


def conditions(function: ast.FunctionDef) -> list[tuple[ast.AST, str, int | None]]:
    """Where the conditions of a function stand: node, field, and index where the field is a list."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            found.append((node, "test", None))
        if isinstance(node, ast.comprehension):
            found += [(node, "ifs", index) for index in range(len(node.ifs))]
    return found


def negated(number: int = 0) -> Change:
    """One of the function's conditions is the other way round."""

    def change(function: ast.FunctionDef) -> bool:
        places = conditions(function)
        if number >= len(places):
            return False
        node, name, index = places[number]
        if index is None:
            setattr(node, name, ast.UnaryOp(ast.Not(), getattr(node, name)))
        else:
            getattr(node, name)[index] = ast.UnaryOp(ast.Not(), getattr(node, name)[index])
        return True

    return change


class _Replace(ast.NodeTransformer):
    def __init__(self, pairs: dict[str, str]) -> None:
        self.pairs = {ast.dump(ast.parse(old, mode="eval").body): new for old, new in pairs.items()}
        self.done: set[str] = set()

    def generic_visit(self, node: ast.AST) -> ast.AST:
        said = ast.dump(node) if isinstance(node, ast.expr) else ""
        if said in self.pairs:
            self.done.add(said)
            return ast.parse(self.pairs[said], mode="eval").body
        return super().generic_visit(node)


def replaced(old: str, new: str, *, swap: bool = False) -> Change:
    """An expression is another one; with *swap*, that one is this one too."""

    def change(function: ast.FunctionDef) -> bool:
        replace = _Replace({old: new, new: old} if swap else {old: new})
        function.body = [replace.visit(statement) for statement in function.body]
        return len(replace.done) == len(replace.pairs)

    return change


def backwards(function: ast.FunctionDef) -> bool:
    """The function's first loop goes from the last to the first."""
    loop = next((node for node in ast.walk(function) if isinstance(node, ast.For)), None)
    if loop is None:
        return False
    loop.iter = ast.parse(f"reversed(list({ast.unparse(loop.iter)}))", mode="eval").body
    return True


def in_place(function: ast.FunctionDef) -> bool:
    """What is written beside its place, and put there when it is whole, is written there at once."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    if whole := next((call for call in calls if ast.unparse(call.func).endswith("write_whole")), None):
        path, content = (ast.unparse(word) for word in whole.args[:2])
        whole.func, whole.args = (
            ast.parse(f"({path}).write_bytes", mode="eval").body,
            [ast.parse(content, mode="eval").body],
        )
        return True
    put = next((call for call in calls if getattr(call.func, "attr", "") in {"rename", "replace"}), None)
    if put is None or not isinstance(put.func, ast.Attribute):
        return False
    beside, place = ast.unparse(put.func.value), ast.unparse(put.args[0])
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == beside:
            node.value = ast.parse(place, mode="eval").body
            return True
    return False


def reversed_pair(function: ast.FunctionDef) -> bool:
    """Every pair that the function returns, the other way round."""
    pairs = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and isinstance(n.value, ast.Tuple)]
    for pair in pairs:
        pair.elts.reverse()
    return bool(pairs)


def function_of(tree: ast.Module, name: str) -> ast.FunctionDef:
    nodes: list[ast.stmt] = tree.body
    for part in name.split("."):
        node = next(
            (one for one in nodes if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == part), None
        )
        if node is None:
            raise OutOfDate(f"there is no {name}")
        nodes = node.body
    assert isinstance(node, ast.FunctionDef)
    return node


def mutated(text: str, mutant: Mutant) -> str:
    """The module with its one change. Raises OutOfDate where there is nothing to change, or the change changes nothing."""
    tree = ast.parse(text)
    before = ast.unparse(tree)
    if not mutant.change(function_of(tree, mutant.function)):
        raise OutOfDate(f"{mutant.function} has nothing to change")
    after = ast.unparse(ast.fix_missing_locations(tree))
    if after == before:
        raise OutOfDate(f"{mutant.function} is as before")
    return after
