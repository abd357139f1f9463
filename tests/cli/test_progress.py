"""What a run says while it goes and at its end; its exit code: what was left behind, or broke, comes before what was found."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import msgspec
import pytest

from harness.cli.progress import QUIET, USUAL, VERBOSE, Progress
from harness.cli.pytest_plugin import PROPERTY
from harness.errors import BrokenMachinery
from harness.machine.guarded import mark
from harness.runs.planfile import PlanFile
from harness.runs.results import Results, read_results
from harness.runs.run import Run
from tests.defects import known
from tests.factory import PLAIN_UPPER, FakeCell, make_run

GOOD = FakeCell(upper=PLAIN_UPPER)
NEW = FakeCell(version="1.10")
BROKEN = FakeCell(version="1.4", broken="no loop device")
SKIPPED = FakeCell(tool="kernel", skipped="no world")
EXCLUDED = FakeCell(tool="kernel", version="2", skipped="says nothing", excluded=True)
FIXED = FakeCell(version="1.15", upper=PLAIN_UPPER, known=(known("WL101"),))


def _run(folder: Path = Path(), ended: Results | None = None) -> Run:
    """A run of which only its end is looked at."""
    run = Run.__new__(Run)
    run.leaks, run.problems, run.notes, run.unfinished, run.folder, run.ended = [], [], [], 0, folder, ended
    return run


@pytest.mark.parametrize(
    ("cells", "trouble", "code"),
    [
        ([GOOD, SKIPPED], "", 0),
        ([GOOD, NEW], "", 1),
        ([FIXED], "", 1),
        ([GOOD, NEW, BROKEN], "", 3),
        ([GOOD, NEW], "leaks", 3),
        ([GOOD, NEW], "trouble", 3),
        ([GOOD], "unfinished", 3),
        ([NEW], "unfinished", 1),
        ([SKIPPED, EXCLUDED], "", 77),
        ([EXCLUDED], "", 0),
        ([EXCLUDED, GOOD], "", 0),
    ],
)
def test_the_exit_code_of_a_run(cells: list[FakeCell], trouble: str, code: int, tmp_path: Path) -> None:
    progress = Progress(io.StringIO(), _run())
    progress.ended = read_results(make_run(tmp_path / "run", cells))
    progress.run.leaks = ["a mount at /work"] if trouble == "leaks" else []
    progress.run.problems = [BrokenMachinery("full", where="/run")] if trouble == "trouble" else []
    progress.run.unfinished = int(trouble == "unfinished")
    assert progress.exit_code() == code


def test_a_broken_cell_that_says_nothing_anyway_is_no_trouble(tmp_path: Path) -> None:
    progress = Progress(io.StringIO(), _run())
    results = read_results(make_run(tmp_path / "run", [GOOD, BROKEN]))
    cells = tuple(msgspec.structs.replace(one, excluded=bool(one.reason)) for one in results.cells)
    progress.ended = msgspec.structs.replace(results, cells=cells)
    assert progress.exit_code() == 0
    progress.ended = None
    assert progress.exit_code() == 0


def test_a_run_asks_for_what_is_left_behind(tmp_path: Path) -> None:
    mark(tmp_path)
    work = tmp_path / "work"
    plan = PlanFile(1, "run", str(tmp_path), str(work), "6.18.1", {}, False, "always", 60.0, [], [], [], [], [])
    assert Run(plan, contextlib.ExitStack()).finish(None).cells == ()
    work.mkdir()
    left = Run(plan, contextlib.ExitStack())
    left.finish(None)
    assert left.leaks == [f"the folder {work}"]
    work.rmdir()

    def refuse() -> None:
        raise BrokenMachinery("not everything could be deleted", where=str(work))

    stuck = Run(plan, contextlib.ExitStack())
    stuck.stack.callback(refuse)
    stuck.finish(None)
    assert "not everything could be deleted" in stuck.leaks[0]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _reported(progress: Progress, results: Results) -> None:
    """Cells as they end, carried by pytest's reports."""
    for cell in results.cells:
        carried = [(PROPERTY, msgspec.json.encode(cell).decode())]
        report = pytest.TestReport(cell.id, ("", None, cell.id), {}, "passed", None, "call", user_properties=carried)
        progress.pytest_runtest_logreport(report)


@pytest.mark.parametrize(
    ("says", "told", "silent"),
    [
        (QUIET, ["✗ FINDING ghost-marker[fuse-overlayfs-1.10-root]", "NEW", "! BROKEN"], ["PASSED", "SKIPPED"]),
        (USUAL, ["✗ FINDING ghost-marker[fuse-overlayfs-1.10-root]", "NEW", "! BROKEN"], ["PASSED", "SKIPPED"]),
        (VERBOSE, ["✓ PASSED ghost-marker[fuse-overlayfs-1.14-root]", "– SKIPPED", "no world", "✗ FINDING"], []),
    ],
)
def test_what_is_told_of_each_cell(says: int, told: list[str], silent: list[str], tmp_path: Path) -> None:
    stream = io.StringIO()
    _reported(Progress(stream, _run(), says), read_results(make_run(tmp_path / "run", [GOOD, NEW, BROKEN, SKIPPED])))
    text = stream.getvalue()
    assert all(words in text for words in told), text
    assert not any(words in text for words in silent), text


def test_the_quiet_end_is_one_line_that_says_it_all(tmp_path: Path) -> None:
    results = read_results(make_run(tmp_path / "run", [GOOD, NEW]))
    for says in (QUIET, USUAL):
        stream = io.StringIO()
        progress = Progress(stream, _run(tmp_path / "run", results), says)
        progress.pytest_unconfigure()
        lines = stream.getvalue().splitlines()
        assert lines[-1].startswith("1 passed, 1 finding; 0 known findings, 2 new · ")
        assert lines[-1].endswith("run/report.html")
        assert (len(lines) == 1) is (says == QUIET)


@pytest.mark.parametrize("columns", [40, 80, 400])
def test_on_a_terminal_the_words_at_the_end_are_broken_between_words(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    results = read_results(make_run(tmp_path / "run", [FakeCell(known=(known("WL101"), known("WL106")))]))
    told = {}
    for stream in (io.StringIO(), _Terminal()):
        progress = Progress(stream, _run(Path("run"), results))
        progress.pytest_unconfigure()
        told[stream.isatty()] = stream.getvalue().replace("\r\x1b[K", "").splitlines()
    assert len(told[False]) == 5, "a log has the lines whole"
    assert " ".join(told[True]).split() == " ".join(told[False]).split()
    long = [line for line in told[True][:-1] if len(line) > columns]
    assert all(len(line.split()) == 1 for line in long), long


def test_what_was_left_behind_is_told_however_quiet(tmp_path: Path) -> None:
    stream = io.StringIO()
    ended = read_results(make_run(tmp_path / "run", [GOOD]))
    progress = Progress(stream, _run(tmp_path / "run", ended), QUIET)
    progress.run.leaks = ["a mount at /work"]
    progress.run.problems = [BrokenMachinery("full", where="/run")]
    progress.pytest_unconfigure()
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["! LEFT BEHIND: a mount at /work", "! /run: full"]
    assert lines[2].endswith("run/cells"), "there may be no report"


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (_Terminal, {"TERM": "xterm"}, True),
        (_Terminal, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (_Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (_Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: type[io.StringIO],
    environment: dict[str, str],
    coloured: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    to = stream()
    _reported(Progress(to, _run(), VERBOSE), read_results(make_run(tmp_path / "run", [GOOD, NEW])))
    assert ("\x1b[32m✓ PASSED\x1b[0m" in to.getvalue()) is coloured
    assert ("\x1b[31m✗ FINDING\x1b[0m" in to.getvalue()) is coloured
    assert ("✓ PASSED" in to.getvalue()) is True


def test_a_live_line_shows_the_counts_and_a_quiet_terminal_has_none(tmp_path: Path) -> None:
    results = read_results(make_run(tmp_path / "run", [GOOD, SKIPPED]))
    for says, live in ((USUAL, True), (QUIET, False)):
        stream = _Terminal()
        progress = Progress(stream, _run(), says)
        progress.total = 2
        _reported(progress, results)
        assert ("\r\x1b[K2 of 2 cells · 1 passed, 1 skipped · " in stream.getvalue()) is live


def test_a_fault_of_this_program_is_shown_whole_and_an_error_of_ours_is_kept() -> None:
    stream = io.StringIO()
    progress = Progress(stream, _run())
    for error, kept, shown in (
        (BrokenMachinery("full"), True, ""),
        (OSError(28, "No space left on device"), True, ""),
        (ValueError("ours"), False, "line 1\nline 2\n"),
    ):
        stream.truncate(0)
        stream.seek(0)
        with pytest.raises(type(error)) as caught:
            raise error
        progress.pytest_internalerror("line 1\nline 2", caught)
        assert (progress.error is not None) is kept
        assert stream.getvalue() == shown
