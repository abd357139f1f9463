"""The bare side of the bench does the layers, the mounts and the steps, and takes no tree."""

from __future__ import annotations

import pytest

from harness.cells.plan import Cell
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.script.compile import compile_cell
from tests.bench.bare import bare
from tests.bench.measure import NotDone
from tests.script.test_compile import tool

TEXT = b"""schema = 1
title = "t"
guards = "g"
steps = [{ do = "mkdir", path = "d/new" }, { do = "remount" }, { do = "unlink", path = "d/f" }]
[[layers]]
"d/f" = "old"
"""


@pytest.mark.parametrize("name", ["kernel", "fuse-overlayfs"])
@pytest.mark.parametrize("profile", Profile)
def test_what_stays_of_a_script_and_what_goes(name: str, profile: Profile) -> None:
    script = compile_cell(Cell(parse(TEXT, where="t", name="t"), tool(name), profile)).decode()
    left = bare(script.encode()).decode()
    run = left.rpartition("# ---- the run ")[2].splitlines()
    assert [run.count(word) for word in ("mount_stack", "unmount_stack", "on merged steps_1", "on merged steps_2")] == [
        2,
        2,
        1,
        1,
    ]
    assert not [line for line in run if line.startswith(("take", "reach", "left", "table", "on oracle"))]
    assert run[-1] == "say end"
    assert ">lower/1/d/f" in left
    assert ">oracle/d/f" in script
    assert ">oracle/d/f" not in left


def test_a_script_of_another_build_is_not_measured() -> None:
    with pytest.raises(NotDone):
        bare(b"#!/bin/sh\ntrue\n")
