"""The report of a night: what changed since the baseline, and past nights as pictures with words beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.compare.changes import Change, Changes, Pairing, What
from harness.profile import Profile
from harness.report.html import page_of, render
from harness.report.load import load
from harness.report.night import MOST, PARAGRAPHS, SHOWN, NightWords, night_words, strip
from harness.runs.accounts import Subject
from harness.runs.history import KEPT, State
from tests.factory import FakeCell, make_run, scenario
from tests.report.pages import Page, hostile_run, nights_of, parse, usual_run

SUBJECT = Subject("fuse-overlayfs", "ghost-marker", "root")
CHANGED = Changes(
    (Change(What.CHANGED, SUBJECT, "1.14", "1.14", ("mark upper a/x encoding=device",), ("WL101 upper a",)),),
    (Pairing("fuse-overlayfs", "1.14", "1.10"),),
    same=9,
)
SAME = Changes(same=10)


def html_of(run: Path, night: NightWords | None) -> str:
    return page_of(load([run]), night)


def the_section(html: str) -> Page:
    start = html.index('<section class="night"')
    return parse(html[start : html.index("</section>", start)])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return usual_run(tmp_path / "run")


def test_without_a_night_nothing_of_it_is_on_the_page(run: Path) -> None:
    html = render([run])
    assert html == html_of(run, None)
    assert "night" not in html
    assert "<svg" not in html


def test_what_changed_stands_first_in_the_words_of_the_other_files(run: Path) -> None:
    html = html_of(run, night_words(CHANGED))
    section = the_section(html)
    assert html.index('class="night"') < html.index("What was found")
    for words in (
        "1 changed, 9 the same", "fuse-overlayfs 1.14 is new here, and compared with 1.10", "changed: fuse-overlayfs 1.14 (root)",
        "+ mark device at a/x", "- WL101 marker-of-a-marker at upper: a",
    ):  # fmt: skip
        assert words in section.text
    assert section.hrefs == ["#ghost-marker"]
    assert set(section.hrefs) <= {f"#{one}" for one in parse(html).ids}


def test_nothing_changed_is_one_line_and_nothing_compared_another(run: Path) -> None:
    words = [" ".join(the_section(html_of(run, night_words(found))).text.split()) for found in (SAME, Changes())]
    assert words == [
        "What changed since the baseline ✓ Nothing: 10 cells gave what the baseline says.",
        "What changed since the baseline Nothing was compared: there is no baseline of these cells.",
    ]


def test_a_scenario_that_has_no_section_is_no_link(run: Path) -> None:
    gone = Change(What.MISSING, Subject("kernel", "away", "root"), "6.1", "6.1", reason="<b>it is not in the plan</b>")
    section = the_section(html_of(run, night_words(Changes((gone,)))))
    assert section.hrefs == []
    assert "<b>it is not in the plan</b>" in section.text


def test_what_is_too_much_is_cut_and_counted(run: Path) -> None:
    many = tuple(
        Change(What.CHANGED, SUBJECT, f"1.{number}", come=tuple(f"mark upper {number}/{line} encoding=device" for line in range(200)))
        for number in range(PARAGRAPHS + 60)
    )  # fmt: skip
    html = html_of(run, night_words(Changes(many)))
    text = the_section(html).text
    assert "60 more paragraphs left out to keep this page small: changes.html beside it has them all." in text
    assert "and 170 more: changes.html has them" in text
    assert len(html) - len(html_of(run, None)) < 200_000


def test_past_nights_stand_beside_scenarios_and_defects_in_words_and_pictures(run: Path) -> None:
    html = html_of(run, night_words(SAME, nights_of(run, ghost_marker=State.PASSED)))
    page = parse(html)
    assert (
        "not as expected since 2026-01-01 (2 nights), passed before" in page.text
    )  # of ghost-marker, which is not folded
    assert re.search(r'<summary><h2 id="named">.*?as in the 2 nights before', html, re.DOTALL) is not None
    rows = re.findall(r'<tr id="_defect\..*?</tr>', html, re.DOTALL)
    assert any("shows on all 2 tools, as in the 2 nights before" in row and "<svg" in row for row in rows)
    assert page.count("svg") == 4, "two scenarios, two defects"
    assert "k known findings alone" in the_section(html).text


@pytest.mark.parametrize("number", [0, 1])
def test_of_one_night_there_is_no_strip(run: Path, number: int) -> None:
    html = html_of(run, night_words(SAME, nights_of(run, number) if number else []))
    assert "<svg" not in html
    assert "Beside scenarios" not in html


def test_a_strip_tells_each_night_by_a_letter_and_by_a_title_too() -> None:
    row = [State.PASSED, State.PASSED, None, State.KNOWN, State.NEW]
    drawn = strip(row, [f"2026-11-{day:02}" for day in range(1, 6)])
    page = parse(str(drawn))
    titles = re.findall(r"<title>(.*?)</title>", str(drawn))
    assert titles == [
        "2026-11-01 to 2026-11-02 (2 nights): passed",
        "2026-11-04: known findings alone",
        "2026-11-05: not as expected",
    ]
    assert re.findall(r'<text x="([\d ]+)" y="9">(.*?)</text>', str(drawn)) == [("42", "k"), ("54", "N")]
    assert page.text.endswith("not as expected in this night, known findings alone before")


def test_a_defect_tells_on_how_many_tools_it_shows() -> None:
    drawn = str(strip([(0, 3), (9, 12), (12, 12), (100, 100)], ["2026-11-01"] * 4))
    assert re.findall(r'<text x="(\d+)" y="9">(.*?)</text>', drawn) == [("18", "9"), ("30", "12"), ("42", "+")]
    assert re.findall(r'<g class="n-(\w+)">', drawn) == ["passed", "known", "known", "known"]


def test_a_strip_shows_the_last_nights_and_its_words_tell_of_all() -> None:
    drawn = strip([State.PASSED] * KEPT, ["2026-11-01"] * KEPT)
    assert f'viewBox="0 0 {12 * SHOWN} 12"' in drawn
    assert f"passed, as in the {KEPT - 1} nights before" in drawn


def test_where_each_night_is_another_the_strips_are_short_and_say_so(run: Path) -> None:
    last = nights_of(run)[-1]
    names = [f"scenario-{number}" for number in range(170)]
    nights = [
        replace(last, run=str(number), scenarios=dict.fromkeys(names, list(State)[number % 2])) for number in range(30)
    ]
    told = night_words(SAME, nights)
    assert sum(map(len, told.scenarios.values())) < MOST
    assert all(
        strip.count("<g ") == 8 and "it changed 29 times in 30 nights" in strip for strip in told.scenarios.values()
    )
    assert told.legend.endswith("The last 8 nights alone, to keep this page small: there was much change.")
    assert night_words(SAME, nights_of(run)).legend.endswith("shows.")


def test_strips_of_hostile_scenarios_are_inert(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "hostile")
    evil = "</title><script>document.title='owned'</script>"
    found = Changes(
        (Change(What.BROKEN, Subject(evil, evil, "root"), evil, evil, reason=evil),), (Pairing(evil, evil, evil),)
    )
    plain, page = parse(html_of(run, None)), parse(html_of(run, night_words(found, nights_of(run))))
    assert page.count("script") == plain.count("script") == 1
    assert page.count("svg") > 0
    assert page.count("title") == plain.count("title") + sum(
        "n-" in (values.get("class") or "") for tag, values in page.tags if tag == "g"
    )
    assert len(page.ids) == len(set(page.ids))


def test_strips_of_a_full_matrix_leave_the_page_below_five_megabytes(tmp_path: Path) -> None:
    cells = [
        FakeCell(version=version, profile=profile, scenario=scenario(f"s{number:02}"))
        for number in range(50)
        for version in ("1.4", "1.8", "1.10", "1.13", "1.14", "1.15", "1.16", "2.0.0", "2.0.1", "2.1.0")
        for profile in Profile
    ]
    run = make_run(tmp_path / "run", cells)
    loaded = load([run])
    plain, html = page_of(loaded), page_of(loaded, night_words(SAME, nights_of(run, 30)))
    assert len(html.encode()) < 5_000_000
    assert html.count("<svg") == 50
    assert len(html) - len(plain) < 4_000 + 50 * 600
