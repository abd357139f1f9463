"""The disk of a run's folder is full in the midst of a run: said in plain words; what was whole stays, and the run is gone on with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from harness.judge.findings import Outcome
from harness.machine.guarded import MARKER
from harness.machine.process import run
from harness.runs.accounts import accounts
from harness.runs.folders import project_folder
from harness.runs.results import read_results
from tests.namespaces import own_mounts
from tests.runs.test_resume import environment

# $1: folder   the rest: the program
_NIGHT = r"""
folder=$1; shift
mount -t tmpfs -o size=400k tmpfs "$folder/disk" || exit 99
go() { "$@" --jobs 2 >>"$folder/words" 2>&1; echo $? >>"$folder/codes"; }
go "$@" run ghost-marker replace-loop-emptied --tool kernel --out "$folder/disk/run"
ls "$folder/disk/run/cells" >"$folder/first"
find "$folder/disk/run/cells" -name recording.json -exec stat -c '%n %y' {} + >"$folder/whole"
mount -o remount,size=20m "$folder/disk"
go "$@" nightly --baseline "$folder/none" --resume "$folder/disk/run"
find "$folder/disk/run/cells" -name recording.json -exec stat -c '%n %y' {} + >"$folder/then"
cp -r "$folder/disk/run" "$folder/run"
"""


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system; run as root")
def test_a_disk_that_fills_in_the_midst_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    env = environment(tmp_path)
    done = run(
        own_mounts(_NIGHT, tmp_path, sys.executable, "-m", "harness"), cwd=project_folder(), env=env, timeout=300
    )
    words = (tmp_path / "words").read_text()
    if "nothing to run" in words:
        pytest.skip("nothing can be run here: see whiteout-lab doctor")
    assert done.ok, done
    first, second = (tmp_path / "codes").read_text().split()
    assert first == "3", words
    assert "Traceback" not in words
    assert "the recording cannot be written: No space left on device" in words
    assert "make room there" in words
    whole = (tmp_path / "whole").read_text().splitlines()
    assert 0 < len(whole) < 4, "the disk was full in the midst of it"
    assert len((tmp_path / "first").read_text().splitlines()) == len(whole), "nothing half-written is left"
    assert second == "0", words
    assert {*whole} < {*(tmp_path / "then").read_text().splitlines()}, "what was whole is not run again"
    cells = [cell for cell in read_results(tmp_path / "run").cells if not cell.excluded]
    assert [cell.outcome for cell in cells] == [Outcome.PASSED] * 4
    assert len(accounts(cells).of) == 4
    assert [path.name for path in (tmp_path / "cache/work").iterdir()] == [MARKER]
