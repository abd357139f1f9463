"""What a failing cell prints: expected and seen, aligned."""

from __future__ import annotations

from collections.abc import Mapping

from harness.evidence.recording import Recording
from harness.judge.codes import CODES
from harness.judge.findings import Finding, often
from harness.judge.judge import Verdict
from harness.names import escape
from harness.places import ORACLE, REMOUNT, UPPER, VIEW, PlaceName
from harness.snapshot.model import Entry, Snapshot
from harness.whiteouts.encodings import ENCODINGS
from harness.whiteouts.markers import markers_of


def describe(recording: Recording, verdict: Verdict, trees: Mapping[PlaceName, Snapshot]) -> str:
    """Findings first, then the trees side by side: the oracle, the view, and the upper with its markers named."""
    lines = [f"{recording.id}: {verdict.reason}", ""]
    lines += [line for finding in verdict.findings for line in finding_lines(finding)]
    for defect in verdict.missing:
        lines.append(f"  the defect {defect.defect} ({defect.title}) must show here and does not")
    lines += ["", *side_by_side(trees)]
    return "\n".join(lines)


def finding_lines(finding: Finding) -> list[str]:
    """A finding on one line; what follows from it, and is no finding of its own, on lines below."""
    mark = "known" if finding.known else "BACK " if finding.back else "NEW  "
    times = f" ({often(finding)})" if often(finding) else ""
    below = [f"           so {one.code} {_named(one)}" for one in finding.consequences]
    return [f"  {mark} {finding.code} {_named(finding)}{times}", *below]


def _named(finding: Finding) -> str:
    return f"{CODES[finding.code].name} at {finding.place}: {finding.message}"


def entry_text(entry: Entry | None) -> str:
    """An entry in a few words; what marks it, by the badge of its encoding."""
    if entry is None:
        return "·"
    marks = [ENCODINGS[marker.encoding].badge for marker in markers_of(entry)]
    return " ".join([entry.kind.value, *(f"[{mark}]" for mark in marks)])


def side_by_side(trees: Mapping[PlaceName, Snapshot]) -> list[str]:
    """A table with a row for each path: expected, seen, seen after the remount, and what lies in the upper."""
    columns = [
        ("must be", ORACLE), ("is", VIEW), ("after remount", REMOUNT), ("upper", UPPER),
    ]  # fmt: skip
    there = [(title, trees[place]) for title, place in columns if place in trees]
    paths = sorted({path for _, tree in there for path in tree.entries})
    rows = [["path", *(title for title, _ in there)]]
    rows += [[escape(path) or "/", *(entry_text(tree.get(path)) for _, tree in there)] for path in paths]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
