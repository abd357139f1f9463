"""A scenario that is written is read back as the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scenario.loader import load, parse, scenarios_below
from harness.scenario.model import Node, Opaque, Scenario, Whiteout
from harness.scenario.steps import Fails, FailsBy, Mkdir, Write
from harness.scenario.writer import write_scenario

EVERY = scenarios_below(Path(__file__).resolve().parents[2] / "scenarios")


def back(scenario: Scenario) -> Scenario:
    return parse(write_scenario(scenario).encode(), where="written", name=scenario.name)


@pytest.mark.parametrize("path", EVERY, ids=[path.stem for path in EVERY])
def test_each_scenario_here_comes_back(path: Path) -> None:
    scenario = load(path)
    assert back(scenario) == scenario


def test_hostile_names_and_texts_come_back() -> None:
    evil = 'a"b\\\\c\\x1b[31m = {}\\n'
    scenario = Scenario(
        1, "t", "g 'x' \"y\"", (Mkdir(path=evil, fails=Fails.AS_ORACLE), Write(path="é", text="\\x00", fails=FailsBy(root=Fails.MUST))),
        layers=({evil: Node(text=evil, xattrs={"user.x": evil}), "d/": Node(opaque=(Opaque.FILE,)), "w": Node(whiteout=Whiteout.FILE)}, {}),
        upper={"u": "x"}, env={"FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT": "y z"}, options={"kernel": "index=off"}, name="evil",
    )  # fmt: skip
    assert back(scenario) == scenario
    assert "\x1b" not in write_scenario(scenario)
