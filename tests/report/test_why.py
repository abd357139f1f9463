"""How marks came to be, on the page and in the text of a bug report."""

from __future__ import annotations

from pathlib import Path

from harness.compare.words import Column
from harness.diagnose.told import SCHEMA, Seen, Story, What, Why, story_lines, write_why
from harness.evidence.recording import read
from harness.report.html import page_of
from harness.report.issue import Case, Issue, issue_text
from harness.report.load import load
from harness.report.projects import PROJECTS
from harness.report.why import why_section
from harness.runs.results import read_results
from tests.defects import known
from tests.factory import FakeCell, make_run


def story(path: str = "a/new/.wh..opq", number: int = 4, *codes: str, seen: Seen = Seen.CALLS) -> Story:
    made = (f'mkdirat(work/work, "{number}", 0755) = 0', 'renameat(work/work, "4", upper, "a/new") = 0')
    return Story(
        path, What.MARKER, "a device", seen, f"Made by {number}.", 0, "step 1, mkdir a/new", "MKDIR a/new", number, ("read",), made, codes
    )  # fmt: skip


def column(program: str, version: str) -> Column:
    return Column(program, program, version, "root", version)


def why(*stories: Story) -> Why:
    return Why(SCHEMA, "c", "strace 6.1", stories)


def test_cells_that_tell_it_alike_but_for_numbers_share_a_row() -> None:
    one, two, other = (column("fuse", version) for version in ("1", "2", "3"))
    section = why_section(
        [(one, why(story(number=4))), (two, why(story(number=17))), (other, why(story(seen=Seen.STEPS)))]
    )
    assert section is not None
    assert [row.who for row in section.rows] == ["fuse 1, 2", "fuse 3"]
    assert section.about == "Run once more under strace 6.1: fuse 1, 2, 3."


def test_where_something_is_found_comes_first_and_litter_stays_away() -> None:
    litter = Story("work/work", What.LITTER, "left", Seen.CALLS, "Made.")
    section = why_section([(column("fuse", "1"), why(litter, story("z"), story("y", 4, "WL101 (known)")))])
    assert section is not None
    assert [(row.path, row.codes) for row in section.rows] == [("y", ("WL101",)), ("z", ())]
    assert why_section([(column("fuse", "1"), why(litter))]) is None
    assert why_section([]) is None


def test_rows_are_named_once() -> None:
    assert [name for name, _ in story_lines(story())] == ["step", "request", "read", "made", ""]
    assert [name for name, _ in story_lines(story(seen=Seen.NAMES))][-2:] == ["asked", ""]


def test_the_page_and_the_text_tell_it_and_names_are_inert(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    (result,) = read_results(run).cells
    evil = "<script>alert(1)</script>\\x1b[31m```@all"
    told = why(story(evil, 4, "WL101"))
    write_why(told, run / result.folder)
    page = page_of(load([run]))
    assert "How the marks came to be" in page
    assert "mkdirat(work/work" in page
    assert "<script>alert" not in page
    case = Case(read(run / result.folder), result.findings, "one", why=told)
    text = issue_text(Issue((case,), {}, "x.tar.gz", "x", ()), PROJECTS["fuse-overlayfs"])
    assert "How it comes to be, as seen by strace 6.1" in text
    assert "  request  MKDIR a/new" in text
    assert "@all" not in text.replace("```@all", "").replace("@<!-- -->all", "")
    assert "How it comes to be" not in issue_text(
        Issue((Case(case.recording, case.findings, "one", why=why(story())),), {}, "x.tar.gz", "x", ()),
        PROJECTS["plain"],
    )


def test_a_damaged_why_is_a_damaged_cell(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    (result,) = read_results(run).cells
    (run / result.folder / "why.json").write_text("{}")
    assert [one.damage for one in load([run]).damaged] != []


def test_what_keeps_it_from_being_the_whole_truth_is_told_even_without_a_story() -> None:
    section = why_section([(column("fuse", "1"), Why(SCHEMA, "c", "strace 6.1", note="the trace ends in a call"))])
    assert section is not None
    assert section.notes == ("fuse 1: the trace ends in a call",)


def test_what_stands_first_says_how_it_came_to_be(tmp_path: Path) -> None:
    ghost = known("WL101", "mkdir takes its own mark for a file's")
    run = make_run(tmp_path / "run", [FakeCell(known=(ghost,))])
    (result,) = read_results(run).cells
    by_names = Story("a/new/.wh..opq", What.MARKER, "", Seen.NAMES, "By a name.", findings=(f"WL101 ({ghost.name})",))
    by_calls = Story(
        "a/new/.wh..opq",
        What.MARKER,
        "",
        Seen.CALLS,
        "Made while serving <MKDIR>.",
        findings=(f"WL101 ({ghost.name})",),
    )
    assert 'class="how"' not in page_of(load([run]))
    write_why(why(by_names, by_calls), run / result.folder)
    page = page_of(load([run]))
    assert '<p class="how">Made while serving &lt;MKDIR&gt;.</p>' in page
    assert "By a name." not in page.partition("Which defects")[0]
