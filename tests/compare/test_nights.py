"""Nights beside each other: since when something is so, in words that say no more than the nights do."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from harness.compare.changes import Change, Changes, What
from harness.compare.nights import Said, Stretch, defect_row, history_words, remembered, scenario_row, stretches
from harness.runs.accounts import Subject
from harness.runs.history import Night, Shown, State
from harness.runs.results import Results, RunFacts

LETTERS = {state.value: state for state in State}


def row(letters: str) -> list[Said | None]:
    """``.`` is a night that was not asked."""
    return [LETTERS.get(letter) for letter in letters]


def words(said: Sequence[Said | None]) -> str:
    return history_words(said, [f"2026-11-{day:02}" for day in range(1, len(said) + 1)])


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("", ""),
        ("p", ""),
        (".p", ""),
        ("pp.", ""),  # it is not in this night
        ("pp", "passed, as in the night before"),
        ("kkk", "known findings alone, as in the 2 nights before"),
        ("p.p", "passed, as in the night before"),
        ("ppn", "not as expected in this night, passed before"),
        ("pcc", "otherwise than the baseline since 2026-11-02 (2 nights), passed before"),
        ("pc.c", "otherwise than the baseline since 2026-11-02 (2 nights), passed before"),
        ("pnpp", "passed since 2026-11-03 (2 nights), not as expected before"),
        ("pfpb", "broken machinery in this night, passed before; it changed 3 times in 4 nights"),
        ("sp", "passed in this night, not run before"),
    ],
)
def test_a_scenario_in_words(letters: str, said: str) -> None:
    assert words(row(letters)) == said


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        ([(3, 3), (3, 3)], "shows on all 3 tools, as in the night before"),
        ([(3, 5), (4, 5)], "shows on 4 of 5 tools in this night, on 3 of 5 tools before"),
        ([(0, 5), (1, 1)], "shows on the one tool in this night, does not show on any of 5 tools before"),
        ([(1, 2), None, (0, 1)], "does not show on the one tool in this night, shows on 1 of 2 tools before"),
    ],
)
def test_a_defect_in_words(nights: list[Said | None], said: str) -> None:
    assert words(nights) == said


def test_stretches_are_the_row_again() -> None:
    of = row("pp.nnp")
    found = stretches(of)
    assert [said for one in found for said in [one.said] * one.long] == of
    assert found[1] == Stretch(2, 2, None)
    assert stretches([]) == []


def night(**defects: Shown) -> Night:
    return Night(
        run="r", started=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC), kernel="", version="", exit=0, cells={}, changed={},
        scenarios={"one": State.PASSED}, defects=defects,
    )  # fmt: skip


def test_rows_know_nights_that_were_not_asked() -> None:
    nights = [night(ghost=Shown(1, 2, 3)), night(ghost=Shown(0, 0, 3)), night()]
    assert defect_row(nights, "ghost") == [(1, 3), (0, 3), None]
    assert scenario_row(nights, "one") == [State.PASSED] * 3
    assert scenario_row(nights, "other") == [None] * 3


def test_what_changed_is_counted_by_its_kind() -> None:
    subject = Subject("kernel", "one", "root")
    found = Changes((Change(What.FLAKY, subject, "6.1"), Change(What.ADDED, subject, "6.2")), same=7)
    facts = RunFacts("r", "2026-11-01T00:00:00+00:00", 1.0, "0", (), "", {})
    assert remembered(Results(1, facts, ()), found, 1).changed == {"flaky": 1, "added": 1, "same": 7}
