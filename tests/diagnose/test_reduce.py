"""A scenario is made smaller as long as it shows the same, and no further."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diagnose.reduce import ddmin, reduced
from harness.profile import Profile
from harness.scenario.model import Below, Node, Scenario, Tree
from harness.scenario.rehearse import slips
from harness.scenario.steps import Mkdir, Rename, Rmdir, Step, Symlink, Touch, Unlink, Write


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
