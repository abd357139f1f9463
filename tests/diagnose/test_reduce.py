"""A scenario is made smaller as long as it shows the same, and no further."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diagnose.reduce import ddmin, reduced
from harness.errors import ScenarioError
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.scenario.model import Below, Node, Scenario, Tree
from harness.scenario.rehearse import slips
from harness.scenario.steps import Chmod, Mkdir, Rename, Rmdir, Step, Symlink, Touch, Unlink, Write
from harness.scenario.writer import write_scenario


def can_be_run(one: Scenario) -> bool:
    """As whoever runs candidates asks first."""
    try:
        parse(write_scenario(one).encode(), where="here", name=one.name)
    except ScenarioError:
        return False
    return not slips(one, Profile.ROOT)


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=5))
def test_what_is_needed_is_what_is_left(length: int, needed: set[int]) -> None:
    needed = {one for one in needed if one < length}
    asked: list[int] = []

    def holds(items: Sequence[int]) -> bool:
        asked.append(1)
        return needed <= set(items)

    assert ddmin(range(length), holds) == sorted(needed)
    assert len(asked) <= (len(needed) + 1) * 4 * max(1, length.bit_length()) + length


def test_of_things_that_do_not_go_alone_no_single_one_can_be_left_away() -> None:
    pairs = ddmin(range(16), lambda items: {3, 11} <= set(items) or len(set(items)) == 16)
    assert pairs == [3, 11]


def big() -> Scenario:
    steps: list[Step] = [Mkdir(path=f"d{n}") for n in range(12)]
    steps += [Write(path=f"d{n}/f", text="hello") for n in range(12)]
    steps += [
        Unlink(path="low/file"),
        Rename(path="d3/f", to="d4/g"),
        Rmdir(path="d3"),
        Symlink(path="s", target="low"),
    ]
    low: Tree = {"low/file": Node(text="old", mode="0600", xattrs={"user.a": "b"}), "low/other": "x"}
    high: Tree = {"high/": Node(mode="0700")}
    return Scenario(
        1, "t", "g", tuple(steps), layers=(low, high), upper={"u": "v"}, below=Below(fs="tmpfs"), stack="nested",
        options={"kernel": "index=on"}, name="big",
    )  # fmt: skip


def test_steps_layers_entries_settings_and_names_go() -> None:
    """What shows is that a file of a layer is deleted, whatever it is called, and that the upper lies on tmpfs."""

    def holds(one: Scenario) -> bool:
        if slips(one, Profile.ROOT):  # what is no scenario never holds
            return False
        deleted = {step.path for step in one.steps if isinstance(step, Unlink)}
        return bool(deleted & {name for tree in one.layers for name in tree}) and one.below.fs == "tmpfs"

    small = reduced(big(), holds)
    (step,) = small.steps
    assert isinstance(step, Unlink)
    assert small.layers == ({step.path: ""},)
    assert max(map(len, step.path.split("/"))) == 1
    assert (small.upper, small.below.fs, small.stack, small.options) == ({}, "tmpfs", "plain", {})


def test_steps_that_lose_what_they_stand_on_go_with_it() -> None:
    """touch d/f cannot be done without d: it is not tried."""
    steps = (Mkdir(path="d"), Touch(path="d/f"), Touch(path="x"))
    tried: list[tuple[Step, ...]] = []

    def holds(one: Scenario) -> bool:
        tried.append(one.steps)
        return any(isinstance(step, Touch) and step.path == "x" for step in one.steps)

    small = reduced(Scenario(1, "t", "g", steps, name="s"), holds)
    assert small.steps == (Touch(path="x"),)
    assert [one for one in tried if slips(Scenario(1, "t", "g", one), Profile.ROOT)] == []


def test_what_the_caller_raises_ends_it() -> None:
    def holds(_: Scenario) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduced(big(), holds)


def deep() -> Scenario:
    tree: Tree = {
        "a/b/c/": Node(),
        "a/b/c/f": "x",
        "a/b/c2": Node(symlink="long/name"),
        "long/name": Node(link="a/b/c/f"),
    }
    return Scenario(
        1, "t", "g", (Touch(path="a/b/c/new"), Symlink(path="long/sym", target="a/b")), layers=(tree,), name="deep"
    )


def test_directories_that_only_lead_to_others_go_and_names_become_letters() -> None:
    def holds(one: Scenario) -> bool:
        return any(isinstance(step, Touch) and step.path.endswith("w") for step in one.steps) and can_be_run(one)

    def first_letter(one: Scenario) -> bool:
        return any(isinstance(step, Touch) for step in one.steps) and can_be_run(one)

    small = reduced(deep(), first_letter)
    assert [step.path for step in small.steps if isinstance(step, Touch)] in (["a"], ["c"])
    assert [step.path for step in reduced(deep(), holds).steps if isinstance(step, Touch)] == ["new"]


def test_what_two_entries_would_share_is_not_tried() -> None:
    """Hoisting a/f to f, where f is, would make one entry of two."""
    tree: Tree = {"a/f": "1", "f": "2"}
    scenario = Scenario(1, "t", "g", (Unlink(path="a/f"), Unlink(path="f")), layers=(tree,), name="s")

    def holds(one: Scenario) -> bool:
        assert all(len(set(tree)) == len(tree) for tree in one.layers)
        return len(one.steps) == 2 and len(one.layers[0] if one.layers else {}) == 2 and can_be_run(one)

    small = reduced(scenario, holds)
    assert {step.path for step in small.steps if isinstance(step, Unlink)} == set(small.layers[0])
    assert len(small.layers[0]) == 2


def test_links_and_targets_follow_the_names_that_they_lead_to() -> None:
    """What shows is a hard link of the layer, a symlink in it, and one that a step makes."""

    def holds(one: Scenario) -> bool:
        nodes = [node for tree in one.layers for node in tree.values() if isinstance(node, Node)]
        made = [step for step in one.steps if isinstance(step, Symlink)]
        names = {name.rstrip("/") for tree in one.layers for name in tree}
        links = [node.link for node in nodes if node.link is not None]
        return bool(made) and any(node.symlink for node in nodes) and bool(links) and set(links) <= names

    small = reduced(deep(), holds)
    names = {name for tree in small.layers for name in tree}
    assert all(len(part) == 1 for name in names for part in name.rstrip("/").split("/"))
    assert {
        node.link for tree in small.layers for node in tree.values() if isinstance(node, Node) and node.link
    } <= names
    (made,) = small.steps
    assert isinstance(made, Symlink)


def test_one_xattr_of_two_and_a_mode_that_matters() -> None:
    tree: Tree = {"f": Node(text="t", mode="0600", owner=(1, 2), xattrs={"user.a": "1", "user.b": "2", "user.c": "3"})}
    scenario = Scenario(
        1, "t", "g", (Mkdir(path="d", mode="0700"), Chmod(path="f", mode="0640")), layers=(tree,), name="s"
    )

    def holds(one: Scenario) -> bool:
        node = one.layers[0].get("f") if one.layers else None
        return isinstance(node, Node) and "user.b" in node.xattrs and node.mode == "0600" and len(one.steps) == 2

    small = reduced(scenario, holds)
    assert small.layers == ({"f": Node(mode="0600", xattrs={"user.b": "2"})},)
    assert small.steps == (Mkdir(path="d"), Chmod(path="f", mode="0640"))
