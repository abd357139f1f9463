"""``list``: a line for each scenario, cells and what does not apply on demand, and a reader who has read enough."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.machine.process import run
from harness.runs.folders import project_folder

ONE = """schema = 1
title = "a title of its own"
guards = "g"
on = ["kernel"]
profiles = ["user"]
steps = [{ do = "mkdir", path = "a" }]
"""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A scenario of which one combination of kernel and profile is no cell."""
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WHITEOUT_LAB_WORK", str(tmp_path / "work"))
    path = tmp_path / "one.toml"
    path.write_text(ONE)
    return str(path)


def _lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["list", *words, "--tool", "kernel"]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_scenario_is_one_line_with_its_title_and_its_count(one: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _lines(capsys, one)
    states = [cell["state"] for cell in _cells(capsys, one)]
    tally = f"{states.count('runs')} run" + (", 1 skipped" if "skipped" in states else "")
    assert [line.split(maxsplit=1) for line in lines if line.startswith("one")] == [
        ["one", f"{tally}  a title of its own"]
    ]
    assert not any("[kernel" in line for line in lines)
    assert lines[-1] == "more: --cells, --excluded"


def _cells(capsys: pytest.CaptureFixture[str], one: str) -> list[dict[str, str]]:
    whole = json.loads("\n".join(_lines(capsys, one, "--json")))
    assert set(whole) == {"schema", "cells", "unavailable"}
    cells: list[dict[str, str]] = whole["cells"]
    assert all(set(cell) == {"id", "state", "reason", "remedy"} for cell in cells)
    return cells


def test_cells_and_what_is_excluded_are_shown_on_demand(one: str, capsys: pytest.CaptureFixture[str]) -> None:
    cells = _cells(capsys, one)
    wanted = {cell["id"] for cell in cells if cell["state"] != "excluded"}
    excluded = {cell["id"] for cell in cells if cell["state"] == "excluded"}
    assert wanted
    assert excluded

    def shown(*words: str) -> set[str]:
        return {line.split()[1] for line in _lines(capsys, one, *words) if "[kernel" in line}

    assert shown("--cells") == wanted
    assert shown("--excluded") == excluded
    assert shown("--cells", "--excluded") == wanted | excluded
    assert all(cell["reason"] for cell in cells if cell["id"] in excluded)
    reasons = {cell["reason"] for cell in cells if cell["id"] in excluded}
    assert all(any(reason in line for line in _lines(capsys, one, "--excluded")) for reason in reasons)


@pytest.mark.parametrize("words", [["list"], ["list", "--cells", "--excluded"], ["explain"], ["schema"], ["--help"]])
def test_a_reader_who_has_read_enough_is_no_failure(words: list[str]) -> None:
    """The pipe's other end is closed before the first word: each write of the program fails."""
    script = '{ "$0" -m harness "$@"; echo "code $?" >&2; } | :'
    done = run(["sh", "-c", script, sys.executable, *words], cwd=project_folder(), env=dict(os.environ), timeout=120)
    assert done.err == "code 0\n"
