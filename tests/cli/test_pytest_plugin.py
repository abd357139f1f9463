"""Scenario files as pytest items, by pytest itself in a process of its own: what is collected, selected, skipped, and how it ends.

The worlds are kept out (an empty cache), so that the kernel's overlay is the only tool: a tiny scenario on it is a second.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main as lab
from harness.cli.pytest_plugin import PROPERTY, pytest_report_teststatus, result_of
from harness.machine.process import Finished, run
from harness.runs.folders import project_folder
from harness.runs.results import read_results
from tests.factory import FakeCell, make_run

TINY = """schema = 1
title = "make a directory"
guards = "it is there"
on = ["kernel"]
profiles = ["user"]
steps = [{ do = "mkdir", path = "a" }]
"""
DEFECT = """schema = 1
title = "a whiteout that nobody writes"
program = "kernel"
versions = ["any"]
effect = "litter"
cause = "long ago it was so, and it is no more"
remedy = "nothing is to be done"
seen = "2026-11-24"
witnesses = ["tiny"]
signs = [{ codes = ["WL102"] }]
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder of scenarios as a project has it, and beside it a file of the user's own that is none."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/tiny.toml").write_text(TINY)
    (tmp_path / "scenarios/other.toml").write_text(TINY)
    (tmp_path / "settings.toml").write_text("colour = 1\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.cli.pytest_plugin"]\n')
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


def by_pytest(here: Path, *words: str | Path) -> Finished:
    env = os.environ | {
        "PYTHONPATH": str(project_folder()),
        "WHITEOUT_LAB_CACHE": str(here / "cache"),
        "WHITEOUT_LAB_WORK": str(here / "work"),
        "WHITEOUT_LAB_STRICT": "",
        "WHITEOUT_LAB_SINGULARITY": "",
    }
    options = ("-p", "no:cacheprovider", "--lab-tool=kernel")
    return run([sys.executable, "-m", "pytest", *options, *words], cwd=here, env=env, timeout=120)


def ids(done: Finished) -> set[str]:
    """The cells that are named, without the kernel's version."""
    return {f"{name}[kernel-{profile}]" for name, profile in re.findall(r"(\w+)\[kernel-[^]]+-(root|user)\]", done.out)}


def cells(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "results.json").read_bytes())["cells"]
    return found


@pytest.mark.parametrize(
    ("words", "collected"),
    [
        (["scenarios"], {"tiny[kernel-user]", "other[kernel-user]"}),
        (["."], {"tiny[kernel-user]", "other[kernel-user]"}),
        (["scenarios/.."], {"tiny[kernel-user]", "other[kernel-user]"}),
        (["scenarios/tiny.toml"], {"tiny[kernel-user]"}),
        (["scenarios", "-k", "tiny"], {"tiny[kernel-user]"}),
        (["scenarios", "--lab-profile=root"], set()),
        (["test_own.py"], set()),
    ],
)
def test_what_is_collected(words: list[str], collected: set[str], here: Path) -> None:
    done = by_pytest(here, *words, "--collect-only", "-q", "--lab-out", here / "run")
    assert ids(done) == collected, done
    assert ("test_own" in done.out) is (words in (["."], ["scenarios/.."], ["test_own.py"]))
    assert not (here / "run").exists(), "nothing ran, so nothing is left"
    assert not list((here / "work").glob("run-*"))


def test_tests_that_name_no_scenario_make_no_plan(here: Path) -> None:
    done = by_pytest(here, "test_own.py", "-q")
    assert done.code == 0, done
    assert not (here / "cache").exists()
    assert not (here / "reports").exists()


def test_a_mistake_in_a_file_is_told_and_nothing_runs(here: Path) -> None:
    (here / "scenarios/tiny.toml").write_text(TINY.replace("mkdir", "mkdri"))
    done = by_pytest(here, "scenarios", "-q", "--lab-out", here / "run")
    assert done.code != 0
    assert "did you mean 'mkdir'" in done.out + done.err
    assert not (here / "run").exists()


@pytest.mark.real
@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_cells_bring_their_results_home_from_wherever_they_ran(workers: list[str], here: Path) -> None:
    done = by_pytest(here, "scenarios", *workers, "-v", "--lab-out", here / "run")
    assert done.code in {0, 77}, done
    found = [cell for cell in cells(here / "run") if not cell.get("excluded")]
    assert {cell["scenario"] for cell in found} == {"tiny", "other"}
    assert all((here / "run" / cell["folder"] / "recording.json").exists() for cell in found if "folder" in cell)
    assert (here / "run/report.html").exists()
    assert not list((here / "work").glob("run-*"))


@pytest.mark.real
def test_a_finding_fails_its_item_with_its_words_and_the_command_for_it_alone(here: Path) -> None:
    (here / "defects").mkdir()
    (here / "defects/long-ago.toml").write_text(DEFECT)
    done = by_pytest(here, "scenarios", "-v", "--lab-out", here / "run", "--lab-defects", here / "defects")
    by_name = {cell["scenario"]: cell for cell in cells(here / "run") if not cell.get("excluded")}
    if by_name["tiny"]["outcome"] == "skipped":
        pytest.skip(by_name["tiny"]["reason"])
    assert done.code == 1, done
    assert (by_name["tiny"]["outcome"], by_name["other"]["outcome"]) == ("finding", "passed")
    assert re.search(r"tiny\[[^]]*\] FINDING", done.out)
    assert "seems fixed" in done.out
    assert re.search(r"alone: whiteout-lab run --only 'tiny\[kernel-[^]]*\]'", done.out)
    assert "Traceback" not in done.out


def test_run_hands_on_the_plan_and_nothing_else_that_was_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the command line says is read once: what pytest gets besides does not depend on it."""
    handed: list[list[str]] = []

    def main(words: list[str], plugins: list[object]) -> int:
        handed.append(words)
        return int(pytest.ExitCode.INTERNAL_ERROR) if plugins else 0

    monkeypatch.setattr("harness.cli.run.pytest.main", main)
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WHITEOUT_LAB_SINGULARITY", "")
    monkeypatch.setenv("WHITEOUT_LAB_STRICT", "")
    plain = ["run", "ghost-marker", "--out", str(tmp_path / "a"), "--jobs", "2"]
    more = ["--tool", "kernel", "--profile", "user", "--keep", "never", "--timeout", "7", "--repeat", "3", "--verbose"]
    for words in (plain, [*plain[:3], str(tmp_path / "b"), "--jobs", "2", *more, "--defects", str(tmp_path)]):
        assert lab(words) == 3
    a, b = (
        [word.replace(str(tmp_path / name), "RUN") for word in words] for name, words in zip("ab", handed, strict=True)
    )
    assert a == b
    assert [word for word in a if word.startswith("--lab")] == ["--lab-plan=RUN/plan.json"]
    assert not (tmp_path / "a").exists(), "nothing ran, so nothing is left"


def test_a_report_carries_a_result_once_and_gives_it_its_own_name(tmp_path: Path) -> None:
    import msgspec  # noqa: PLC0415

    results = read_results(make_run(tmp_path / "run", [FakeCell(version="1.10"), FakeCell(broken="full")]))

    def report(when: str, number: int) -> pytest.TestReport:
        carried = [(PROPERTY, msgspec.json.encode(results.cells[number]).decode())]
        return pytest.TestReport("n", ("", None, "n"), {}, "failed", None, when, user_properties=carried)  # type: ignore[arg-type]

    assert result_of(report("call", 0)) == results.cells[0]
    assert result_of(report("setup", 0)) is None
    assert result_of(report("teardown", 0)) is None
    assert pytest_report_teststatus(report("call", 0)) == ("failed", "F", "FINDING")
    assert pytest_report_teststatus(report("call", 1)) == ("failed", "B", "BROKEN")
    other = pytest.TestReport("n", ("", None, "n"), {}, "failed", None, "call")
    assert result_of(other) is None
    assert pytest_report_teststatus(other) is None
