"""What readings show, on a page and on a terminal."""

from __future__ import annotations

from harness.cli.news import reading_lines
from harness.evidence.recording import ToolRecord
from harness.judge.facts.view import How, Lost, Resurrected
from harness.judge.findings import Finding
from harness.places import READ
from harness.profile import Profile
from harness.readings.results import SCHEMA, Came, Field, GivenRecord, Readings, Source, TakerRecord
from harness.report.readings import readings_page

ALWAYS = Finding(
    "WL201", "a", READ, "a is back", facts=Resurrected(kind="file", found=How.LISTED, inside=0), times=3, of=3
)
ONCE = Finding("WL202", "b", READ, "b is lost", facts=Lost(kind="file", inside=0), times=1, of=3)
TOOL = ToolRecord("kernel", "6", program="kernel", called="kernel", title="kernel")


def readings(*surprises: Finding) -> Readings:
    field = Field("k", "kernel-lower", Came.SAME, surprises=surprises)
    taker = TakerRecord("kernel-lower", TOOL, Profile.ROOT, "lower")
    return Readings(SCHEMA, (taker,), (GivenRecord("k", "s", Source.TRUTH, 2),), (field,))


def test_what_came_once_alone_is_told_and_fails_nothing() -> None:
    once = readings(ONCE)
    page = readings_page(once, {})
    assert page is not None
    assert [(one.message, one.often) for one in page.new] == [("b is lost", "1 of 3 times")]
    assert "1 now that one, and now another" in page.documented
    lines = [f"{mark}{words}" for words, (_, mark) in reading_lines(once)]
    assert lines[0] == "~ s: WL202 b is lost (kernel-lower), 1 of 3 times: not for its layers alone"
    assert "0 new" in lines[-1]
    assert once.outcomes == set()


def test_what_comes_each_time_is_new() -> None:
    both = readings(ALWAYS, ONCE)
    page = readings_page(both, {})
    assert page is not None
    assert [(one.message, one.often) for one in page.new] == [("a is back", ""), ("b is lost", "1 of 3 times")]
    assert "1 another one that nobody has named" in page.documented
    assert "now that one" not in page.documented
    lines = [f"{mark}{words}" for words, (_, mark) in reading_lines(both)]
    assert [line.split()[0] for line in lines[:2]] == ["~", "✗"]
    assert "1 new" in lines[-1]
