"""What changed, as one HTML page in the dress of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.compare.change_words import paragraphs, summary, version_lines
from harness.compare.changes import Changes
from harness.report.html import rendered, write_html


def changes_page(found: Changes, runs: Sequence[str]) -> str:
    """The page. *runs*: what is compared, the earlier one first."""
    return rendered(
        "changes.html.jinja",
        nights=True,
        runs=runs,
        summary=summary(found),
        versions=version_lines(found),
        paragraphs=paragraphs(found),
    )


def write_page(found: Changes, runs: Sequence[str], output: Path) -> None:
    """Write it in one step. Raises UsageError, BrokenMachinery."""
    write_html(changes_page(found, runs), output)
