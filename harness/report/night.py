"""What the report of a night says beside what a run's says: what changed since the baseline, and a strip of past nights. Pure.

A strip is a small SVG, a square for each night: a line with dashes for each stretch of nights that say the same, and letters on it, so that
nothing is told by colour alone. Its text says the same in words, beside it. Where there is no room for all nights, the last ones are seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from harness.compare.change_words import Paragraph, paragraphs, summary, version_lines
from harness.compare.changes import Changes
from harness.compare.nights import (
    Said,
    Stretch,
    defect_row,
    history_words,
    said_words,
    scenario_row,
    stretches,
)
from harness.report.markup import fill
from harness.runs.history import Night, State

SHOWN, FEWER = 30, 8  # nights in a strip; where all strips together would be too much
MOST = 300_000  # bytes of all strips together: those of 710 cells and 30 nights are 80,000, and where each night is another 600,000
PARAGRAPHS = 40  # of what changed; changes.html has all of them
LINES = 30  # of a paragraph
EACH = 12  # units of the picture for a night: a square of ten, and two between
LEGEND = (
    "Beside scenarios and defects stand past nights, the last at the right, a square for each: small for passed, or where a defect does "
    "not show; k known findings alone, N not as expected, C otherwise than the baseline, ! broken machinery, ~ flaky, – not run; a number "
    "says on how many tools a defect shows."
)
_LETTERS = {
    State.NEW: "N",
    State.CHANGED: "C",
    State.BROKEN: "!",
    State.FLAKY: "~",
    State.KNOWN: "k",
    State.SKIPPED: "–",
}


@dataclass(frozen=True)
class NightWords:
    """``compared``: whether there was a baseline; ``left_out``: paragraphs. Strips by the name of a scenario, or of a defect."""

    compared: bool
    summary: str
    same: int
    versions: tuple[str, ...]
    paragraphs: tuple[Paragraph, ...]
    left_out: int
    scenarios: Mapping[str, Markup] = field(default_factory=dict)
    defects: Mapping[str, Markup] = field(default_factory=dict)
    cut: str = ""  # what is said of strips that were shortened

    @property
    def legend(self) -> str:
        """What the strips mean; empty where there are none."""
        return LEGEND + self.cut if self.scenarios or self.defects else ""


def night_words(found: Changes, nights: Sequence[Night] = ()) -> NightWords:
    """What a night's report says. *nights*: those up to this one, in their order; with none, or one, there are no strips."""
    every = paragraphs(found)
    shown = SHOWN
    scenarios, defects = _every_strip(nights, SHOWN)
    if sum(map(len, (*scenarios.values(), *defects.values()))) > MOST:
        shown = FEWER
        scenarios, defects = _every_strip(nights, FEWER)
    return NightWords(
        bool(found.same or found.changes),
        summary(found),
        found.same,
        tuple(version_lines(found)),
        tuple(_cut(one) for one in every[:PARAGRAPHS]),
        max(0, len(every) - PARAGRAPHS),
        scenarios,
        defects,
        f" The last {FEWER} nights alone, to keep this page small: there was much change." if shown == FEWER else "",
    )


def _cut(one: Paragraph) -> Paragraph:
    left = len(one.lines) - LINES
    return replace(one, lines=(*one.lines[:LINES], f"and {left} more: changes.html has them")) if left > 0 else one


def _every_strip(nights: Sequence[Night], shown: int) -> tuple[dict[str, Markup], dict[str, Markup]]:
    """Those of scenarios, and those of defects, of which the last night says something."""
    if len(nights) < 2:
        return {}, {}
    now, dates = nights[-1], [f"{night.started:%Y-%m-%d}" for night in nights]
    scenarios = {name: strip(scenario_row(nights, name), dates, shown) for name in now.scenarios}
    defects = {name: strip(defect_row(nights, name), dates, shown) for name in now.defects}
    return {name: one for name, one in scenarios.items() if one}, {name: one for name, one in defects.items() if one}


def strip(row: Sequence[Said | None], dates: Sequence[str], shown: int = SHOWN) -> Markup:
    """A row of nights as a picture of the last ones, with its words. Empty where fewer than two nights say something."""
    words = history_words(row, dates)
    if not words:
        return Markup()
    row, dates = row[-shown:], dates[-shown:]
    every = stretches(row)
    width = EACH * len(row)
    return fill(
        '<svg width="{}" height="12" viewBox="0 0 {} 12" preserveAspectRatio="xMaxYMid slice" role="img" aria-label="{}">{}</svg> {}',
        width, width, f"the last {len(row)} nights", Markup("").join(_stretch(one, dates) for one in every), words,
    )  # fmt: skip


def _stretch(one: Stretch, dates: Sequence[str]) -> Markup:
    if one.said is None:
        return Markup()
    when = " to ".join(dict.fromkeys((dates[one.first], dates[one.last]))) + (
        f" ({one.long} nights)" if one.long > 1 else ""
    )
    start = EACH * one.first + 1
    letter = _letter(one.said)
    places = " ".join(str(EACH * place + EACH // 2) for place in range(one.first, one.last + 1))
    text = fill('<text x="{}" y="9">{}</text>', places, letter * one.long) if len(letter) == 1 else _long(one, letter)
    return fill(
        '<g class="n-{}"><title>{}: {}</title><path d="M{} 6h{}"/>{}</g>',
        _class(one.said), when, said_words(one.said), start, EACH * one.long - 2, text,
    )  # fmt: skip


def _long(one: Stretch, letters: str) -> Markup:
    """Two digits stand in one element for each night; where there is no letter, none does."""
    if not letters:
        return Markup()
    return Markup("").join(
        fill('<text x="{}" y="9">{}</text>', EACH * place + EACH // 2, letters)
        for place in range(one.first, one.last + 1)
    )


def _letter(said: Said) -> str:
    if isinstance(said, State):
        return _LETTERS.get(said, "")
    return (str(said[0]) if said[0] < 100 else "+") if said[0] else ""


def _class(said: Said) -> str:
    if isinstance(said, State):
        return said.name.lower()
    return "known" if said[0] else "passed"
