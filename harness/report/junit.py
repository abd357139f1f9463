"""A run as JUnit XML, in the form of Maven Surefire's schema: what CI servers read. Pure.

A cell is a test case, its scenario the class. What is new or changed is a *failure*, broken machinery an *error*, a cell that gave the one
result and the other a *flakyFailure*, which Surefire counts as passed. Names are inert: what XML 1.0 cannot hold stands escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

from harness.compare.change_words import Paragraph, paragraphs
from harness.compare.changes import Changes, What
from harness.judge.findings import Outcome
from harness.judge.verdict_text import finding_lines
from harness.names import printable
from harness.runs.results import CellResult, Results

SUITE = "whiteout-lab"


def junit(results: Results, found: Changes | None = None) -> bytes:
    """The XML. *found*: what changed against a baseline, where the run was compared with one."""
    found = found or Changes()
    changed = {one.cell: paragraphs(replace(found, changes=(one,)))[0] for one in found.changes}
    cells = [cell for cell in results.cells if not cell.excluded]
    there = {cell.id for cell in cells}
    suite = ET.Element("testsuite", name=SUITE)
    properties = ET.SubElement(suite, "properties")
    for name, value in {"run": results.run.id, "kernel": results.run.kernel, **results.run.environment}.items():
        ET.SubElement(properties, "property", name=printable(name), value=printable(str(value)))
    numbers = dict.fromkeys(("failures", "errors", "skipped"), 0)
    for cell in cells:
        kind = _case(suite, cell, changed.get(cell.id))
        if kind:
            numbers[kind] += 1
    for id_, told in changed.items():  # cells that are not in the plan any more have no result
        if told.what is What.MISSING and id_ not in there:
            _failure(ET.SubElement(suite, "testcase", name=id_, classname=told.scenarios[0], time="0.000"), told)
            numbers["failures"] += 1
    suite.set("time", f"{results.run.seconds:.3f}")
    suite.set("tests", str(len(suite) - 1))
    for name, number in numbers.items():
        suite.set(name, str(number))
    ET.indent(suite)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode").encode() + b"\n"


def _case(suite: ET.Element, cell: CellResult, told: Paragraph | None) -> str:
    """One test case; returns what it counts as."""
    case = ET.SubElement(suite, "testcase", name=cell.id, classname=cell.scenario, time=f"{cell.seconds:.3f}")
    if cell.outcome is Outcome.SKIPPED:
        ET.SubElement(case, "skipped", message=printable(f"{cell.reason}; {cell.remedy}".rstrip("; ")))
        return "skipped"
    if cell.outcome is Outcome.BROKEN:
        ET.SubElement(case, "error", type="broken", message=printable(cell.reason)).text = printable(cell.reason)
        return "errors"
    if told is not None and told.what is What.FLAKY and cell.outcome is Outcome.PASSED:
        flaky = ET.SubElement(case, "flakyFailure", type=told.what.value, message=printable(told.head))
        ET.SubElement(flaky, "stackTrace").text = printable("\n".join(told.lines))
        return ""
    if cell.outcome is Outcome.FINDING:
        lines = [line for finding in cell.new for line in finding_lines(finding)]
        lines += [f"  the defect {one.defect} ({one.title}) must show here and does not" for one in cell.missing]
        lines += [told.head, *told.lines] if told is not None and told.what is What.CHANGED else []
        ET.SubElement(case, "failure", type="finding", message=printable(cell.reason)).text = _text(lines)
        return "failures"  # in one element: of two, some readers show the last alone
    if told is not None and told.what is What.CHANGED:
        _failure(case, told)
        return "failures"
    return ""


def _failure(case: ET.Element, told: Paragraph) -> None:
    failure = ET.SubElement(case, "failure", type=told.what.value, message=printable(told.head))
    failure.text = _text([*told.lines, *([told.reason] if told.reason else [])])


def _text(lines: Sequence[str]) -> str:
    return printable("\n".join(lines))
