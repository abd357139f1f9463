"""Whole runs on real tools, from the command line to the report."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.launch.leaks import find_leaks
from harness.machine.process import Finished, run
from harness.runs.folders import project_folder
from harness.worlds.build import worlds_in_place

pytestmark = [pytest.mark.real, pytest.mark.worlds]

GHOST = project_folder() / "scenarios" / "fuse-overlayfs" / "ghost-marker.toml"


SMALL = 'schema = 1\ntitle = "t"\nguards = "g"\nsteps = [{ do = "mkdir", path = "a" }]\n'


@pytest.fixture(autouse=True)
def _a_world() -> None:
    if not worlds_in_place():
        if os.environ.get("WHITEOUT_LAB_STRICT") == "1":
            pytest.fail("no world is built")
        pytest.skip("no world is built: whiteout-lab worlds build")


def lab(*words: str | Path, work: Path | None = None) -> Finished:
    env = {**os.environ, "WHITEOUT_LAB_STRICT": "", **({"WHITEOUT_LAB_WORK": str(work)} if work else {})}
    return run([sys.executable, "-m", "harness", *words], env=env, cwd=project_folder(), timeout=300)


def cells(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "results.json").read_bytes())["cells"]
    return [cell for cell in found if cell["outcome"] != "skipped"]


def founding(folder: Path) -> Path:
    """The founding case under another name."""
    return Path(shutil.copy(GHOST, folder / "founding.toml"))


def nothing(folder: Path) -> Path:
    """A folder of defect files without any: nothing is known."""
    (folder / "nothing").mkdir()
    return folder / "nothing"


def test_the_founding_bug_is_known_and_the_run_is_as_expected(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = lab("run", founding(tmp_path), "--out", out)
    assert done.code == 0, done
    assert str(out / "report.html") in done.out.splitlines()[-1]
    assert "<h1" in (out / "report.html").read_text(encoding="utf-8")
    assert all(cell["outcome"] == "passed" for cell in cells(out))


def test_with_every_defect_file_away_each_finding_is_new(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = lab("run", GHOST, "--defects", nothing(tmp_path), "--out", out)
    assert done.code == 1, done
    by_kind: dict[str, set[str]] = {}
    for cell in cells(out):
        assert not any(finding.get("known") or finding.get("back") for finding in cell.get("findings", []))
        by_kind.setdefault(cell["tool"]["name"], set()).update(f["code"] for f in cell.get("findings", []))
    assert "WL101" in by_kind["fuse-overlayfs"]
    assert "WL101" in by_kind["fuse-overlayfs+stack"]
    assert "WL101" not in by_kind["kernel"]
    assert re.search(r"NEW .*WL101", done.out)


def test_a_failing_cell_prints_both_trees_and_the_command_for_it_alone(tmp_path: Path) -> None:
    path = founding(tmp_path)
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "harness.cli.pytest_plugin",
        path,
        "-k",
        "fuse-overlayfs",
        "--lab-defects",
        nothing(tmp_path),
        "--lab-out",
        tmp_path / "run",
    ]
    done = run([*words, "-x"], cwd=project_folder(), timeout=120)
    assert done.code == 1
    assert "must be" in done.out
    assert re.search(r"a/new/\.wh\.\.opq +· +· +· +char \[c 0:0\]", done.out), done.out
    assert re.search(r"alone: whiteout-lab run --only 'founding\[fuse-overlayfs-[^']*'", done.out)
    assert len(re.findall(r"^FAILED|^FINDING", done.out, re.MULTILINE)) <= 1, "-x stops at the first"


def test_pytest_selects_and_distributes_cells(tmp_path: Path) -> None:
    words: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        GHOST,
        "-k",
        "kernel and not nouserxattr",
        "-n",
        "2",
        "--lab-out",
        tmp_path / "run",
        "-v",
    ]
    done = run(words, cwd=project_folder(), timeout=120)
    assert done.code == 0, done.out
    ids = set(re.findall(r"ghost-marker\[[^]]*\]", done.out))
    assert ids
    assert all(re.fullmatch(r"ghost-marker\[kernel-[\w.~+-]+-(root|user)\]", cell) for cell in ids), ids
    assert {cell["id"] for cell in cells(tmp_path / "run")} <= ids


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "--tool", "fuse-overlafs"], 2, "did you mean fuse-overlayfs"),
        (["run", "--tool", "fuse-overlayfs=/etc/passwd"], 2, "not executable"),
        (["run", "ghost-markr"], 2, "did you mean ghost-marker"),
        (["run", "/etc/passwd"], 2, "no scenario file"),
        (["run", "--only", "ghost-marker[nothing]"], 2, "no cell"),
        (
            ["run", "fuse-on-fuse", "--tool", "kernel+nouserxattr"],
            2,
            "every cell is excluded: the scenario is for fuse-overlayfs (2",
        ),
        (["run", "ghost-marker", "--tool", "kernel", "--tool", "singularity-ce"], 3, "--tool singularity-ce=FOLDER"),
        (["run", "--only", "ghost-marker[singularity-ce-4.5.0-root]"], 3, "--tool singularity-ce=FOLDER"),
        (["script", "ghost-marker[kernel]"], 2, "did you mean"),
        (["inspect", "/nowhere"], 2, "there is nothing"),
        (["inspect", "/etc/passwd"], 3, "no tar"),
        (["explain", "WL999"], 2, "WL"),
        (["report", "/nowhere", "--output", "/nowhere/r.html"], 3, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_one_message(
    words: Sequence[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WHITEOUT_LAB_SINGULARITY", raising=False)
    done = lab(*words)
    assert done.code == code, done
    assert said in done.err
    assert "Traceback" not in done.err + done.out
    assert len(done.err.strip().splitlines()) <= 3


def test_a_run_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    for before in (None, "0"):
        monkeypatch.delenv(name, raising=False) if before is None else monkeypatch.setenv(name, before)
        assert main(["run", "fuse-on-fuse", "--tool", "kernel+nouserxattr"]) == 2
        assert os.environ.get(name) == before


@pytest.mark.parametrize("limit", ["-3", "0", "nan", "inf", "1e300", "soon"])
def test_a_time_limit_is_a_number_above_nothing(limit: str) -> None:
    done = lab("run", GHOST, f"--timeout={limit}")
    assert done.code == 2, done
    assert "is no number of seconds above 0" in done.err
    done = run([sys.executable, "-m", "pytest", GHOST, f"--lab-timeout={limit}"], cwd=project_folder())
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "is no number of seconds above 0" in done.err


@pytest.mark.parametrize("written", ["{}/here/../case.toml", "{}/link/case.toml", "{}/case.toml", "../case.toml"])
@pytest.mark.parametrize("folder", ["plain", "co[x]", "a::b", "d d"])
def test_a_scenario_runs_however_its_path_is_written(written: str, folder: str, tmp_path: Path) -> None:
    top = tmp_path / folder
    (top / "here").mkdir(parents=True)
    (top / "link").symlink_to(top)
    (top / "case.toml").write_text(SMALL)
    words = ["run", written.format(top), "--tool", "kernel", "--out", str(tmp_path / "run"), "--profile", "root"]
    done = run(
        [sys.executable, "-m", "harness", *words], cwd=top / "here", timeout=60,
        env={**os.environ, "PYTHONPATH": str(project_folder()), "WHITEOUT_LAB_STRICT": ""},
    )  # fmt: skip
    assert done.code in {0, 77}, done
    results = json.loads((tmp_path / "run" / "results.json").read_bytes())
    assert [cell["scenario"] for cell in results["cells"]] == ["case"]


def test_a_checkout_runs_whatever_its_folder_is_called(tmp_path: Path) -> None:
    """And a ``conftest.py`` and settings of pytest that lie where the user is are none of its business."""
    checkout = tmp_path / "co[x]"
    for part in ("harness", "scenarios"):
        shutil.copytree(project_folder() / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "conftest.py").write_text("raise SystemExit(9)\n")
    (checkout / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    words = ["run", "xattr-whiteouts", "--tool", "kernel", "--profile", "root", "--out", str(tmp_path / "run")]
    done = run([sys.executable, "-P", "-m", "harness", *words], cwd=checkout, timeout=60,
               env={**os.environ, "PYTHONPATH": str(checkout), "WHITEOUT_LAB_STRICT": ""})  # fmt: skip
    assert done.code in {0, 77}, done
    assert (tmp_path / "run" / "results.json").exists()


def test_a_slip_of_the_author_is_told_once_before_any_cell(tmp_path: Path) -> None:
    (tmp_path / "slip.toml").write_text(SMALL.replace("mkdir", "mkdri") + 'also = ["kernal"]\n')
    done = lab("run", tmp_path / "slip.toml", GHOST, "--out", tmp_path / "run")
    assert done.code == 2, done
    assert done.err.count("did you mean 'mkdir'") == 1
    assert done.err.count("did you mean 'kernel'") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("moment", [0.5, 1.2, 2.0])
def test_sigkill_of_the_whole_run_leaves_nothing(moment: float, tmp_path: Path) -> None:
    work = tmp_path / "work"
    child = os.fork()
    if child == 0:
        os.setsid()
        os.environ["WHITEOUT_LAB_WORK"] = str(work)
        with Path(os.devnull).open("w", encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        os.chdir(project_folder())
        os.execv(
            sys.executable,
            [sys.executable, "-m", "harness", "run", "--profile", "user", "--out", str(tmp_path / "run")],
        )
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for _ in range(200):
        left = [str(path) for path in work.glob("run-*")] + [
            leak for leak in find_leaks(work) if "the folder" not in leak
        ]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with (tmp_path / "log").open("w", encoding="utf-8") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.chdir(project_folder())
        os.execv(
            sys.executable,
            [sys.executable, "-m", "harness", "run", "--profile", "user", "--out", str(tmp_path / "run")],
        )
    for _ in range(300):
        with contextlib.suppress(FileNotFoundError):
            if len(list((tmp_path / "run" / "cells").iterdir())) > 3:
                break
        time.sleep(0.05)
    os.kill(child, signal.SIGINT)
    status = os.waitpid(child, 0)[1]
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert os.waitstatus_to_exitcode(status) == 130, log
    assert "Traceback" not in log
    assert (tmp_path / "run" / "report.html").exists()
    assert len(cells(tmp_path / "run")) > 0


def test_strict_makes_a_missing_world_a_failure(tmp_path: Path) -> None:
    env = {**os.environ, "WHITEOUT_LAB_CACHE": str(tmp_path / "empty")}
    words = [sys.executable, "-m", "harness", "run", "ghost-marker", "--tool", "fuse-overlayfs"]
    done = run([*words, "--strict"], env={**env, "WHITEOUT_LAB_STRICT": ""}, cwd=project_folder(), timeout=60)
    assert done.code == 3, done
    assert "is not built (strict" in done.err
    assert "worlds build" in done.err


@pytest.mark.parametrize("keep", ["never", "failed"])
def test_recordings_that_are_not_kept_are_not_missed(keep: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = lab("run", GHOST, "--tool", "kernel", "--profile", "user", "--keep", keep, "--out", out)
    assert done.code in {0, 77}, done
    assert not (tmp_path / "latest").is_symlink(), "a folder that --out named gets nothing beside it"
    assert list((out / "cells").glob("*")) == []
    assert lab("report", out, "--output", tmp_path / "again.html").code == 0


def test_collecting_alone_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run([sys.executable, "-m", "pytest", GHOST, "--collect-only", "-q", "--lab-out", out], cwd=project_folder())
    assert "ghost-marker[" in done.out
    assert not out.exists()
