"""A scenario made smaller, as long as it shows the same: steps, layers, entries, settings, contents, names. Pure.

By delta debugging (A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): halves are left away first,
then smaller parts. Whoever asks decides what *holds*: a scenario that is none, since a step of it cannot do what it says, never does.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from harness.profile import Profile
from harness.scenario.model import Below, Node, Scenario, Tree
from harness.scenario.rehearse import slips
from harness.scenario.steps import Step

Holds = Callable[[Scenario], bool]
_Item = TypeVar("_Item")


def reduced(scenario: Scenario, holds: Holds) -> Scenario:
    """The smallest that was found. What *holds* raises ends it: the caller knows the best so far, which held last."""
    before = None
    while before != scenario:
        before = scenario
        for way in (
            _fewer_steps,
            _fewer_layers,
            _fewer_entries,
            _plainer,
            _plainer_entries,
            _plainer_steps,
            _shallower,
            _shorter_names,
        ):
            scenario = way(scenario, holds)
    return scenario


def ddmin(items: Sequence[_Item], holds: Callable[[Sequence[_Item]], bool]) -> list[_Item]:
    """The items without those that are not needed: no single one of what is left can be left away. *items* hold."""
    kept, parts = list(items), 2
    if kept and holds([]):
        return []
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            without = kept[:start] + kept[start + size :]
            if without and holds(without):
                kept, parts = without, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), parts * 2)
    return kept


def _fewer_steps(scenario: Scenario, holds: Holds) -> Scenario:
    """Steps that can no longer do what they say, since one before them is gone, are left away too."""

    def some(steps: Sequence[Step]) -> Scenario:
        made = replace(scenario, steps=tuple(steps))
        for _ in steps:
            slip = next((index for profile in _profiles(made) for index, _ in slips(made, profile)), None)
            if slip is None:
                break
            made = replace(made, steps=(*made.steps[:slip], *made.steps[slip + 1 :]))
        return made

    return some(ddmin(scenario.steps, lambda steps: holds(some(steps))))


def _profiles(scenario: Scenario) -> list[Profile]:
    return [Profile(one) for one in scenario.profiles] or list(Profile)


def _fewer_layers(scenario: Scenario, holds: Holds) -> Scenario:
    layers = ddmin(scenario.layers, lambda some: holds(replace(scenario, layers=tuple(some))))
    return replace(scenario, layers=tuple(layers))


def _fewer_entries(scenario: Scenario, holds: Holds) -> Scenario:
    every = [(place, name) for place, tree in enumerate(_trees(scenario)) for name in tree]
    kept = ddmin(every, lambda some: holds(_only(scenario, some)))
    return _only(scenario, kept)


def _trees(scenario: Scenario) -> list[Tree]:
    return [*scenario.layers, scenario.upper]


def _with_trees(scenario: Scenario, trees: Sequence[Tree]) -> Scenario:
    return replace(scenario, layers=tuple(trees[:-1]), upper=trees[-1])


def _only(scenario: Scenario, kept: Iterable[tuple[int, str]]) -> Scenario:
    names = set(kept)
    trees = [
        {name: node for name, node in tree.items() if (place, name) in names}
        for place, tree in enumerate(_trees(scenario))
    ]
    return _with_trees(scenario, trees)


def _first(candidates: Iterable[Scenario], holds: Holds, otherwise: Scenario) -> Scenario:
    return next((one for one in candidates if one != otherwise and holds(one)), otherwise)


def _plainer(scenario: Scenario, holds: Holds) -> Scenario:
    """Without what is said besides: another file system below, a stack on a stack, options, variables."""
    plain: tuple[dict[str, object], ...] = (
        {"below": Below(), "stack": "plain", "options": {}, "env": {}, "handover": None},
        {"below": Below()}, {"stack": "plain"}, {"options": {}}, {"env": {}}, {"handover": None}, {"upper": {}},
    )  # fmt: skip
    for fields in plain:
        scenario = _first([replace(scenario, **fields)], holds, scenario)
    return scenario


def _plainer_entries(scenario: Scenario, holds: Holds) -> Scenario:
    for place, tree in enumerate(_trees(scenario)):
        for name in list(tree):
            scenario = _first(
                (_entry(scenario, place, name, one) for one in _simpler(name, tree[name])), holds, scenario
            )
    return scenario


def _entry(scenario: Scenario, place: int, name: str, node: str | Node) -> Scenario:
    trees = _trees(scenario)
    trees[place] = {**trees[place], name: node}
    return _with_trees(scenario, trees)


def _simpler(name: str, node: str | Node) -> Iterator[str | Node]:
    """Plainer entries of the same name, the plainest first."""
    if isinstance(node, str):
        yield from ("", "x\n") if node not in {"", "x\n"} else ()
        return
    if name.endswith("/"):
        yield Node()
        yield replace(node, mode=None, owner=None, xattrs={})
    elif any((node.symlink, node.link, node.char, node.block, node.fifo, node.whiteout)):
        yield replace(node, mode=None, owner=None, xattrs={})
    else:
        yield ""
        yield replace(node, mode=None, owner=None, xattrs={})
    for field in ("mode", "owner", "text"):
        yield replace(node, **{field: None})
    for xattr in node.xattrs:
        yield replace(node, xattrs={key: value for key, value in node.xattrs.items() if key != xattr})


def _plainer_steps(scenario: Scenario, holds: Holds) -> Scenario:
    for index in range(len(scenario.steps)):
        step = scenario.steps[index]
        fields = {
            name: value for name, value in (("text", ""), ("mode", None), ("append", False)) if hasattr(step, name)
        }
        if not fields or (step.do == "chmod"):
            continue
        plain = (*scenario.steps[:index], replace(step, **fields), *scenario.steps[index + 1 :])
        scenario = _first([replace(scenario, steps=plain)], holds, scenario)
    return scenario


def _shorter_names(scenario: Scenario, holds: Holds) -> Scenario:
    """One letter for each name that is not a marker's: all at once, or one after the other."""
    names = sorted(
        {part for path in _paths(scenario) for part in path.split("/") if len(part) > 1 and not part.startswith(".")}
    )
    taken = {part for path in _paths(scenario) for part in path.split("/")}
    letters = [one for one in string.ascii_lowercase if one not in taken]
    short = dict(zip(names, letters, strict=False))
    if not short:
        return scenario
    whole = _renamed(scenario, short)
    if holds(whole):
        return whole
    for name, letter in short.items():
        scenario = _first([_renamed(scenario, {name: letter})], holds, scenario)
    return scenario


def _shallower(scenario: Scenario, holds: Holds) -> Scenario:
    """Without directories that only lead to others: what lies in one lies in the one above it."""
    above = sorted({path.rstrip("/").rpartition("/")[0] for path in _paths(scenario)} - {""}, key=len)
    for folder in above:
        parent = folder.rpartition("/")[0]

        def hoisted(path: str, folder: str = folder, parent: str = parent) -> str:
            if path.rstrip("/") == folder:
                return parent or path
            return f"{parent}/{path[len(folder) + 1 :]}".lstrip("/") if path.startswith(folder + "/") else path

        whole = [{name: node for name, node in tree.items() if name.rstrip("/") != folder} for tree in _trees(scenario)]
        trees = [{hoisted(name): node for name, node in tree.items()} for tree in whole]
        if list(map(len, trees)) == list(map(len, whole)):  # two entries that become one are another scenario
            scenario = _first([_mapped(_with_trees(scenario, trees), hoisted)], holds, scenario)
    return scenario


def _paths(scenario: Scenario) -> Iterator[str]:
    for tree in _trees(scenario):
        yield from tree
    for step in scenario.steps:
        yield from (value for _, value in step.named())


def _renamed(scenario: Scenario, names: dict[str, str]) -> Scenario:
    def one(path: str) -> str:
        return "/".join(names.get(part, part) for part in path.split("/"))

    return _mapped(scenario, one, links=True)


def _mapped(scenario: Scenario, one: Callable[[str], str], *, links: bool = False) -> Scenario:
    """The same with other paths. *links*: those that links lead to, and names of layers, too."""

    def node(value: str | Node) -> str | Node:
        if isinstance(value, str):
            return value
        return replace(
            value, **{key: one(word) for key in ("link", "symlink") if (word := getattr(value, key)) is not None}
        )

    trees = (
        [{one(name): node(value) for name, value in tree.items()} for tree in _trees(scenario)]
        if links
        else _trees(scenario)
    )
    steps = []
    for step in scenario.steps:
        fields = {key: one(value) for key, value in step.named()}
        if step.do == "symlink":
            fields["target"] = one(str(getattr(step, "target")))  # noqa: B009 - of one kind of step alone
        steps.append(replace(step, **fields))
    return msgspec.convert(msgspec.to_builtins(_with_trees(replace(scenario, steps=tuple(steps)), trees)), Scenario)
