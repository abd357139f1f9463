"""A scenario's section: what it says in words is what its findings say."""

from __future__ import annotations

from pathlib import Path

from harness.report.html import write_report
from harness.report.load import load
from harness.report.scenario import Section, section
from tests.entries import file, folder
from tests.factory import GHOST_ORACLE, PLAIN_UPPER, FakeCell, make_run
from tests.report.pages import parse

RIGHT = "In every cell that ran, users see what they should, before and after a remount."
PRIVATE = (file(b"a/f", b"old"), folder(b"a/new", trusted_overlay_origin=b"x"))  # noise to a table, and shown to users


def of(tmp_path: Path, *cells: FakeCell) -> Section:
    return section("ghost-marker", load([make_run(tmp_path / "run", cells)]).cells)


def test_users_see_what_they_should_where_no_finding_says_otherwise(tmp_path: Path) -> None:
    made = of(tmp_path, FakeCell(), FakeCell("kernel", "6.18", upper=PLAIN_UPPER))
    assert (made.views_same, made.views) == (RIGHT, None)


def test_what_tables_take_for_noise_is_still_what_users_see(tmp_path: Path) -> None:
    made = of(tmp_path, FakeCell(view=PRIVATE), FakeCell("kernel", "6.18", upper=PLAIN_UPPER))
    assert "WL204" in made.codes
    assert made.views_same == "Users see what they should with kernel 6.18."
    assert made.views is not None


def test_who_could_not_look_does_not_see_what_it_should(tmp_path: Path) -> None:
    made = of(tmp_path, FakeCell(refused="wrong fs type"), FakeCell("kernel", "6.18", upper=PLAIN_UPPER))
    assert made.views_same == "Users see what they should with kernel 6.18."


def test_what_follows_from_a_finding_stands_below_it(tmp_path: Path) -> None:
    seen = (file(b"a/f", b"old"),)
    made = of(tmp_path, FakeCell(upper=(folder(b"a"),), view=seen, failed="mkdir: <marquee>: Invalid argument"))
    (row,) = made.findings
    assert (row.code, row.new) == ("WL207", True)
    assert [one.partition(":")[0] for one in row.below] == ["WL202 at view", "WL202 at remount"]
    assert made.views_same == ""  # and it still is what users see
    write_report(tmp_path / "run", tmp_path / "report.html")
    page = parse((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "2 that follow from it" in page.text
    assert "WL202 at remount: a/new must be there and is not: a dir" in page.text
    assert "marquee" not in {tag for tag, _ in page.tags}


def test_a_refusal_is_shown_in_its_words(tmp_path: Path) -> None:
    made = of(tmp_path, FakeCell(refused="wrong fs type", oracle=GHOST_ORACLE))
    assert [one.code for one in made.findings] == ["WL209"]
    assert "wrong fs type" in made.cells[0].ended
