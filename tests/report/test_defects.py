"""The table of defects on the page, and what stands above it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from harness.report.html import render
from harness.runs.results import read_results, write_results
from tests.defects import known
from tests.entries import folder, gone
from tests.factory import GHOST_UPPER, PLAIN_UPPER, FakeCell, make_run, scenario
from tests.report.pages import parse

LINK = "https://github.com/o/n/issues/7"
GHOST = known("WL101", "ghost", LINK, versions=("<1.15",))
LITTER = msgspec.structs.replace(known("WL106", "litter"), name="litter", seen="2026-11-24")
QUIET = msgspec.structs.replace(known("WL201", "quiet", versions=(">=2",)), name="quiet")
HERE = (GHOST, LITTER, QUIET)


def make(tmp_path: Path, *cells: FakeCell, given: str = "") -> str:
    run = make_run(tmp_path / "run", cells)
    results = read_results(run)
    tools = {
        cell.id: msgspec.structs.replace(cell.tool, origin="given") if cell.tool.version == given else cell.tool
        for cell in results.cells
    }
    some = tuple(msgspec.structs.replace(cell, tool=tools[cell.id]) for cell in results.cells)
    write_results(msgspec.structs.replace(results, cells=some), run)
    return render([run])


def row(html: str, name: str) -> str:
    return html.partition(f'<tr id="_defect.{name}"')[2].partition("</tr>")[0]


def test_a_row_has_title_effect_fields_boundary_links_and_witnesses(tmp_path: Path) -> None:
    html = make(tmp_path, FakeCell(version="1.4", known=HERE), FakeCell(version="1.15", known=HERE, upper=PLAIN_UPPER))
    page = parse("<table><tr>" + row(html, "fuse-overlayfs-wl101-_3c1.15-ghost"))
    for words in (GHOST.title, "the view is wrong", "fuse-overlayfs 1.4 shows it; fuse-overlayfs 1.15 does not.",
                  "Versions, as known: before 1.15.", "do otherwise", GHOST.cause):  # fmt: skip
        assert words in page.text
    assert LINK in page.hrefs
    assert {"#ghost-marker", "#ghost-marker.fuse-overlayfs-1.4-root", "#ghost-marker.fuse-overlayfs-1.15-root"} <= set(
        page.hrefs
    )
    assert [values.get("class") for tag, values in page.tags if tag == "td"] == ["known", "passed", "about"]
    assert "seen by this project, not reported when written (2026-11-24)" in parse(row(html, "litter")).text


def test_what_nothing_shows_is_folded_and_there(tmp_path: Path) -> None:
    html = make(tmp_path, FakeCell(known=HERE))
    assert "1 defect of fuse-overlayfs that no version here shows" in html.partition('id="_defect.quiet"')[0]
    assert row(html, "quiet")


def test_sentences_and_findings_that_name_a_defect_lead_to_it(tmp_path: Path) -> None:
    html = make(tmp_path, FakeCell(known=HERE))
    first = html.partition("Which defects each version has</h2>")[0]
    section = html.partition('<section class="scenario')[2]
    for part in (first, section):
        assert '<a href="#_defect.fuse-overlayfs-wl101-_3c1.15-ghost">' in part
    page = parse(html)
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)


def test_of_what_is_known_each_defect_is_said_once_before_one_is_said_again(tmp_path: Path) -> None:
    """The founding case stands above; what else is said of a defect stands after the first of every other one."""
    needless = known("WL106", "needless", LINK)
    ghosts = (*GHOST_UPPER, folder(b"b", trusted_overlay_opaque=b"y"), gone(b"b/.wh..opq"))
    some = (
        FakeCell(version="1.4", known=(GHOST, needless), upper=ghosts),
        FakeCell(version="1.14", known=(GHOST, needless)),
    )
    html = make(tmp_path, *some)
    known_already = html.partition("Known already</h3>")[2].partition("</section>")[0]
    said = [part.partition(">")[2].partition("<")[0] for part in known_already.split('href="#_defect.')[1:]]
    first = list(dict.fromkeys(said))
    assert len(said) > len(first) == 2
    assert said[: len(first)] == first


def test_news_stand_first_then_the_founding_case_then_the_table(tmp_path: Path) -> None:
    news = scenario("other")
    html = make(
        tmp_path, FakeCell(known=HERE), FakeCell(version="1.16", known=HERE), FakeCell(version="1.14", scenario=news)
    )
    text = parse(html).text
    places = [
        text.index(words)
        for words in (
            "2 things that no defect explains, 1 defect that is back",
            "known: fuse-overlayfs",
            "Which defects each version has",
        )
    ]
    assert places == sorted(places)


def test_what_a_given_program_mends_is_green_and_no_alarm(tmp_path: Path) -> None:
    cells = (FakeCell(version="1.13", known=HERE), FakeCell(version="1.14", known=HERE, upper=PLAIN_UPPER))
    by_user, by_debian = make(tmp_path / "a", *cells, given="1.14"), make(tmp_path / "b", *cells)
    assert '<div class="panel good">' in by_user
    assert "<b>fuse-overlayfs 1.14</b>, beside fuse-overlayfs 1.13:" in by_user
    assert '<td class="fixed good"' in by_user.partition('<table class="grid')[2]
    assert '<td class="fixed good"' in row(by_user, "litter")
    assert "panel good" not in by_debian
    assert "fixed good" not in by_debian.partition("</style>")[2]
    assert by_user.index("no longer shows") < by_user.index("Which defects each version has")


@pytest.mark.parametrize(("upper", "folded"), [(FakeCell.upper, True), (PLAIN_UPPER, False)])
def test_scenarios_that_are_not_as_expected_come_first_and_are_not_folded(
    upper: tuple[object, ...], folded: bool, tmp_path: Path
) -> None:
    html = make(tmp_path, FakeCell(known=HERE), FakeCell(known=HERE, scenario=scenario("named"), upper=upper))  # type: ignore[arg-type]
    order = re.findall(r'<section class="scenario [^"]*"[^>]*data-scenario="([^"]*)"', html)
    assert order == (["ghost-marker", "named"] if folded else ["named", "ghost-marker"])
    assert re.findall(r'<tr data-scenario="([^"]*)"', html) == order
    assert html.count('<details class="body">') == (2 if folded else 1)


def test_a_run_without_defects_has_no_table(tmp_path: Path) -> None:
    assert "_defects" not in parse(make(tmp_path, FakeCell())).ids


def test_hostile_words_of_a_defect_are_inert(tmp_path: Path) -> None:
    evil = "<script>document.title='owned'</script>"
    one = msgspec.structs.replace(known("WL101", evil, "javascript:alert(1)"), title=evil, remedy=evil, cause=evil)
    html = make(tmp_path, FakeCell(known=(one,)))
    page = parse(html)
    assert page.count("script") == 1
    assert evil in page.text
    assert all(href.startswith(("#", "https://")) for href in page.hrefs)
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)
