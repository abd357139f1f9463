"""Scripts and raw snapshots for the page: one for each class, and only as much as an attachment may weigh."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.compare.classes import most_interesting
from harness.names import escape
from harness.places import UPPER, VIEW
from harness.report.load import Loaded, raw
from harness.report.scenario import Section, broken

WHOLE = 4_400_000  # bytes that the page may have before what is shown is cut: an attachment of 5 MB, with room for surprises
EACH = 2_600  # bytes that a cell takes besides: its field, its row, its share of the tables (measured)
LEAST, MOST = 300_000, 2_400_000  # of scripts and snapshots together
SCRIPTS = 0.75  # their part of it: they are what a reader takes away
LONGEST_SCRIPT = 60_000
LONGEST_RAW = 24_000

_UNSAFE = re.compile(r"[^\n\t\x20-\x7e]")


@dataclass(frozen=True)
class Attachment:
    """A text of a recording. ``cut`` says why it is not there, or not whole; ``note`` what else a reader must know."""

    cell: str
    label: str
    text: str
    cut: str = ""
    note: str = ""


@dataclass
class Budget:
    """What may still be shown. It is spent in the order in which a reader wants things."""

    left: int
    texts: dict[str, str] = field(default_factory=dict)  # text -> the cell where it stands already

    def take(self, cell: str, label: str, content: bytes, where: str, longest: int) -> Attachment:
        """The text, or a sentence on where it is."""
        if not content:
            return Attachment(cell, label, "", f"{where} is not in the recording")
        text, note = _shown(content)
        if text in self.texts:
            return Attachment(cell, label, "", f"the same, byte for byte, as for {self.texts[text]}")
        if len(text) > longest or len(text) > self.left:
            return Attachment(
                cell, label, "", f"left out to keep this page small ({len(content):,} bytes): it is {where} of the run"
            )
        self.left -= len(text)
        self.texts[text] = cell
        return Attachment(cell, label, text, "", note)


@dataclass(frozen=True)
class Attachments:
    """What goes with one scenario."""

    scripts: tuple[Attachment, ...]
    raws: tuple[Attachment, ...]


def attach(sections: Sequence[tuple[Section, Sequence[Loaded]]]) -> list[Attachments]:
    """For every section its scripts and snapshots; the most interesting class of every scenario comes first in the budget."""
    ran = sum(one.recording is not None for _, cells in sections for one in cells)
    together = min(MOST, max(LEAST, WHOLE - EACH * ran))
    scripts, raws = Budget(int(together * SCRIPTS)), Budget(int(together * (1 - SCRIPTS)))
    wanted = [_wanted(section, cells) for section, cells in sections]
    found: list[dict[int, tuple[Attachment, list[Attachment]]]] = [{} for _ in wanted]
    urgent = {"new": 0, "fixed": 0, "broken": 0, "known": 1}
    order = sorted(
        ((number, nth) for number, every in enumerate(wanted) for nth in range(len(every))),
        key=lambda at: (at[1] > 0, urgent.get(sections[at[0]][0].state, 2), at),
    )
    for number, nth in order:
        label, one = wanted[number][nth]
        raws_of = [
            raws.take(
                one.result.id, f"{place} \u2014 {label}", raw(one.folder, f"{place}.jsonl"),
                f"{one.result.folder}/{place}.jsonl", LONGEST_RAW,
            )
            for place in (UPPER, VIEW)
            if one.seen is not None and place in one.seen.trees
        ]  # fmt: skip
        where = f"{one.result.folder}/script.sh"
        script = scripts.take(one.result.id, label, raw(one.folder, "script.sh"), where, LONGEST_SCRIPT)
        found[number][nth] = (script, raws_of)
    return [
        Attachments(
            tuple(pairs[nth][0] for nth in sorted(pairs)),
            tuple(item for nth in sorted(pairs) for item in pairs[nth][1]),
        )
        for pairs in found
    ]


def _wanted(section: Section, cells: Sequence[Loaded]) -> list[tuple[str, Loaded]]:
    by_id = {one.result.id: one for one in cells}
    first = most_interesting(section.classes)
    classes = sorted(section.classes, key=lambda one: one is not first)
    several = len(classes) > 1
    out = [
        (
            (f"class {one.letter}: " if several else "") + f"{one.first.column.label}, {one.first.column.profile}",
            by_id[one.first.id],
        )
        for one in classes
    ]
    out += [(f"broken: {one.column.label}, {one.column.profile}", one) for one in broken(cells)[:2]]
    return out


def _shown(content: bytes) -> tuple[str, str]:
    """A text that is inert on a page, and a note where it is not the bytes themselves."""
    text = content.decode("utf-8", "surrogateescape")
    if not _UNSAFE.search(text):
        return text, ""
    safe = _UNSAFE.sub(lambda m: m[0] if m[0].isprintable() else escape(m[0].encode("utf-8", "surrogateescape")), text)
    if safe == text:
        return text, ""
    return safe, "It holds bytes that cannot be shown, escaped here: take the file from the run to execute it."
