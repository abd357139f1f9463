"""The readings of a run, on real tools: what cells wrote, sealed, and the truth table, given to the readers of the run."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.judge.findings import Outcome
from harness.launch.cell import CellContext
from harness.launch.leaks import find_leaks
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.readings.batch import DIED, Saw, run_batch
from harness.readings.given import Given
from harness.readings.results import Came, Readings, Source, read_readings
from harness.readings.taker import Role, Taker
from harness.runs.folders import work_parent
from harness.runs.givings import truths
from harness.runs.planfile import PLAN, read_plan
from harness.runs.readings import Giver
from harness.runs.results import read_results
from harness.tools.discover import discover
from harness.worlds.host import host_world
from harness.worlds.model import Tool

pytestmark = [pytest.mark.real, pytest.mark.worlds]
TOOLS = ["--tool", "kernel", "--tool", "fuse-overlayfs@trixie"]
# For whom each target is sealed: program, profile.
FOR = {
    "kernel": [("kernel", Profile.ROOT)],
    "userxattr": [("kernel", Profile.USER)],
    "fuse": [("fuse-overlayfs", Profile.ROOT), ("fuse-overlayfs", Profile.USER)],
    "all": [(name, profile) for name in ("kernel", "fuse-overlayfs") for profile in Profile],
    "oci": [("fuse-overlayfs", Profile.ROOT), ("fuse-overlayfs", Profile.USER)],  # who honours .wh. files too
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The founding case, and everything that is read of it."""
    folder = tmp_path_factory.mktemp("readings") / "run"
    assert main(["run", "ghost-marker", "ghost-marker-remade", *TOOLS, "--readings", "all", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def readings(run: Path) -> Readings:
    found = read_readings(run)
    assert found is not None
    return found


def test_every_upper_of_the_run_is_given_once_to_every_reader(run: Path, readings: Readings) -> None:
    written = [one for one in readings.givens if one.source is Source.UPPER]
    cells = {cell.id for cell in read_results(run).cells if cell.folder}
    assert {writer for one in written for writer in one.writers} == cells
    assert len({one.key for one in written}) == len(written)
    by_given = {one.key: {f.taker for f in readings.fields if f.given == one.key} for one in written}
    assert all(takers == {one.key for one in readings.takers} for takers in by_given.values())
    assert {one.role for one in readings.takers} == {"lower", "upper"}


def test_nothing_broke_and_nothing_is_new(readings: Readings) -> None:
    assert [one.reason for one in readings.fields if one.came is Came.BROKEN] == []
    assert [finding.message for one in readings.fields for finding in one.new] == []


def test_what_fuse_overlayfs_wrote_brings_content_back_in_the_kernel(readings: Readings) -> None:
    """The founding case, one reader on: opaque by a file and an xattr of its own, where a user wrote it."""
    (given,) = [
        one
        for one in readings.givens
        if one.source is Source.UPPER
        and any(w.startswith("ghost-marker-remade[fuse") and w.endswith("user]") for w in one.writers)
    ]
    came = {one.taker: one for one in readings.fields if one.given == given.key}
    kernel = [field for key, field in came.items() if key.startswith("kernel-")]
    fuse = [field for key, field in came.items() if key.startswith("fuse-overlayfs-")]
    assert kernel
    assert all(one.came is Came.DIFFERS and any(f.code == "WL201" for f in one.findings) for one in kernel)
    assert fuse
    assert all(one.came is Came.SAME for one in fuse)


@pytest.mark.parametrize("target", sorted(FOR))
def test_what_is_sealed_is_read_as_it_is_meant_by_those_it_is_sealed_for(target: str, readings: Readings) -> None:
    layers = {
        one.key for one in readings.givens if one.source is Source.SEALED and target in {by for _, by in one.origins}
    }
    assert layers
    asked = {one.key for one in readings.takers if (one.tool.program, one.profile) in FOR[target]}
    fields = [one for one in readings.fields if one.given in layers and one.taker in asked]
    left_out = [one for one in fields if one.came is Came.LEFT_OUT]
    assert os.geteuid() != 0 or not left_out
    shown = {(finding.code, finding.path) for one in fields for finding in one.findings}
    if target == "all":  # to each reader the marks of the others are xattrs like any
        shown -= {(code, path) for code, path in shown if code == "WL204"}
        assert any(one.came is Came.SAME for one in fields)
    assert shown == set()


def test_each_script_is_kept_with_its_evidence_and_nothing_is_left(run: Path, readings: Readings) -> None:
    kept = {path.name.partition(".uppers")[0] for path in (run / "readings").glob("*.uppers.*.tar.gz")}
    assert kept == {one.key for one in readings.takers}
    assert find_leaks(Path(read_plan(run / PLAN).work)) == []
    page = (run / "report.html").read_text()
    assert "Who reads what" in page
    assert "a name at the root" in page  # the truth table
    assert "sealed for userxattr" in page


def _given_once(tmp_path: Path, dies: Callable[[int], bool]) -> tuple[list[int], Readings]:
    """Three encodings to the kernel; in the calls that are said the first dies and the second breaks. How many were given in each call."""
    kernel = next(one for one in discover([host_world()], ["kernel"]) if isinstance(one, Tool))
    calls: list[int] = []

    # In place of a daemon that dies when one likes, which cannot be had.
    def run_some(taker: Taker, givens: Sequence[Given], context: CellContext, keep_at: Path | None = None) -> list[Saw]:
        saw = run_batch(taker, givens, context, keep_at)
        calls.append(len(givens))
        if dies(len(calls)):
            saw[:2] = [Saw(DIED, "gone", exits=(1,)), Saw(None, broken="no room")]
        return saw

    with (
        work_folder(work_parent(), f"test-{tmp_path.name}-{os.getpid()}") as work,
        pytest.MonkeyPatch.context() as patch,
    ):
        giver = Giver(tmp_path, CellContext(work, platform.release(), {}), [], 1, lambda *_: False)
        patch.setattr("harness.runs.readings.run_batch", run_some)
        giver.give("encodings", [Taker(kernel, Profile.USER, Role.LOWER)], truths()[:3])
    return calls, giver.readings()


def test_a_reading_with_something_new_is_done_again(tmp_path: Path) -> None:
    calls, once = _given_once(tmp_path, lambda call: call == 1)
    assert calls == [3, 2, 2]
    first, second, third = once.fields
    assert [(one.code, one.times, one.of) for one in first.unsteady] == [("WL208", 1, 3)]
    assert Came.BROKEN not in {first.came, second.came, third.came}
    assert (first.findings, once.outcomes) == ((), set())
    assert {path.name.split(".encodings.")[1] for path in (tmp_path / "readings").iterdir()} == {
        "1.tar.gz", "1.again-1.tar.gz", "1.again-2.tar.gz",
    }  # fmt: skip


def test_what_comes_each_time_fails_the_run(tmp_path: Path) -> None:
    calls, always = _given_once(tmp_path, lambda _: True)
    assert calls == [3, 2, 2]
    assert [one.code for one in always.fields[0].new] == ["WL208"]
    assert always.outcomes == {Outcome.FINDING, Outcome.BROKEN}
