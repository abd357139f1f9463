"""The text of a bug report: what a maintainer asks for, inert, and never longer than GitHub takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.evidence.recording import read
from harness.report.issue import LONGEST, Case, Issue, Tried, issue_text, title
from harness.report.projects import PROJECTS, Part
from harness.runs.results import CellResult, read_results
from tests.defects import known
from tests.factory import FakeCell, make_run

GHOST = known("WL101", "mkdir takes its own mark for a file's")


def case(tmp_path: Path, one: FakeCell | None = None, **more: object) -> tuple[Case, CellResult]:
    run = make_run(tmp_path / f"run{len(list(tmp_path.iterdir()))}", [one or FakeCell(known=(GHOST,))])
    (result,) = read_results(run).cells
    made = Case(read(run / result.folder), result.findings, "one", **more)  # type: ignore[arg-type]
    return made, result


def issue(*cases: Case) -> Issue:
    return Issue(cases, {GHOST.name: GHOST}, "x.tar.gz", "x", ("user: 2 times",))


def test_every_question_has_its_answer(tmp_path: Path) -> None:
    made, _ = case(
        tmp_path,
        steps="mkdir a/new\n",
        printed=Tried(1, 1, "crwx 0, 0 .wh..opq"),
        script=Tried(5, 4, "BUG: a/new/.wh..opq"),
        versions=("WL101: in fuse-overlayfs 1.14; not in kernel 6.18",),
    )
    text = issue_text(issue(made), PROJECTS["plain"])
    for words in (
        "# fuse-overlayfs 1.14:",
        "as root:",
        "WL101 marker-of-a-marker, upper",
        "what the same steps give on a plain directory",
        "https://github.com/sylabs/singularity/issues/3176",
        "```sh\nmkdir a/new\n```",
        "crwx 0, 0 .wh..opq",
        "not in kernel 6.18",
        "sh x/reproduce.sh",
        "It showed in 4 of 5 runs here",
        "/mnt/merged rw - fuse.fuse-overlayfs",
        "user: 2 times",
    ):
        assert words in text, words


def test_what_was_not_tried_or_not_seen_is_said(tmp_path: Path) -> None:
    unseen, _ = case(tmp_path, script=Tried(3, 0, "PASS"))
    assert "saw nothing in 3 runs" in issue_text(issue(unseen), PROJECTS["plain"])
    untried, _ = case(tmp_path, script=Tried(why_not="no fuse here"))
    text = issue_text(issue(untried), PROJECTS["plain"])
    assert "It was not run again: no fuse here" in text
    assert "showed in" not in text
    assert "a few commands would not do" in text


def test_the_title_is_of_the_worst_and_of_what_nobody_has_named_before_it(tmp_path: Path) -> None:
    named, _ = case(tmp_path)
    ghost, needless = named.findings
    assert (ghost.known is None, needless.known is None) == (False, True)
    assert title(named, {GHOST.name: GHOST}) == f"fuse-overlayfs 1.14: {needless.message}"
    assert title(Case(named.recording, (ghost,), "one"), {GHOST.name: GHOST}) == f"fuse-overlayfs 1.14: {GHOST.title}"


def test_names_are_inert(tmp_path: Path) -> None:
    made, _ = case(tmp_path, printed=Tried(1, 1, "```\n</details><script>@all #1"), steps="echo '```'\n")
    hostile = replace(made.findings[0], message="x <script> @everybody #12 *b* [a](b) `c`\n# head", known=None)
    text = issue_text(issue(Case(made.recording, (hostile,), "one", made.steps, made.printed)), PROJECTS["plain"])
    line = next(line for line in text.splitlines() if "everybody" in line and line.startswith("*"))
    assert "\\<script\\>" in line
    assert "@everybody" not in line
    assert "#12" not in line
    assert "\\`c\\`\\\\n" in line
    assert "````sh\necho '```'\n````" in text


@pytest.mark.parametrize("most", [LONGEST, 3000, 900])
def test_it_is_never_too_long_and_says_what_is_cut(tmp_path: Path, most: int) -> None:
    cases = [case(tmp_path, printed=Tried(1, 1, "line\n" * 90_000), steps="x\n")[0] for _ in range(4)]
    text = issue_text(issue(*cases), PROJECTS["plain"], most)
    assert len(text) < most
    assert "more cell" in text or "… cut" in text or " lines …" in text


@pytest.mark.parametrize("name", PROJECTS)
def test_every_project_gets_every_part_once(name: str) -> None:
    parts = [part for _, some in PROJECTS[name].sections for part in some]
    assert len(parts) == len(set(parts))
    assert set(parts) >= set(Part) - {Part.PODMAN, Part.INSTALLED}
