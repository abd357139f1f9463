"""JUnit XML: what Surefire's schema allows, names inert, a flaky cell marked its way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from junit2htmlreport.parser import Junit
from junitparser import Error, Failure, Skipped
from junitparser.xunit2 import JUnitXml

from harness.compare.changes import Change, Changes, What, changes
from harness.report.junit import junit
from harness.runs.accounts import Account, Accounts, Subject, accounts
from harness.runs.results import Results, read_results
from tests.defects import known
from tests.entries import folder, gone
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario
from tests.report.pages import parse

Rule = tuple[dict[str, tuple[int, int]], set[str], set[str]]

# What Maven Surefire's schema asks for (surefire-test-report-3.0.xsd and its successor: what both allow), in words of our own: of
# each element its children in their order, with how often each may stand there; its attributes that must and that may be there.
MANY = 1 << 30
INTERIM = ({"stackTrace": (1, 1), "system-out": (0, 1), "system-err": (0, 1)}, {"type"}, {"message"})
RESULT: Rule = ({}, {"type"}, {"message"})
TEXT: Rule = ({}, set(), set())
SCHEMA: dict[str, Rule] = {
    "testsuite": (
        {"properties": (0, MANY), "testcase": (0, MANY)},
        {"name", "tests", "errors", "skipped", "failures"}, {"version", "time", "group"},
    ),
    "properties": ({"property": (0, MANY)}, set(), set()),
    "property": ({}, {"name", "value"}, set()),
    "testcase": (
        {
            "failure": (0, MANY), "rerunFailure": (0, MANY), "flakyFailure": (0, MANY), "skipped": (0, 1), "error": (0, 1),
            "rerunError": (0, MANY), "flakyError": (0, MANY), "system-out": (0, 1), "system-err": (0, 1),
        },
        {"name", "time"}, {"classname", "group"},
    ),
    "failure": RESULT, "error": RESULT, "skipped": ({}, set(), {"message"}), "flakyFailure": INTERIM, "rerunFailure": INTERIM,
    "flakyError": INTERIM, "rerunError": INTERIM, "stackTrace": TEXT, "system-out": TEXT, "system-err": TEXT,
}  # fmt: skip
TIME = re.compile(r"\d+\.\d{3}")
GOOD = FakeCell(upper=PLAIN_UPPER)
NEW = FakeCell(version="1.10")
BROKEN = FakeCell(version="1.4", broken="no loop \x1b device")
SKIPPED = FakeCell(tool="kernel", skipped="no world")
SUBJECT = Subject("fuse-overlayfs", "ghost-marker", "root")


def run_of(tmp_path: Path, *cells: FakeCell) -> Results:
    return read_results(make_run(tmp_path / "run", cells, environment={"os": "Debian <12>"}))


def broken_rules(element: ET.Element) -> list[str]:
    """What of the schema does not hold for an element, or for one below it."""
    children, needed, allowed = SCHEMA[element.tag]
    tags = [one.tag for one in element]
    found = [f"{element.tag} has no {name}" for name in needed - set(element.attrib)]
    found += [f"{element.tag} has {name}" for name in set(element.attrib) - needed - allowed]
    found += [f"{tag} in {element.tag}" for tag in tags if tag not in children]
    if tags != sorted(tags, key=[*children, *tags].index):
        found.append(f"{tags} in this order")
    for tag, (least, most) in children.items():
        if not least <= tags.count(tag) <= most:
            found.append(f"{tags.count(tag)} {tag} in {element.tag}")
    if children and (element.text or "").strip():
        found.append(f"text in {element.tag}")
    if not TIME.fullmatch(element.get("time", "0.000")):
        found.append(f"time {element.get('time')}")
    return found + [problem for one in element if one.tag in SCHEMA for problem in broken_rules(one)]


def check(raw: bytes) -> ET.Element:
    """The suite, where all is as the schema has it."""
    suite = ET.fromstring(raw)
    assert suite.tag == "testsuite"
    assert broken_rules(suite) == []
    for tag, number in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[number]) == sum(case.find(tag) is not None for case in suite.iter("testcase")), tag
    assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
    return suite


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (' type="finding"', "", "failure has no type"),
        ("<properties>", "<properties/><testcase name='x' time='0.000'/><properties>", "in this order"),
        ('time="0.050"', 'time="1e-3"', "time 1e-3"),
        ("<skipped ", "<skipped/><skipped ", "2 skipped in testcase"),
        ("<error ", "<flakyFailure type='x'/><error ", "0 stackTrace in flakyFailure"),
        ('errors="1"', "", "testsuite has no errors"),
        ("<skipped ", "<skipped reason='x' ", "skipped has reason"),
    ],
)
def test_the_rules_of_the_schema_are_told_where_they_are_broken(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    raw = junit(run_of(tmp_path, GOOD, NEW, BROKEN, SKIPPED)).decode()
    assert old in raw
    assert problem in " ".join(broken_rules(ET.fromstring(raw.replace(old, new, 1))))


def cases(suite: ET.Element) -> dict[str, list[str]]:
    return {case.attrib["name"]: [one.tag for one in case] for case in suite.iter("testcase")}


def test_the_four_outcomes(tmp_path: Path) -> None:
    suite = check(junit(run_of(tmp_path, GOOD, NEW, BROKEN, SKIPPED)))
    assert cases(suite) == {
        "ghost-marker[fuse-overlayfs-1.14-root]": [],
        "ghost-marker[fuse-overlayfs-1.10-root]": ["failure"],
        "ghost-marker[fuse-overlayfs-1.4-root]": ["error"],
        "ghost-marker[kernel-1.14-root]": ["skipped"],
    }
    error = next(suite.iter("error"))
    assert error.attrib["message"] == r"no loop \x1b device"
    assert "WL101" in (next(suite.iter("failure")).text or "")


def test_what_is_known_and_changed_fails_and_what_is_flaky_passes(tmp_path: Path) -> None:
    here = (known("WL101"), known("WL106"))
    results = run_of(tmp_path, FakeCell(known=here), FakeCell(version="1.15", known=here))
    now = accounts(results.cells)
    subject = SUBJECT
    before = Accounts({subject: {version: Account(one.outcome) for version, one in now.of[subject].items()}})
    found = changes(before, now)
    assert cases(check(junit(results, found))) == {
        "ghost-marker[fuse-overlayfs-1.14-root]": ["failure"],
        "ghost-marker[fuse-overlayfs-1.15-root]": ["failure"],
    }
    flaky = Changes((Change(What.FLAKY, subject, "1.14", "1.14", ("WL101 upper x",), (), "", 1, 3),))
    suite = check(junit(results, flaky))
    assert cases(suite)["ghost-marker[fuse-overlayfs-1.14-root]"] == ["flakyFailure"]
    assert "1 of 3 runs were as before" in next(suite.iter("flakyFailure")).attrib["message"]


def test_a_cell_that_is_not_in_the_plan_any_more_is_a_case_of_its_own(tmp_path: Path) -> None:
    results = run_of(tmp_path, GOOD)
    gone = Change(
        What.MISSING, Subject("fuse-overlayfs", "gone", "user"), "1.14", "1.14", reason="it is not in this run"
    )
    suite = check(junit(results, Changes((gone,))))
    assert cases(suite)["gone[fuse-overlayfs-1.14-user]"] == ["failure"]
    assert next(suite.iter("failure")).text == "it is not in this run"


EVIL = "a]]>\x00\x1b[31m\ud800<script>&\u2028\ufffe"


def everything(tmp_path: Path) -> Path:
    """A file with each kind of result, and names that hurt in each place where a name can stand."""
    evil = EVIL.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    hostile = FakeCell(version="1.8", upper=[folder(b"a"), gone(b"a/.wh.]]>&<b>\x00\x1b\xff\n")])
    results = run_of(
        tmp_path, GOOD, NEW, FakeCell(version="1.4", broken=evil), FakeCell(tool="kernel", skipped=evil), hostile
    )
    flaky = Change(
        What.FLAKY,
        SUBJECT,
        "1.14",
        "1.14",
        ("mark upper " + quote(r"a\x00\x1b\xff<b>") + " encoding=device",),
        (),
        "",
        1,
        3,
    )
    missing = Change(What.MISSING, Subject("fuse-overlayfs", "gone", "user"), "1.14", "1.14", reason=evil)
    file = tmp_path / "junit.xml"
    file.write_bytes(junit(results, Changes((flaky, missing))))
    check(file.read_bytes())
    return file


def test_a_reader_that_knows_flaky_cells_reads_it_back(tmp_path: Path) -> None:
    read: Any = JUnitXml.fromfile(str(everything(tmp_path)))  # its own types say another class
    (suite,) = read
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 3, 1, 1)
    by_name = {case.name: case for case in suite}
    kinds = {name.partition("[")[2]: [type(one) for one in case.result] for name, case in by_name.items()}
    assert kinds == {
        "fuse-overlayfs-1.14-root]": [], "fuse-overlayfs-1.10-root]": [Failure], "fuse-overlayfs-1.4-root]": [Error],
        "kernel-1.14-root]": [Skipped], "fuse-overlayfs-1.8-root]": [Failure], "fuse-overlayfs-1.14-user]": [Failure],
    }  # fmt: skip
    (flaky,) = [case for case in suite if case.is_flaky]
    (told,) = flaky.flaky_failures()
    assert flaky.name == "ghost-marker[fuse-overlayfs-1.14-root]"
    assert told.stack_trace == r"+ mark device at a\x00\x1b\xff<b>"
    suite.update_statistics()  # counted by the reader itself: a flaky cell passed
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (6, 3, 1, 1)


def test_a_reader_that_makes_a_page_of_it_reads_it_back(tmp_path: Path) -> None:
    report = Junit(str(everything(tmp_path)))
    (suite,) = report.suites
    outcomes = {case.name.partition("[")[2]: str(case.outcome()) for case in suite.all()}
    assert outcomes == {
        "fuse-overlayfs-1.14-root]": "passed", "fuse-overlayfs-1.10-root]": "failed", "fuse-overlayfs-1.4-root]": "failed",
        "kernel-1.14-root]": "skipped", "fuse-overlayfs-1.8-root]": "failed", "fuse-overlayfs-1.14-user]": "failed",
    }  # fmt: skip
    page = parse(report.html())
    assert r"a]]>\x00\x1b[31m" in page.text
    assert r"\xff" in page.text
    assert "<script>&" in page.text, "a name, and no element"


def test_what_is_new_and_otherwise_is_one_failure(tmp_path: Path) -> None:
    changed = Changes((Change(What.CHANGED, SUBJECT, "1.10", "1.10", ("mark upper x encoding=device",)),))
    suite = check(junit(run_of(tmp_path, NEW), changed))
    (failure,) = suite.iter("failure")
    assert "WL101" in (failure.text or "")
    assert "+ mark device at x" in (failure.text or "")


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    cell = FakeCell(
        version="1.4", broken=EVIL.encode("utf-8", "surrogatepass").decode("utf-8", "replace"), scenario=scenario("x")
    )
    suite = check(junit(run_of(tmp_path, cell)))
    assert r"\x00\x1b[31m" in next(suite.iter("error")).attrib["message"]
