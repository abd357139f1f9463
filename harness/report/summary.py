"""What changed, as Markdown for a job's summary page, which GitHub refuses above 1 MiB, and as annotations, of which it shows ten. Pure.

Names stand in code spans that no name can end. Where it would be too long, whole sections are left out, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.compare.change_words import Paragraph, paragraphs, summary, version_lines
from harness.compare.changes import Changes, What
from harness.compare.words import count
from harness.names import one_line, printable

LONGEST = 1 << 20  # bytes; GITHUB_STEP_SUMMARY
SHOWN = 9  # annotations; the tenth counts the rest
_HEADS = {
    What.CHANGED: "Changed",
    What.BROKEN: "Broken",
    What.FLAKY: "Flaky",
    What.MISSING: "Missing",
    What.MENDED: "Runs again",
    What.ADDED: "New cells",
}


def markdown(title: str, found: Changes, facts: Sequence[str] = (), longest: int = LONGEST) -> str:
    """The summary. *facts*: lines on the run, under its title. *longest*: in bytes of UTF-8."""
    top = [f"## {title}", "", f"**{summary(found)}**", "", *(f"* {one_line(fact)}" for fact in facts)]
    top += [f"* {line}" for line in version_lines(found)]
    sections = ["\n".join(top) + "\n"]
    for what, head in _HEADS.items():
        told = paragraphs(found, what)
        if told:
            sections.append(f"\n### {head}\n")
            sections += [_section(one) for one in told]
    return _cut(sections, longest)


def _section(one: Paragraph) -> str:
    lines = [f"\n{one_line(one.head)}, in {', '.join(map(code, one.scenarios))}\n"]
    if one.lines:
        lines.append(f"\n{block(one.lines)}")
    if one.reason:
        lines.append(f"\n{code(one.reason)}\n")
    return "".join(lines)


def _cut(sections: Sequence[str], longest: int) -> str:
    """As many whole sections as there is room for, and how many are left out."""
    room = longest - 200
    out: list[str] = []
    for number, section in enumerate(sections):
        room -= len(section.encode())
        if room < 0:
            left = sum(not one.startswith("\n###") for one in sections[number:])
            return (
                "".join(out)
                + f"\n{count(left, 'more section is', 'more sections are')} left out: the report has them.\n"
            )
        out.append(section)
    return "".join(out)


def code(text: str) -> str:
    """A code span that the text cannot end."""
    inside = one_line(text)
    ticks = "`" * (max((len(run) for run in re.findall(r"`+", inside)), default=0) + 1)
    pad = " " if inside.startswith("`") or inside.endswith("`") else ""
    return f"{ticks}{pad}{inside}{pad}{ticks}"


def block(lines: Sequence[str]) -> str:
    """What came and went, as a fenced block."""
    return fenced("\n".join(map(one_line, lines)), "diff") + "\n"


def fenced(text: str, language: str = "") -> str:
    """A fenced block that no line of the text can end."""
    inside = printable(text.rstrip("\n"))
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", inside)), default=0) + 1)
    return f"{fence}{language}\n{inside}\n{fence}"


def workflow_commands(found: Changes) -> list[str]:
    """Workflow commands: an error or a warning for each of the first changes, and one that counts the rest."""
    told = paragraphs(found, What.CHANGED, What.BROKEN, What.MISSING, What.FLAKY)
    lines = [
        f"::{'warning' if one.what is What.FLAKY else 'error'} title={_property(one.head)}::"
        f"{_data(chr(10).join((', '.join(one.scenarios), *one.lines, one.reason)).rstrip())}"
        for one in told[:SHOWN]
    ]
    if len(told) > SHOWN:
        lines.append(f"::error title={count(len(told) - SHOWN, 'more change')}::see the summary and the report")
    return lines


def _data(text: str) -> str:
    """The text of a workflow command (actions/toolkit, command.ts: escapeData)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
