"""What ``inspect`` found, as one HTML page in the dress of the report: readable without JavaScript, and nothing in it reaches out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness.compare.words import Words, count
from harness.judge.codes import CODES, Code
from harness.judge.defects.likely import Likely
from harness.judge.defects.words import ranges_text
from harness.judge.findings import Finding
from harness.layers.told import Told
from harness.names import escape
from harness.report.html import rendered, write_html
from harness.report.inspected import hides_words, idle_words, seen_words
from harness.report.markup import badge
from harness.snapshot.image import Opened

MOST = 500  # rows of one table: a page is an attachment, and a person reads it


@dataclass(frozen=True)
class MarkRow:
    """A mark. ``at``: where it stands, where that is another entry than what it speaks of."""

    badge: Markup
    about: str
    at: str
    hides: Words
    idle: str


@dataclass(frozen=True)
class FindingRow:
    """A finding, with the defects that leave such a one."""

    finding: Finding
    code: Code
    defects: tuple[Likely, ...]


@dataclass(frozen=True)
class LayerPart:
    """A layer. ``reached``: what no limit of reading let be seen; ``cut``: what of it the page does not have."""

    told: Told
    name: str
    size: str
    marks: tuple[MarkRow, ...]
    findings: tuple[FindingRow, ...]
    readers: tuple[tuple[str, bool, Words], ...]
    unseen: tuple[str, ...]
    cut: tuple[str, ...]
    below: bool  # whether it is known what lies below


def inspect_page(path: str, opened: Opened, every: Sequence[Told], repair: str) -> str:
    """The page. *path*: escaped; *repair*: the line to type that makes a layer which says the same once, or empty."""
    codes = {finding.code: CODES[finding.code] for one in every for finding in one.judged.findings}
    return rendered(
        "inspect.html.jinja",
        path=path,
        kind=opened.kind,
        notes=opened.notes,
        layers=[_layer(one, f"{path} ({opened.kind})") for one in every],
        findings=sum(len(one.judged.findings) for one in every),
        codes=[codes[code] for code in sorted(codes)],
        repair=repair,
        ranges=ranges_text,
    )


def write_page(path: str, opened: Opened, every: Sequence[Told], repair: str, output: Path) -> None:
    """Write it in one step. Raises UsageError, BrokenMachinery."""
    write_html(inspect_page(path, opened, every, repair), output)


def _layer(told: Told, name: str) -> LayerPart:
    layer, judged = told.layer, told.judged
    by_key: dict[str, list[Likely]] = {}
    for one in told.likely:
        for finding in one.findings:
            by_key.setdefault(finding.key, []).append(one)
    marks = tuple(
        MarkRow(
            badge(mark.encoding),
            escape(mark.path) or "/",
            escape(mark.at) if mark.at != mark.path else "",
            hides_words(mark, told.hides),
            idle_words(told, mark),
        )
        for mark in told.markers[:MOST]
    )
    shown = judged.findings[:MOST]
    findings = tuple(FindingRow(one, CODES[one.code], tuple(by_key.get(one.key, ()))) for one in shown)
    reasons = dict.fromkeys(reason for _, reason in judged.unjudged)
    unjudged = [f"not judged: {_codes(judged.unjudged, reason)}: {reason}" for reason in reasons]
    unseen = [
        "xattrs in trusted.*; run as root to see them" if one == "trusted" else one for one in layer.snapshot.unseen
    ]
    missed = [f"not seen: {one}" for one in (*layer.reached, *unseen)]
    lost = [
        f"{count(whole - MOST, one)} more: inspect --json names them all"
        for whole, one in (
            (len(told.markers), "mark"),
            (len(judged.findings), "finding"),
            (len(missed), "thing not seen"),
        )
        if whole > MOST
    ]
    return LayerPart(
        told,
        f"{layer.name} ({layer.form})" if layer.name else name,
        f"{count(len(layer.snapshot.entries), 'entry', 'entries')}, {count(len(told.markers), 'marker')}",
        marks,
        findings,
        tuple((one.reader.name, one.same, seen_words(one)) for one in told.seen),
        (*missed[:MOST], *unjudged),
        tuple(lost),
        bool(told.hides) or not told.markers,
    )


def _codes(unjudged: Sequence[tuple[str, str]], reason: str) -> str:
    return ", ".join(code for code, why in unjudged if why == reason)
