"""A run that was killed is gone on with: what is whole stays, the rest is run, and it is as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from harness.cli import begin
from harness.compare.changes import changes
from harness.errors import BrokenMachinery, UsageError
from harness.evidence import recording as recordings
from harness.judge.findings import Outcome
from harness.machine.process import Finished, run
from harness.runs.accounts import accounts
from harness.runs.baseline import write_baseline
from harness.runs.folders import project_folder
from harness.runs.planfile import PLAN, PlanFile, read_plan, rewrite_plan
from harness.runs.results import NAME, CellResult, read_results
from harness.runs.resume import interrupted_results, plan_to_resume, results_of, whole_cells

WORDS = ("--tool", "kernel", "--profile", "user", "--jobs", "2")


def lab(folder: Path, *words: str | Path) -> Finished:
    return run([sys.executable, "-m", "harness", *words], cwd=project_folder(), env=environment(folder), timeout=300)


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "WHITEOUT_LAB_CACHE": str(folder / "cache"),
        "WHITEOUT_LAB_SINGULARITY": "",
        "WHITEOUT_LAB_STRICT": "",
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = lab(folder, "run", *WORDS, "--out", folder / "run")
    if done.code == 77:
        pytest.skip("nothing can be run here: see whiteout-lab doctor")
    assert done.code == 0, done
    return folder


def killed(folder: Path, after: int) -> Path:
    """A run that is killed when some recordings are there."""
    child = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", *WORDS, "--out", folder / "run"],
        cwd=project_folder(), env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(3000):
        if len(list(folder.glob("run/cells/*/recording.json"))) >= after or child.poll() is not None:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    there, before = -1, -2
    while there != before:  # its workers may still come to the end of a cell
        time.sleep(1.0)
        there, before = len(list(folder.glob("run/cells/*/recording.json"))), there
    return folder / "run"


@pytest.mark.real
@pytest.mark.parametrize("after", [1, 20])
def test_a_killed_run_that_is_gone_on_with_equals_an_undisturbed_one(
    after: int, undisturbed: Path, tmp_path: Path
) -> None:
    there = killed(tmp_path, after)
    assert not (there / NAME).exists()
    whole = {path.parent.name: path.stat().st_mtime_ns for path in there.glob("cells/*/recording.json")}
    for path in list(there.glob("cells/*/recording.json"))[:1]:  # half-written, as a lost disk leaves it
        path.write_bytes(path.read_bytes()[:100])
        del whole[path.parent.name]
    for path in [one for one in there.glob("cells/*/upper.jsonl") if one.parent.name in whole][:1]:
        path.unlink()
        del whole[path.parent.name]
    for _ in range(100):
        done = lab(tmp_path, "run", "--resume", there, "--jobs", "2")
        if "still running" not in done.err:  # its reaper needs a moment
            break
        time.sleep(0.1)
    assert done.code == 0, done
    assert f"{len(whole)} cell" in done.out
    again = {path.parent.name: path.stat().st_mtime_ns for path in there.glob("cells/*/recording.json")}
    assert {name: again[name] for name in whole} == whole, "what is whole is not run again"
    mine, wanted = read_results(there), read_results(undisturbed / "run")
    assert [cell.id for cell in mine.cells] == [cell.id for cell in wanted.cells]
    assert changes(accounts(wanted.cells), accounts(mine.cells)).changes == ()
    assert not list((tmp_path / "cache/work").glob("run-*"))


@pytest.mark.real
def test_a_killed_run_can_be_reported(undisturbed: Path, tmp_path: Path) -> None:
    there = shutil.copytree(undisturbed / "run", tmp_path / "run")
    (there / NAME).unlink()
    half = sorted((there / "cells").iterdir())
    for folder in half[::2]:
        (folder / "recording.json").unlink()
    assert len(results_of(there).cells) == len(half[1::2])
    assert interrupted_results(there).run.unfinished == len(half[::2])
    done = lab(tmp_path, "report", there, "--output", tmp_path / "r.html")
    assert done.code == 0
    assert f"was killed: {len(half[::2])} cell" in done.err
    (there / NAME).unlink()
    for folder in half[1::2]:
        (folder / "recording.json").unlink()
    with pytest.raises(BrokenMachinery, match="nothing of it was recorded"):
        results_of(there)


@pytest.mark.real
def test_what_is_no_run_or_is_asked_for_otherwise_is_refused(undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokenMachinery):
        plan_to_resume(tmp_path)
    done = lab(tmp_path, "run", "--resume", undisturbed / "run", "--tool", "kernel")
    assert done.code == 2
    assert "its plan is made" in done.err
    there = shutil.copytree(undisturbed / "run", tmp_path / "run")
    plan = read_plan(there / PLAN)
    other = [replace(tool, main=replace(tool.main, path="/bin/sh", sha256="0" * 64)) for tool in plan.tools]
    rewrite_plan(msgspec.structs.replace(plan, folder=str(there), tools=other))
    with pytest.raises(UsageError, match="is not here any more, or is another one"):
        plan_to_resume(there)


@pytest.mark.real
def test_a_night_that_was_killed_after_its_run_is_gone_on_with_and_what_changed_is_run_again(
    undisturbed: Path, tmp_path: Path
) -> None:
    there = shutil.copytree(undisturbed / "run", tmp_path / "run")
    rewrite_plan(msgspec.structs.replace(read_plan(there / PLAN), folder=str(there)))
    results = read_results(there)
    write_baseline(tmp_path / "baseline", accounts(results.cells), "first", {cell.scenario for cell in results.cells})
    (file,) = (tmp_path / "baseline").glob("kernel/*.txt")
    lines = file.read_text().splitlines(keepends=True)
    lines.remove(next(line for line in lines if line.startswith("  mark")))
    file.write_text("".join(lines))
    (there / "again").mkdir()  # it was killed in the midst of running what changed again
    (there / "again/half").touch()
    (there / ".summary.md.abcdefgh").touch()
    done = lab(tmp_path, "nightly", "--resume", there, "--jobs", "2", "--baseline", tmp_path / "baseline")
    assert done.code == 1, done
    again = [cell for cell in read_results(there / "again").cells if not cell.excluded]
    assert {(cell.runs, cell.outcome) for cell in again} == {(3, Outcome.PASSED)}
    assert {"summary.md", "junit.xml", "changes.html"} < {path.name for path in there.iterdir()}
    assert not (there / ".summary.md.abcdefgh").exists()
    assert lab(tmp_path, "nightly", "--resume", there, "--tool", "kernel").code == 2


@pytest.mark.real
def test_what_was_broken_is_run_again_and_a_run_without_a_plan_is_begun_anew(undisturbed: Path, tmp_path: Path) -> None:
    there = shutil.copytree(undisturbed / "run", tmp_path / "run")
    rewrite_plan(msgspec.structs.replace(read_plan(there / PLAN), folder=str(there)))
    (there / NAME).unlink()
    broken = min((there / "cells").iterdir())
    recordings.write(msgspec.structs.replace(recordings.read(broken), broken="the disk was full"), broken)
    assert {cell.outcome for cell in results_of(there).cells} == {Outcome.PASSED, Outcome.BROKEN}
    done = lab(tmp_path, "run", "--resume", there, "--jobs", "2")
    assert (done.code, " 1 to run" in done.out) == (0, True), done
    assert {cell.outcome for cell in read_results(there).cells if not cell.excluded} == {Outcome.PASSED}
    early = tmp_path / "early"
    early.mkdir()
    (early / ".whiteout-lab").touch()
    (early / ".plan.json.abcdefgh").touch()
    done = lab(tmp_path, "run", "ghost-marker", *WORDS, "--out", early)
    assert done.code == 0, done
    assert sorted(path.name for path in early.iterdir()) == [
        ".whiteout-lab", "cells", "plan.json", "report.html", "results.json",
    ]  # fmt: skip


@pytest.mark.real
def test_of_two_that_go_on_with_a_run_at_once_one_does(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHITEOUT_LAB_WORK", str(tmp_path / "work"))
    there = shutil.copytree(undisturbed / "run", tmp_path / "run")
    rewrite_plan(msgspec.structs.replace(read_plan(there / PLAN), folder=str(there)))
    refused: list[UsageError] = []

    def second() -> None:
        try:
            begin.resume_run(there).stack.close()
        except UsageError as error:
            refused.append(error)

    other = threading.Thread(target=second)

    def meanwhile(plan: PlanFile, folder: Path) -> dict[str, CellResult]:
        if not other.ident:
            other.start()
            other.join(1)
        return whole_cells(plan, folder)

    monkeypatch.setattr(begin, "whole_cells", meanwhile)
    run = begin.resume_run(there)
    other.join()
    run.stack.close()
    assert [error.what for error in refused] == ["it is still running"]
