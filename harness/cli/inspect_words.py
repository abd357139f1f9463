"""What ``inspect`` prints: its lines, with colours where they are wanted. What comes from a tree is inert before it is painted."""

from __future__ import annotations

from collections.abc import Iterator

from harness.cli.colour import Paint
from harness.compare.words import bare
from harness.compare.words import count as counted
from harness.judge.codes import CODES
from harness.layers.told import Told
from harness.names import escape, one_line
from harness.report.inspected import hides_words, idle_words, likely_words, seen_words
from harness.snapshot.image import Layer, Opened
from harness.whiteouts.encodings import ENCODINGS, Says
from harness.whiteouts.markers import Marker

_MOST_MISSED = 20  # lines
_SAYS = {Says.GONE: "red", Says.OPAQUE: "yellow", Says.HOLDS: "dim"}


def image_lines(path: str, opened: Opened) -> Iterator[str]:
    """What an image is, and what was not looked at in it. *path*: escaped."""
    if len(opened.layers) != 1 or opened.notes:
        yield f"{path}: {opened.kind}, {counted(len(opened.layers), 'layer')}"
        for note in opened.notes:
            yield f"  note: {one_line(note)}"


def unread_line(layer: Layer) -> str:
    """That a layer cannot be read, and why."""
    return f"{one_line(layer.name)}: cannot be read: {one_line(layer.unread)}"


def layer_lines(told: Told, name: str, paint: Paint) -> Iterator[str]:
    """All of one layer. *name*: what it is called where it has no name of its own."""
    layer, judged = told.layer, told.judged
    if layer.unread:
        yield paint("red", unread_line(layer))
        return
    called = f"{one_line(layer.name)} ({layer.form})" if layer.name else name
    entries = counted(len(layer.snapshot.entries), "entry", "entries")
    yield f"{paint('bold', called)}: {entries}, {counted(len(told.markers), 'marker')}"
    for note in layer.notes:
        yield f"  note: {one_line(note)}"
    for marker in told.markers:
        yield _marker_line(told, marker, paint)
    if not judged.findings:
        yield "no findings in what was seen" if layer.missed or layer.reached else paint("green", "no findings")
    known = {finding.key for one in told.likely for finding in one.findings}
    for finding in judged.findings:
        colour = "yellow" if finding.key in known else "red"
        yield f"  {paint(colour, f'{finding.code} {CODES[finding.code].name}')}: {finding.message}"
    if told.likely:
        yield "known defects that leave this:"
        for one in told.likely:
            yield f"  {one_line(likely_words(one))}"
    yield from _unseen_lines(told)
    yield from (f"  {line}" for line in reader_lines(told, paint))


def _marker_line(told: Told, marker: Marker, paint: Paint) -> str:
    at = f" (in {escape(marker.at)})" if marker.at != marker.path else ""
    said = paint(_SAYS[marker.says], f"{marker.says.value:6}")
    more = [words for words in (idle_words(told, marker), bare(hides_words(marker, told.hides))) if words]
    line = f"  {said}  {escape(marker.path) or '/'}{at}  {ENCODINGS[marker.encoding].badge}"
    return line + (paint("dim", f", {', '.join(more)}") if more else "")


def _unseen_lines(told: Told) -> Iterator[str]:
    layer = told.layer
    if "trusted" in layer.snapshot.unseen:
        yield "not seen: xattrs in trusted.*; run as root to see them"
    missed = [words for words in layer.snapshot.unseen if words != "trusted"]
    for words in (*layer.reached, *missed[:_MOST_MISSED]):
        yield f"not seen: {one_line(words)}"
    if len(missed) > _MOST_MISSED:
        yield f"not seen: {len(missed) - _MOST_MISSED} more; --json names them all"
    unjudged = told.judged.unjudged
    for reason in dict.fromkeys(reason for _, reason in unjudged):
        codes = ", ".join(code for code, why in unjudged if why == reason)
        yield f"not judged: {codes}: {reason}"


def reader_lines(told: Told, paint: Paint) -> Iterator[str]:
    """Who would see what, a line for each reader that does not see what is meant, and one for the others."""
    if not told.seen:
        return
    yield f"who would see what, {told.rules.source}:"
    same = [one.reader.name for one in told.seen if one.same]
    if same:
        yield f"  {paint('green', 'as it is meant')}: {', '.join(same)}"
    for one in told.seen:
        if not one.same:
            yield f"  {paint('red', one.reader.name)}: {bare(seen_words(one))}"
