"""Changes in words: the same for a terminal, a summary and a report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from harness.compare.changes import Change, Changes, What
from harness.compare.words import count, listing
from harness.judge.codes import CODES
from harness.names import one_line

_VERBS = {
    What.CHANGED: "changed",
    What.BROKEN: "broken",
    What.FLAKY: "flaky",
    What.MISSING: "missing",
    What.MENDED: "runs again",
    What.ADDED: "new",
}

_NEWS = (What.CHANGED, What.FLAKY, What.BROKEN, What.MISSING)  # of a new build, beside the one before it


@dataclass(frozen=True)
class Paragraph:
    """Cells of one version of a tool that changed alike. ``lines``: what came begins with ``+``, what went with ``-``."""

    what: What
    head: str
    scenarios: tuple[str, ...]
    lines: tuple[str, ...]
    cells: tuple[str, ...]
    reason: str = ""


def summary(found: Changes) -> str:
    """In one line: ``2 cells changed, 1 flaky, 650 the same``."""
    numbers = [(what, len(found.of(what))) for what in What]
    said = [f"{number:,} {_VERBS[what]}" for what, number in numbers if number]
    return ", ".join([*said, f"{found.same:,} the same"])


def version_lines(found: Changes) -> list[str]:
    """Which versions are new, and with what they are compared; which are not there any more."""
    new = [
        f"{found.titles.get(one.tool, one.tool)} {one.version} is new here, and compared with {one.before}"
        for one in found.new_versions
    ]
    lost = [f"{found.titles.get(one.tool, one.tool)} {one.version} is not here any more" for one in found.lost_versions]
    return [*new, *lost]


def paragraphs(found: Changes, *what: What) -> list[Paragraph]:
    """The changes of some kinds, or all, in their order; those that are alike as one paragraph."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for one in found.of(*(what or What)):
        alike = (one.subject.tool, one.version, one.before, one.come, one.gone, one.reason)
        groups.setdefault((one.what, *alike, one.like_before, one.runs), []).append(one)
    return [_paragraph(group, found) for group in groups.values()]


def _paragraph(group: Sequence[Change], found: Changes) -> Paragraph:
    first = group[0]
    title = f"{found.titles.get(first.subject.tool, first.subject.tool)} {first.version}"
    against = f", compared with {first.before}" if first.before not in {"", first.version} else ""
    often = f": {first.like_before} of {first.runs} runs were as before" if first.what is What.FLAKY else ""
    profiles = listing(sorted({one.subject.profile for one in group}))
    lines = (
        *(f"- {line_text(line)}{_by(line, found.defects)}" for line in first.gone),
        *(f"+ {line_text(line)}{_by(line, found.defects)}" for line in first.come),
    )
    return Paragraph(
        first.what,
        f"{_VERBS[first.what]}: {title} ({profiles}){against}{often}",
        tuple(sorted({one.subject.scenario for one in group})),
        lines,
        tuple(one.cell for one in group),
        one_line(first.reason),
    )


def _by(line: str, defects: Mapping[str, str]) -> str:
    return f" [{defects[line]}]" if line in defects else ""


def line_text(line: str) -> str:
    """A line of an account for people: ``WL203 phantom at remount: d/f (found=listed)``.

    The form of keys is read back here, and nowhere else; in it every special byte is ``%XX``.
    """
    words = line.split(" ")
    if words[0] == "mark" and len(words) == 4:
        return f"mark {words[3].removeprefix('encoding=')} at {_shown(words[2])}"
    if words[0] == "gone":
        return f"the defect {' '.join(words[1:])} must show and does not"
    if len(words) < 3 or words[0] not in CODES:
        return one_line(line)
    code, place, path, *facts = words
    about = f" ({', '.join(map(_shown, facts))})" if facts else ""
    return f"{code} {CODES[code].name} at {place}: {_shown(path)}{about}"


def _shown(word: str) -> str:
    return one_line(unquote(word))


def text_lines(found: Changes, most: int = 0) -> list[str]:
    """For a terminal. *most*: paragraphs; 0: all of them. What is cut is counted."""
    out = [summary(found), *version_lines(found)]
    every = paragraphs(found)
    for one in every[: most or None]:
        out += _lines(one)
    if most and len(every) > most:
        out += ["", f"{count(len(every) - most, 'paragraph')} more"]
    return out


def check_lines(found: Changes, scripts: Mapping[str, str]) -> list[str]:
    """What a new build changes, in sections: what it mends, what is worse, what it marks otherwise. *scripts*: of cells, by id.

    A defect that no changed cell shows any more is mended; one that some show and did not is brought.
    """
    news = found.of(*_NEWS)
    gone = {found.defects[line] for one in news for line in one.gone if line in found.defects}
    come = {found.defects[line] for one in news for line in one.come if line in found.defects}
    out: list[str] = []
    for head, names in (
        ("mends", gone - come),
        ("shows, and did not before", come - gone),
        ("shows otherwise", gone & come),
    ):
        out += [f"{head}: {', '.join(sorted(names))}"] if names else []
    for one in paragraphs(found, *_NEWS):
        out += _lines(one)
        script = next((scripts[cell] for cell in one.cells if cell in scripts), "")
        out += [f"    script: {script}"] if script else []
    return out


def _lines(one: Paragraph) -> list[str]:
    """A paragraph for a terminal, with a line between it and the one before."""
    below = [f"in {', '.join(one.scenarios)}", *one.lines, *([one.reason] if one.reason else [])]
    return ["", one.head, *(f"    {line}" for line in below)]
