from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import defects as command
from harness.cli.defects import asked, having
from harness.cli.main import main
from harness.cli.news import MOST, news_lines
from harness.errors import EXIT_USAGE, UsageError
from harness.runs.decide import known_defects
from harness.runs.results import read_results
from tests.defects import known
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

LINK = "https://github.com/o/n/issues/1"
GHOST = known("WL101", "ghost", LINK, versions=(">=1.4,<1.15",))
LITTER = known("WL106", "litter", versions=("any",))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    here = (GHOST, LITTER)
    return make_run(
        tmp_path / "run",
        [FakeCell(version="1.4", known=here), FakeCell(version="1.15", known=here, upper=PLAIN_UPPER)],
    )


def test_the_table_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects", str(run)]) == 0
    out = capsys.readouterr().out
    assert "  1  fuse-overlayfs 1.4" in out
    (line,) = [line for line in out.splitlines() if GHOST.name in line]
    assert line.split()[-2:] == ["shows", "-"]
    assert f"fuse-overlayfs 1.4 shows it; fuse-overlayfs 1.15 does not · {LINK}" in out
    (other,) = [line for line in out.splitlines() if LITTER.name in line]
    assert other.split()[-2:] == ["shows", "GONE"]


def test_the_same_as_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects", "--json", str(run)]) == 0
    data = json.loads(capsys.readouterr().out)
    (program,) = data["programs"]
    assert [one["version"] for one in program["versions"]] == ["1.4", "1.15"]
    told = {one["name"]: [field["state"] for field in one["fields"]] for one in program["defects"]}
    assert told == {GHOST.name: ["shows", "does not"], LITTER.name: ["shows", "gone"]}


def test_without_any_run_the_files_speak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "reports_folder", lambda: tmp_path)
    assert main(["defects"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("nothing was run yet")
    assert all(one.name in out for one in known_defects())


def test_the_newest_run_is_taken(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.parent / "latest").symlink_to(run)
    monkeypatch.setattr(command, "reports_folder", lambda: run.parent)
    assert main(["defects"]) == 0
    assert "as measured in the run run" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["fuse-overlayfs==1.14", "fuse-overlayfs-1.14", "fuse-overlayfs+stack==1.14"])
def test_what_a_version_has(word: str) -> None:
    assert asked(word) == ("fuse-overlayfs", "1.14")


def test_what_a_version_has_since_when_and_until_when(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects", "--tool", "fuse-overlayfs==1.14", str(run)]) == 0
    out = capsys.readouterr().out
    assert f"since 1.4, fixed in 1.15 · {LINK}" in out
    assert "from the first version on, not fixed" in out
    assert main(["defects", "--tool", "fuse-overlayfs-1.15", "--json", str(run)]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["defects"]] == [LITTER.name]


def test_of_the_shipped_files_the_founding_case_ends_where_it_was_mended() -> None:
    name = "fuse-overlayfs-ghost-marker"
    assert [
        name in [one.name for one in having(known_defects(), "fuse-overlayfs", version)]
        for version in ("0.7.4", "0.7.5", "1.14", "1.15", "2.0.0")
    ] == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("fuse-overlay==1.14", "fuse-overlayfs"),
        ("kernel+nonsense==6.1", "kernel"),
        ("fuse-stack==1.4", "fuse-overlayfs+stack"),
    ],
)
def test_a_word_that_is_no_tool_is_told_with_what_was_meant(word: str, remedy: str) -> None:
    with pytest.raises(UsageError) as error:
        asked(word)
    assert remedy in error.value.remedy


def test_a_word_that_is_no_tool_ends_the_command(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["defects", "--tool", "nonsense", str(run)]) == EXIT_USAGE
    assert capsys.readouterr().out == ""


def test_of_the_first_cells_with_something_new_a_run_tells_the_trees_and_begins_a_file(tmp_path: Path) -> None:
    cells = [FakeCell(scenario=scenario(f"s{number}")) for number in range(MOST + 2)]
    run = make_run(tmp_path / "run", cells)
    text = "\n".join(news_lines(read_results(run), run))
    heads = [line.split() for line in text.splitlines() if line.strip().startswith("path  ")]
    assert heads == [["path", "must", "be", "is", "after", "remount", "upper"]] * MOST
    assert text.count("[[signs]]") == 2 * MOST  # another witness each
    assert 'codes = ["WL101"]' in text
    assert "2 more with something new" in text


def test_what_is_known_or_gone_is_not_told_as_new(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run", [FakeCell(known=(known(("WL101", "WL106")),)), FakeCell("kernel", "6.18", upper=PLAIN_UPPER)]
    )
    assert list(news_lines(read_results(run), run)) == []


def test_what_is_back_is_named_and_no_file_begun(tmp_path: Path) -> None:
    before = (known("WL101", versions=("<1",)), known("WL106", versions=("<1",)))
    run = make_run(tmp_path / "run", [FakeCell(known=before)])
    text = "\n".join(news_lines(read_results(run), run))
    assert f"{before[0].name} is back" in text
    assert "[[signs]]" not in text


def test_a_recording_that_was_dropped_stops_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    (run / "cells/0/recording.json").unlink()
    assert "its recording cannot be read" in "\n".join(news_lines(read_results(run), run))
