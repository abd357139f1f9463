"""Nights beside each other: since when something is as it is, as stretches of equal nights, and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.compare.changes import Changes, What
from harness.compare.words import count
from harness.runs.history import Night, State, night_of
from harness.runs.results import Results

OFTEN = 3  # stretches; of more of them it is said how often it changed

STATES: Mapping[State, str] = {
    State.NEW: "not as expected",
    State.CHANGED: "otherwise than the baseline",
    State.BROKEN: "broken machinery",
    State.FLAKY: "flaky",
    State.KNOWN: "known findings alone",
    State.PASSED: "passed",
    State.SKIPPED: "not run",
}

_SHOWS = "shows "

Said = State | tuple[int, int]  # of a scenario its state; of a defect on how many tools it shows, of how many


@dataclass(frozen=True)
class Stretch:
    """Nights in a row that say the same. ``first``, ``last``: their places in the row; ``said``: None where nothing was asked."""

    first: int
    last: int
    said: Said | None

    @property
    def long(self) -> int:
        """How many nights."""
        return self.last - self.first + 1


def remembered(results: Results, found: Changes, code: int) -> Night:
    """What is kept of a night. *code*: its exit code."""
    return night_of(
        results,
        code,
        {one.subject.scenario for one in found.of(What.CHANGED, What.MISSING)},
        {one.subject.scenario for one in found.of(What.FLAKY)},
        {str(what): len(found.of(what)) for what in What if found.of(what)} | {"same": found.same},
    )


def scenario_row(nights: Sequence[Night], name: str) -> list[State | None]:
    """What each night says of a scenario; None where it was not in the plan."""
    return [night.scenarios.get(name) for night in nights]


def defect_row(nights: Sequence[Night], name: str) -> list[tuple[int, int] | None]:
    """What each night says of a defect; None where no cell was asked for it."""
    return [(one.tools, one.asked) if (one := night.defects.get(name)) is not None else None for night in nights]


def stretches(row: Sequence[Said | None]) -> list[Stretch]:
    """The row as stretches of nights that say the same."""
    found: list[Stretch] = []
    for place, said in enumerate(row):
        if found and found[-1].said == said:
            found[-1] = Stretch(found[-1].first, place, said)
        else:
            found.append(Stretch(place, place, said))
    return found


def said_words(said: Said | None) -> str:
    """What a night says, in words."""
    if said is None:
        return "not asked"
    if isinstance(said, State):
        return STATES[said]
    tools, asked = said
    if not tools:
        return f"does not show on {f'any of {asked} tools' if asked > 1 else 'the one tool'}"
    if tools < asked:
        return f"shows on {tools} of {asked} tools"
    return f"shows on {f'all {asked} tools' if asked > 1 else 'the one tool'}"


def history_words(row: Sequence[Said | None], dates: Sequence[str]) -> str:
    """Since when it is so: ``passed, as in the 11 nights before``; ``known findings alone since 2026-11-25 (3 nights), passed before``.

    Nights that were not asked are not counted. *dates*: of the nights. Empty where fewer than two nights say something.
    """
    asked = [(said, date) for said, date in zip(row, dates, strict=True) if said is not None]
    if len(asked) < 2 or row[-1] is None:
        return ""
    every = stretches([said for said, _ in asked])
    now = every[-1]
    words = said_words(now.said)
    if len(every) == 1:
        return f"{words}, as in the {count(now.long - 1, 'night')} before".replace("the 1 night", "the night")
    before = said_words(every[-2].said)
    if words.startswith(_SHOWS):
        before = before.removeprefix(_SHOWS)
    since = f"since {asked[now.first][1]} ({count(now.long, 'night')})" if now.long > 1 else "in this night"
    often = f"; it changed {len(every) - 1} times in {len(asked)} nights" if len(every) > OFTEN else ""
    return f"{words} {since}, {before} before{often}"
