"""What ``inspect`` says, in sentences: for a terminal and for the page. Names stay apart from the words, so that each is shown inert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from harness.compare.words import Name, Words, count
from harness.judge.defects.likely import Likely
from harness.judge.defects.words import ranges_text, where_told
from harness.layers.hiding import Hides
from harness.layers.seen import Seen
from harness.layers.told import Told
from harness.names import escape
from harness.whiteouts.encodings import Says
from harness.whiteouts.markers import Marker
from harness.whiteouts.readers import IMPORTER

_MOST_NAMED = 5  # paths in one line


def hides_words(marker: Marker, hides: Mapping[Marker, Hides]) -> Words:
    """What a mark hides; nothing is said where nobody knows what lies below."""
    if marker not in hides:
        return ()
    found = hides[marker]
    if not found.count:
        return ("hides nothing",)
    if found.names == (marker.path,) and marker.says is Says.GONE:
        return ("hides it",) if found.count == 1 else (f"hides it and {count(found.count - 1, 'name')} below it",)
    return (f"hides {count(found.count, 'name')}: ", *_some(found.names, found.count))


def idle_words(told: Told, marker: Marker) -> str:
    """That a mark says nothing to those who take such a layer."""
    idle = told.layer.form == "tar" and marker.encoding not in IMPORTER.honours
    return "which marks nothing in a tar layer" if idle else ""


def seen_words(one: Seen) -> Words:
    """What one reader shows otherwise; nothing where it shows the tree that is meant."""
    out: list[str | Name] = []
    for what, paths in (("comes back", one.back), ("a mark is shown", one.marks), ("is lost", one.lost)):
        if paths:
            out += ["; " if out else "", f"{what}: ", *_some(paths[:_MOST_NAMED], len(paths))]
    return tuple(part for part in out if part)


def _some(paths: Sequence[bytes], every: int) -> Iterator[str | Name]:
    for number, path in enumerate(paths):
        yield from ([", "] if number else [])
        yield Name(escape(path) or "/")
    if every > len(paths):
        yield f" and {every - len(paths):,} more"


def likely_words(one: Likely) -> str:
    """A defect that leaves such findings: which, of whom, since when, where one can read of it."""
    defect = one.defect
    codes = Counter(finding.code for finding in one.findings)
    which = ", ".join(code if times == 1 else f"{code} ({times} times)" for code, times in sorted(codes.items()))
    whose = f"{defect.program} {ranges_text(defect.versions)}"
    return f"{which}: {defect.title}; {whose}: {defect.name}, {where_told(defect)}"
