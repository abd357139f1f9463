"""The summary: whole sections or none, names that end no span, at most ten annotations."""

from __future__ import annotations

import re

import pytest

from harness.compare.changes import Change, Changes, Pairing, What
from harness.report.summary import LONGEST, SHOWN, block, code, markdown, workflow_commands
from harness.runs.accounts import Subject


def change(number: int, what: What = What.CHANGED, line: str = "WL101 upper a encoding=device") -> Change:
    return Change(
        what, Subject("fuse-overlayfs", f"case-{number}", "root"), "1.15", "1.14", come=(f"{line} n={number}",)
    )


def test_a_summary_says_what_changed_against_what() -> None:
    found = Changes(
        (change(1), change(2, What.FLAKY)),
        (Pairing("fuse-overlayfs", "1.15", "1.14"),),
        same=650,
        titles={"fuse-overlayfs": "fuse-overlayfs"},
    )
    text = markdown("Night of 2026-11-25", found, ["kernel 6.18"])
    assert text.startswith("## Night of 2026-11-25\n\n**1 changed, 1 flaky, 650 the same**\n\n* kernel 6.18\n")
    assert "* fuse-overlayfs 1.15 is new here, and compared with 1.14\n" in text
    assert text.index("### Changed") < text.index("### Flaky")
    assert "in `case-1`" in text
    assert "```diff\n+ WL101 marker-of-a-marker at upper: a (encoding=device, n=1)\n```" in text


def test_what_is_too_long_loses_whole_sections_and_counts_them() -> None:
    found = Changes(tuple(change(number, line="WL101 upper " + "a" * 3000) for number in range(600)))
    text = markdown("Night", found)
    assert len(text.encode()) < LONGEST
    shown = text.count("```diff")
    assert shown == text.count("\n```\n"), "no block is cut"
    assert f"{600 - shown} more sections are left out" in text
    assert "left out" not in markdown("Night", Changes((change(1),)))


@pytest.mark.parametrize("text", ["a`b", "``", "`", "x```y", "a\n# b", "<script>", "| a |"])
def test_a_name_ends_no_span_and_no_block(text: str) -> None:
    span = code(text)
    ticks = re.match(r"`+", span)
    assert ticks is not None
    inside = span[len(ticks[0]) : -len(ticks[0])]
    assert ticks[0] not in re.findall(r"`+", inside)
    assert "\n" not in span
    fence = block([text]).partition("diff")[0]
    assert all(len(run) < len(fence) for run in re.findall(r"`+", block([text])[len(fence) : -len(fence) - 1]))


def test_annotations_are_few_and_the_rest_is_counted() -> None:
    found = Changes(tuple(change(number, line=f"WL101 upper a%25{number}") for number in range(30)))
    lines = workflow_commands(found)
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "::error title=21 more changes::see the summary and the report"
    assert all("\n" not in line for line in lines)
    assert lines[0].startswith(
        "::error title=changed%3A fuse-overlayfs 1.15 (root)%2C compared with 1.14::case-0%0A+ WL101"
    )
    assert workflow_commands(Changes((change(1, What.FLAKY),)))[0].startswith("::warning ")
    assert workflow_commands(Changes((change(1, What.ADDED),))) == []
