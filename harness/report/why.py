"""How marks came to be, as a section of a scenario: what runs under observation told, of equal ones once. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compare.words import Column, who
from harness.diagnose.told import Story, What, Why, story_lines

_NUMBER = re.compile(
    r'(\bwork/work(?:/|, "))\d+'
)  # of what a daemon makes first in its work folder: another in each run
_SHORT = 40  # stories of one scenario; the recordings have them all


@dataclass(frozen=True)
class StoryRow:
    """One story, of all cells that tell it alike. ``codes``: what is found there. ``lines``: what it was, and the words of it."""

    path: str
    says: str
    who: str
    codes: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    sentence: str


@dataclass(frozen=True)
class WhySection:
    """``about``: who looked on. ``cut``: how many stories are not shown."""

    about: str
    rows: tuple[StoryRow, ...]
    cut: int = 0
    notes: tuple[str, ...] = ()


def why_section(told: Sequence[tuple[Column, Why]]) -> WhySection | None:
    """The section of a scenario's cells; None where nobody looked on, or saw nothing that is told."""
    groups: dict[tuple[object, ...], list[tuple[Column, Story]]] = {}
    for column, why in told:
        for story in why.stories:
            if story.what is not What.LITTER or story.findings:
                codes = tuple(one.split(" ")[0] for one in story.findings)
                said = tuple(_NUMBER.sub(r"\1N", line) for line in (*story.read, *story.refused, *story.made))
                key = (story.path, story.says, codes, story.seen, story.request, said)
                groups.setdefault(key, []).append((column, story))
    columns = [column for column, _ in told]
    rows = [_row(found, columns) for found in groups.values()]
    notes = tuple(f"{who([column], columns)[0]}: {why.note}" for column, why in told if why.note)
    if not rows and not notes:
        return None
    rows.sort(key=lambda one: (not one.codes, one.codes, one.path))
    by = ", ".join(sorted({why.by for _, why in told}))
    about = f"Run once more under {by}: {who(columns, columns)[0]}."
    return WhySection(about, tuple(rows[:_SHORT]), len(rows[_SHORT:]), notes)


def _row(found: Sequence[tuple[Column, Story]], columns: Sequence[Column]) -> StoryRow:
    story = found[0][1]
    return StoryRow(
        story.path,
        story.says,
        who([column for column, _ in found], columns)[0],
        tuple(dict.fromkeys(one.split(" ")[0] for one in story.findings)),
        tuple(story_lines(story)),
        story.sentence,
    )
