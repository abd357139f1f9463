"""A baseline is text that people review: small, sorted, exact, and refused where it is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.profile import Profile
from harness.runs.accounts import Account, Accounts, Subject, account, accounts
from harness.runs.baseline import parse, read_baseline, text, write_baseline
from harness.runs.results import read_results
from tests.factory import FakeCell, make_run

GHOST = "WL101 upper a/new/.wh..opq encoding=device name=.wh..opq"
MARK = "mark upper a/new/.wh..opq encoding=device"
BOTH = Account(Outcome.PASSED, frozenset({GHOST, MARK}), frozenset({"WL203 view x found=listed"}))
CELLS = {
    ("ghost-marker", "root"): BOTH,
    ("ghost-marker", "user"): Account(Outcome.FINDING, frozenset({GHOST}), frozenset({MARK})),
    ("plain", "user"): Account(Outcome.PASSED),
    ("broken", "root"): Account(Outcome.BROKEN, reason="no room"),
}
FILE = """\
whiteout-lab baseline 1
tool fuse-overlayfs 1.14
reason the first one

ghost-marker root user
  WL101 upper a/new/.wh..opq encoding=device name=.wh..opq
ghost-marker root
~ WL203 view x found=listed
  mark upper a/new/.wh..opq encoding=device
ghost-marker user
~ mark upper a/new/.wh..opq encoding=device

plain user
"""


def test_what_both_profiles_give_stands_there_once_and_what_did_not_run_nowhere() -> None:
    assert text("fuse-overlayfs", "1.14", CELLS, "the first\none") == FILE.replace("first one", "first\\none")


def test_what_is_written_is_read() -> None:
    tool, version, cells = parse(FILE, "here")
    assert (tool, version) == ("fuse-overlayfs", "1.14")
    ran = {cell: (one.always, one.sometimes) for cell, one in CELLS.items() if one.ran}
    assert {cell: (one.always, one.sometimes) for cell, one in cells.items()} == ran


LINE = st.from_regex(r"(WL[1-3]0[1-8]|mark|gone) [a-z/%0-9]{1,8}( [a-z]+=[a-z%0-9,]*)?", fullmatch=True)
ACCOUNT = st.builds(
    lambda always, sometimes: Account(Outcome.PASSED, always, sometimes - always),
    st.frozensets(LINE, max_size=4), st.frozensets(LINE, max_size=3),
)  # fmt: skip
NAMED = st.tuples(st.sampled_from(["a", "a-b", "b"]), st.sampled_from(list(Profile)))


@given(st.dictionaries(NAMED, ACCOUNT))
def test_any_account_comes_back_as_it_was(cells: dict[tuple[str, str], Account]) -> None:
    assert parse(text("t", "1", cells, "why"), "here")[2] == cells


@pytest.mark.parametrize(
    ("line", "instead", "place", "said"),
    [
        ("whiteout-lab baseline 1", "whiteout-lab baseline", "line 1", "is no baseline"),
        ("whiteout-lab baseline 1", "<<<<<<< ours", "line 1", "is no baseline"),
        ("whiteout-lab baseline 1", "whiteout-lab baseline 2", "here", "has schema 2, and this version reads 1"),
        ("tool fuse-overlayfs 1.14", "tool fuse-overlayfs", "line 2", "of which tool"),
        ("plain user", "=======", "line 13", "was it merged by hand?"),
        ("plain user", "plain users", "line 13", "cannot be read"),
        ("plain user", "  ", "line 13", "cannot be read"),
        ("ghost-marker root user\n", "", "line 5", "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_baseline_is_told_with_its_line(line: str, instead: str, place: str, said: str) -> None:
    with pytest.raises(BrokenMachinery) as told:
        parse(FILE.replace(line, instead, 1), "here")
    assert place in str(told.value)
    assert said in str(told.value)


def test_a_run_gives_keys_and_marks_and_nothing_that_changes_from_night_to_night(tmp_path: Path) -> None:
    results = read_results(make_run(tmp_path / "run", [FakeCell(), FakeCell(version="1.15", skipped="is not here")]))
    again = read_results(make_run(tmp_path / "again", [FakeCell()], started="2027-01-01T00:00:00+00:00"))
    now = accounts(results.cells)
    subject = Subject("fuse-overlayfs", "ghost-marker", "root")
    assert now.of.keys() == {subject}
    assert {GHOST, MARK, "mark upper a/new encoding=opaque-trusted"} <= now.of[subject]["1.14"].always
    assert now.of[subject]["1.15"] == Account(Outcome.SKIPPED, reason="is not here")
    assert accounts(again.cells).of[subject]["1.14"] == now.of[subject]["1.14"]
    assert now.versions("fuse-overlayfs") == ["1.14", "1.15"]


def test_what_was_found_in_some_runs_alone_is_no_certain_line(tmp_path: Path) -> None:
    (cell,) = read_results(make_run(tmp_path / "run", [FakeCell()])).cells
    some = replace(cell, findings=tuple(replace(one, times=2, of=5) for one in cell.findings), runs=5)
    assert account(some).sometimes == {one.key for one in cell.findings}
    assert account(some).always == set(cell.marks)


def test_files_are_written_where_they_differ_and_the_reason_alone_is_no_difference(tmp_path: Path) -> None:
    now = Accounts({Subject("t", "a", "root"): {"1.0": BOTH, "1.1": BOTH}})
    first = write_baseline(tmp_path / "b", now, "first", ["a"])
    assert [path.relative_to(tmp_path).as_posix() for path in first] == ["b/t/1.0.txt", "b/t/1.1.txt"]
    assert write_baseline(tmp_path / "b", now, "again", ["a"]) == []
    assert "reason first" in first[0].read_text()
    other = Accounts({Subject("t", "a", "root"): {"1.1": Account(Outcome.PASSED)}})
    assert write_baseline(tmp_path / "b", other, "mended", ["a"]) == [first[1]]
    named = Accounts({Subject("t", "a", "root"): {"1.1 mine": BOTH}})
    assert [path.name for path in write_baseline(tmp_path / "c", named, "given", ["a"])] == ["1.1+mine.txt"]
    assert read_baseline(tmp_path / "c").versions("t") == ["1.1 mine"]
    assert read_baseline(tmp_path / "b").of[Subject("t", "a", "root")] == {
        "1.0": replaced(BOTH),
        "1.1": Account(Outcome.PASSED),
    }


def replaced(one: Account) -> Account:
    return Account(Outcome.PASSED, one.always, one.sometimes)


def test_no_folder_is_no_baseline_and_a_file_is_an_error(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / "none").of == {}
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="a baseline is a folder"):
        read_baseline(tmp_path / "file")


def test_a_run_of_some_scenarios_leaves_what_is_said_of_the_others_while_they_are_there(tmp_path: Path) -> None:
    every = Accounts({Subject("t", name, "root"): {"1": BOTH} for name in ("a", "b", "left-out")})
    write_baseline(tmp_path, every, "first", ["a", "b", "left-out"])
    some = Accounts({Subject("t", "a", "root"): {"1": Account(Outcome.PASSED)}})
    write_baseline(tmp_path, some, "mended", ["a", "b"])
    now = read_baseline(tmp_path)
    assert {one.scenario: by["1"].always for one, by in now.of.items()} == {"a": frozenset(), "b": BOTH.always}
    assert {one.scenario for one in now.within(some).of} == {"a"}
