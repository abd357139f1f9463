"""JUnit XML: what Surefire's schema allows, names inert, a flaky cell marked its way."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.compare.changes import Change, Changes, What, changes
from harness.report.junit import junit
from harness.runs.accounts import Account, Accounts, Subject, accounts
from harness.runs.results import Results, read_results
from tests.defects import known
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

# The order and the attributes that surefire-test-report.xsd asks for.
CHILDREN = (
    "failure",
    "rerunFailure",
    "flakyFailure",
    "skipped",
    "error",
    "rerunError",
    "flakyError",
    "system-out",
    "system-err",
)
NEEDED = {
    "testsuite": {"name", "time", "tests", "errors", "skipped", "failures"}, "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"}, "error": {"type", "message"}, "flakyFailure": {"type", "message"}, "skipped": {"message"},
    "property": {"name", "value"},
}  # fmt: skip
GOOD = FakeCell(upper=PLAIN_UPPER)
NEW = FakeCell(version="1.10")
BROKEN = FakeCell(version="1.4", broken="no loop \x1b device")
SKIPPED = FakeCell(tool="kernel", skipped="no world")


def run_of(tmp_path: Path, *cells: FakeCell) -> Results:
    return read_results(make_run(tmp_path / "run", cells, environment={"os": "Debian <12>"}))


def check(raw: bytes) -> ET.Element:
    """The suite, where all is as the schema has it."""
    suite = ET.fromstring(raw)
    assert suite.tag == "testsuite"
    assert [one.tag for one in suite][:1] == ["properties"]
    for one in suite.iter():
        assert set(one.attrib) == NEEDED.get(one.tag, set()), one.tag
    for case in suite.iter("testcase"):
        tags = [one.tag for one in case]
        assert tags == sorted(tags, key=CHILDREN.index)
        assert re.fullmatch(r"\d+\.\d{3}", case.attrib["time"])
        assert tags.count("skipped") + tags.count("error") <= 1
        for flaky in case.iter("flakyFailure"):
            assert [one.tag for one in flaky] == ["stackTrace"]
    for tag, number in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(suite.attrib[number]) == sum(case.find(tag) is not None for case in suite.iter("testcase")), tag
    assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
    return suite


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
    subject = Subject("fuse-overlayfs", "ghost-marker", "root")
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


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    evil = "a]]>\x00\x1b[31m\ud800<script>&"
    cell = FakeCell(
        version="1.4", broken=evil.encode("utf-8", "surrogatepass").decode("utf-8", "replace"), scenario=scenario("x")
    )
    suite = check(junit(run_of(tmp_path, cell)))
    assert r"\x00\x1b[31m" in next(suite.iter("error")).attrib["message"]
