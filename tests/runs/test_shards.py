"""Shards: each cell is in exactly one, they are even by time, and the same on every machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.runs.shards import USUAL, parse_shard, shard

CELLS = [(f"s{number}[t-1-root]", "slow" if number % 5 == 0 else "quick") for number in range(60)]
SECONDS = {"slow": 6.0, "quick": 0.2}


@given(st.integers(1, 12), st.permutations(CELLS))
def test_each_cell_is_in_one_part_whatever_order_they_come_in(parts: int, cells: list[tuple[str, str]]) -> None:
    every = [shard(cells, part, parts, SECONDS) for part in range(1, parts + 1)]
    assert sorted(cell for mine in every for cell in mine) == sorted(cell for cell, _ in CELLS)
    assert every == [shard(CELLS, part, parts, SECONDS) for part in range(1, parts + 1)]


@pytest.mark.parametrize("parts", [2, 3, 4, 7])
def test_parts_take_about_as_long_as_one_another(parts: int) -> None:
    tools = dict(CELLS)
    loads = [sum(SECONDS[tools[cell]] for cell in shard(CELLS, part, parts, SECONDS)) for part in range(1, parts + 1)]
    assert max(loads) - min(loads) <= SECONDS["slow"]


def test_what_nobody_has_timed_counts_as_usual() -> None:
    assert {len(shard(CELLS, part, 2, {})) for part in (1, 2)} == {30}
    assert 0 < USUAL < 1


def test_a_new_scenario_moves_few_others() -> None:
    more = [*CELLS, ("new[t-1-root]", "quick")]
    moved = sum(
        len({*shard(CELLS, part, 4, SECONDS)} - {*shard(more, part, 4, SECONDS)}) for part in range(1, 5)
    )  # fmt: skip
    assert moved < len(CELLS) / 2


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1 /4", "01/4"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no part of a run"):
        parse_shard(text)
    assert parse_shard("2/4") == (2, 4)
