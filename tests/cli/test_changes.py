"""The doors to what changed: compare, baseline, nightly and check, on run folders without a tool; and check on a real one."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from harness.cli import check, night, nightly
from harness.cli.main import main
from harness.cli.run import Ran
from harness.compare.changes import Change, Changes, What, changes
from harness.errors import UsageError
from harness.runs.accounts import Subject, accounts
from harness.runs.baseline import read_baseline
from harness.runs.merge import merge
from harness.runs.planfile import PLAN, read_plan, rewrite_plan
from harness.runs.results import read_results, write_results
from tests.factory import PARTED, PLAIN_UPPER, FakeCell, make_part, make_run

SUBJECT = Subject("fuse-overlayfs", "ghost-marker", "root")


@pytest.fixture
def nights(tmp_path: Path) -> tuple[Path, Path]:
    """Two nights; in the second a new version writes no ghost."""
    first = make_run(tmp_path / "first", [FakeCell()])
    return first, make_run(tmp_path / "second", [FakeCell(), FakeCell(version="1.15", upper=PLAIN_UPPER)])


def test_compare_has_the_exit_codes_of_diff(
    nights: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = nights
    assert main(["compare", str(first), str(first)]) == 0
    assert capsys.readouterr().out == "1 the same\n"
    assert main(["compare", str(first), str(second), "--html", str(tmp_path / "c.html")]) == 1
    out = capsys.readouterr().out
    assert "fuse-overlayfs 1.15 is new here, and compared with 1.14" in out
    assert "- mark device at a/new/.wh..opq" in out
    html = (tmp_path / "c.html").read_text()
    assert "<code>- mark device at a/new/.wh..opq</code>" in html
    assert main(["compare", str(first), str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_compare_tells_programs_the_lines_themselves(
    nights: tuple[Path, Path], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["compare", *map(str, nights), "--json"]) == 1
    (change,) = json.loads(capsysbinary.readouterr().out)["changes"]
    assert (change["cell"], change["what"], change["before"]) == (
        "ghost-marker[fuse-overlayfs-1.15-root]",
        "changed",
        "1.14",
    )
    assert "mark upper a/new/.wh..opq encoding=device" in change["gone"]


def test_a_baseline_is_written_and_shown(
    nights: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = map(str, nights)
    here = ["--baseline", str(tmp_path / "b")]
    assert main(["baseline", "update", first, *here, "--reason", "first"]) == 0
    assert (tmp_path / "b/fuse-overlayfs/1.14.txt").read_text().splitlines()[2] == "reason first"
    assert main(["baseline", "show", first, *here]) == 0
    assert main(["baseline", "show", second, *here]) == 1
    assert main(["baseline", "update", second, *here, "--reason", "1.15 is out"]) == 0
    assert main(["baseline", "show", second, *here]) == 0
    broken = make_run(tmp_path / "broken", [FakeCell(broken="no room")])
    capsys.readouterr()
    assert main(["baseline", "update", str(broken), *here, "--reason", "x"]) == 2
    assert "what was not seen is no baseline" in capsys.readouterr().err


def test_a_night_leaves_its_files_and_tells_a_runner(
    nights: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (read_results(folder) for folder in nights)
    found = changes(accounts(first.cells), accounts(second.cells))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "step").write_text("before\n")
    nightly.write_night(found, second, nights[1])
    assert (tmp_path / "step").read_text() == "before\n" + (nights[1] / "summary.md").read_text()
    assert capsys.readouterr().out.startswith("::error title=changed%3A fuse-overlayfs 1.15")
    assert ET.fromstring((nights[1] / "junit.xml").read_bytes()).attrib["tests"] == "2"
    assert "what changed" in (nights[1] / "changes.html").read_text()
    assert nightly.exit_code(found, second) == 1


def test_a_part_misses_nothing_that_another_part_has_and_the_whole_does(
    nights: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ["--baseline", str(tmp_path / "b")]
    assert main(["baseline", "update", str(make_part(tmp_path / "whole", PARTED)), *here, "--reason", "first"]) == 0
    parts = [
        make_part(tmp_path / "part1", ("one",), "1/3"),
        make_part(tmp_path / "part2", ("two",), "2/3", upper=PLAIN_UPPER),
    ]
    capsys.readouterr()
    assert main(["nightly", "--of", str(parts[0]), *here]) == 1  # it has a finding that nothing explains
    assert capsys.readouterr().out.strip() == "1 the same"
    assert main(["merge", *map(str, parts), "--output", str(tmp_path / "merged")]) == 3  # the third is not there
    capsys.readouterr()
    assert main(["nightly", "--of", str(tmp_path / "merged"), *here]) == 1
    out = capsys.readouterr().out
    assert "1 changed, 1 missing, 1 the same" in out
    assert "it is not in this run" in out
    make_part(parts[1] / "again", ("two",), "2/3")  # what changed was run again, and was then as before
    assert main(["nightly", "--of", str(tmp_path / "merged"), *here]) == 1
    assert "1 missing, 2 the same" in capsys.readouterr().out


def lines(path: Path) -> list[str]:
    """The runs of a history."""
    return [json.loads(line)["run"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_night_of_everything_enters_the_history_once_and_a_part_of_one_never(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = tmp_path / "history.jsonl"

    def night(run: Path) -> str:
        assert main(["nightly", "--of", str(run), "--baseline", str(tmp_path / "b"), "--history", str(history)]) == 1
        return (run / "report.html").read_text()

    first = make_part(tmp_path / "first", PARTED)
    assert "<svg" not in night(first)
    later = make_part(tmp_path / "later", PARTED, started="2026-01-03T00:00:00+00:00", upper=PLAIN_UPPER)
    assert main(["nightly", "--of", str(later), "--history", str(history), "--baseline", str(tmp_path / "b")]) == 0
    html = (later / "report.html").read_text()
    assert html.count("passed in this night, not as expected before") == 3
    assert lines(history) == ["first", "later"]
    assert "<svg" not in night(first), "what came later says nothing in its report"
    assert lines(history) == ["first", "later"]

    part = make_part(tmp_path / "part", ("one",), "1/3")
    narrow = make_part(tmp_path / "narrow", PARTED)
    rewrite_plan(msgspec.structs.replace(read_plan(narrow / PLAN), narrow=True))
    cut = make_part(tmp_path / "cut", PARTED)
    results = read_results(cut)
    write_results(msgspec.structs.replace(results, run=msgspec.structs.replace(results.run, unfinished=1)), cut)
    two = make_part(tmp_path / "two", ("two",), "2/3")
    assert main(["merge", str(part), str(two), "--output", str(tmp_path / "lacks-one")]) == 3
    for run in (part, narrow, cut, tmp_path / "lacks-one"):
        assert "<svg" not in night(run)
        assert "not a night of everything" in capsys.readouterr().err
    assert lines(history) == ["first", "later"]
    three = make_part(tmp_path / "three", ("three",), "3/3")
    assert main(["merge", str(part), str(two), str(three), "--output", str(tmp_path / "merged")]) == 1
    assert "as in the night" in night(tmp_path / "merged") or "in this night" in night(tmp_path / "merged")
    assert lines(history) == ["first", "later", "part+two+three"]
    assert "did the clock go back?" in capsys.readouterr().err


def test_a_history_that_cannot_be_kept_is_told_and_the_night_has_its_files_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_part(tmp_path / "run", PARTED)
    history = tmp_path / "history.jsonl"
    history.write_text("half a li")
    assert main(["nightly", "--of", str(run), "--history", str(history), "--baseline", str(tmp_path / "b")]) == 1
    assert "history.jsonl: line 1 is damaged" in capsys.readouterr().err
    assert history.read_text().startswith("half a li\n{")
    (run / "report.html").unlink()
    assert main(["nightly", "--of", str(run), "--history", str(tmp_path), "--baseline", str(tmp_path / "b")]) == 2
    assert "is a regular file, and this is none" in capsys.readouterr().err
    assert "What changed since the baseline" in (run / "report.html").read_text()
    assert (run / "junit.xml").exists()


def test_a_runners_page_is_of_the_night_also_where_one_part_is_all_that_is_left(tmp_path: Path) -> None:
    part = make_part(tmp_path / "1", ("one",), "1/2")
    assert merge([part], tmp_path / "whole").missing
    for before in (read_baseline(tmp_path / "none"), accounts(read_results(part).cells)):
        assert night.told(part, before)[2]
        assert not night.told(tmp_path / "whole", before)[2]


def test_parts_of_a_night_do_not_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nodes of a cluster share a disk."""
    monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)

    def begun(*_: object) -> Path:
        raise UsageError("begun")

    monkeypatch.setattr(nightly, "_run", begun)
    with nightly._alone(tmp_path):
        assert main(["nightly", "--shard", "1/2"]) == 2
        assert "begun" in capsys.readouterr().err


def test_two_nights_at_once_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)
    with nightly._alone(tmp_path):
        assert main(["nightly"]) == 2
    assert "another night is running" in capsys.readouterr().err
    with nightly._alone(tmp_path):
        pass


def test_a_baseline_of_a_later_schema_costs_no_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)
    monkeypatch.setattr(nightly, "_ran", lambda _arguments: pytest.fail("it ran"))
    (tmp_path / "b/kernel").mkdir(parents=True)
    (tmp_path / "b/kernel/6.1.txt").write_text("whiteout-lab baseline 2\ntool kernel 6.1\n")
    assert main(["nightly", "--baseline", str(tmp_path / "b")]) == 3
    assert "has schema 2, and this version reads 1" in capsys.readouterr().err


def test_a_night_of_which_something_was_left_or_lost_ends_with_3(
    nights: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for troubles, code in (((), 1), (("a mount is left",), 3)):
        ran = Ran(read_results(nights[0]), troubles)
        monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)
        monkeypatch.setattr(nightly, "_ran", lambda _arguments, ran=ran: (ran, nights[0]))
        assert main(["nightly", "--baseline", str(tmp_path / "none")]) == code


@pytest.mark.parametrize(
    ("what", "come", "gone", "code"),
    [
        (What.CHANGED, (), ("WL101 upper a",), 0),
        (What.CHANGED, ("mark upper a",), ("mark upper b",), 0),
        (What.CHANGED, ("WL201 view a",), (), 1),
        (What.FLAKY, ("WL201 view a",), (), 1),
        (What.MISSING, (), (), 1),
        (What.ADDED, ("WL201 view a",), (), 0),
    ],
)
def test_a_check_fails_where_something_is_worse(
    what: What, come: tuple[str, ...], gone: tuple[str, ...], code: int
) -> None:
    assert check.exit_code(Changes((Change(what, SUBJECT, "2", "1", come, gone),)), []) == code


def test_a_check_says_what_broke(tmp_path: Path) -> None:
    """It ended with code 3, and said nothing."""
    broken = make_run(
        tmp_path / "run",
        [FakeCell(), FakeCell(version="1.15", broken="no room"), FakeCell(version="1.10", broken="no room")],
    )
    assert check.broken_lines(read_results(broken).cells) == [
        "whiteout-lab: broken: ghost-marker[fuse-overlayfs-1.15-root] and 1 more: no room"
    ]


def test_a_check_is_of_one_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fuse-overlayfs=/bin/true", "--against", "kernel"]) == 2
    assert "are two tools" in capsys.readouterr().err
