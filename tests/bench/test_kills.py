"""Nights that are killed at random moments, and gone on with, leave nothing, and give what they always give: a few of the bench's kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.worlds.build import world_in_place
from tests.bench.kills import killed_nights


@pytest.mark.real
@pytest.mark.worlds
def test_nights_that_are_killed_give_what_an_undisturbed_one_gives(tmp_path: Path) -> None:
    if world_in_place("trixie") is None:
        pytest.skip("the world trixie is not built: whiteout-lab worlds build trixie")
    lanes = killed_nights(tmp_path, 6)
    assert [one for lane in lanes for one in lane.problems] == []
    assert sum(sum(lane.kills.values()) for lane in lanes) == 6
