"""Ways to be wrong, as operations on the syntax tree of one function: they hold while its lines move."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
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
        return f"{self.module.removeprefix('harness/').removesuffix('.py')}: {self.function}, {self.what}"


def made(module: str, near: tuple[str, ...], *rows: tuple[str, str, Change]) -> Iterator[Mutant]:
    """Mutants of one module: function, what, change."""
    return (Mutant(module, function, what, change, near) for function, what, change in rows)


class OutOfDate(Exception):
    """A mutant that speaks of what is no longer there."""


def gives(expression: str) -> Change:
    """The function does nothing but return *expression*."""

    def change(function: ast.FunctionDef) -> bool:
        function.body = [ast.Return(ast.parse(expression, mode="eval").body)]
        return True

    return change


def inverted(module: str, near: tuple[str, ...], only: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """A mutant for each condition of a module, or of some functions of it: this one condition the other way round."""
    tree = ast.parse((PROJECT / module).read_text(encoding="utf-8"))
    for name, function in functions(tree):
        if only and name not in only:
            continue
        for number, (node, field, index) in enumerate(conditions(function)):
            test = getattr(node, field) if index is None else getattr(node, field)[index]
            yield Mutant(module, name, f"not {number + 1}: {ast.unparse(test)}", negated(number), near)


def silent(module: str, near: tuple[str, ...], only: tuple[str, ...]) -> Iterator[Mutant]:
    """Functions of a module that find nothing. What they find nothing as is told by what they are said to return."""
    tree = dict(functions(ast.parse((PROJECT / module).read_text(encoding="utf-8"))))
    for name in only:
        returns = ast.unparse(tree[name].returns or ast.Constant(None)) if name in tree else ""
        empty = next((value for start, value in _EMPTY.items() if returns.startswith(start)), "None")
        yield Mutant(module, name, "silent", gives(empty), near)


_EMPTY = {
    "Iterator": "iter(())", "list": "[]", "tuple": "()", "set": "set()", "dict": "{}", "str": "''", "bool": "False",
    "frozenset": "frozenset()",
}  # fmt: skip


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions of a module and the methods of its classes, by name."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, ast.FunctionDef))


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
    put = next(
        (call for call in calls if getattr(call.func, "attr", "") in {"rename", "replace"} and not call.keywords), None
    )
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


def mutated(text: str, mutant: Mutant) -> str:
    """The module with its one change. Raises OutOfDate where there is nothing to change, or the change changes nothing."""
    tree = ast.parse(text)
    before = ast.unparse(tree)
    function = dict(functions(tree)).get(mutant.function)
    if function is None:
        raise OutOfDate(f"there is no {mutant.function}")
    if not mutant.change(function):
        raise OutOfDate(f"{mutant.function} has nothing to change")
    after = ast.unparse(ast.fix_missing_locations(tree))
    if after == before:
        raise OutOfDate(f"{mutant.function} is as before")
    return after
