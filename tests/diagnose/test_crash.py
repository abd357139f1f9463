"""A machine that crashes under a kernel's own overlay: a real kernel, real disks, each state mounted again."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.cli.main import main
from harness.cli.working import working
from harness.diagnose.crash import crash_cell, fits
from harness.diagnose.faults import Came, FaultCell, read_faults
from harness.diagnose.observe import shell
from harness.launch.guest import not_started
from harness.profile import Profile
from harness.report.faults import faults_page
from harness.runs.decide import Wanted, decide, obstacles_here
from harness.runs.folders import scenario_files
from harness.scenario.loader import load_all
from harness.tools.guests import discover_guests
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Part, Tool, World
from harness.worlds.suites import GUEST


def guest() -> Tool:
    (tool,) = (one for one in discover_guests(worlds_in_place()) if isinstance(one, Tool))
    return tool


def crashed(scenario: str) -> FaultCell:
    (one,) = load_all(scenario_files((scenario,)))
    with working("test", 60.0) as context:
        return crash_cell(Cell(one, guest(), Profile.ROOT), context, ())


@pytest.mark.real
@pytest.mark.worlds
def test_each_commit_of_a_step_is_one_change_and_users_see_the_tree_before_or_after_it() -> None:
    """rm(1) of a directory with lower content, and mkdir(1) over its whiteout: what the kernel does below, in its order."""
    found = crashed("ghost-marker-remade")
    assert found.id == f"ghost-marker-remade[kernel-{guest().version}-root]"
    removing, making = ([one for one in found.faults if one.point.step == step] for step in (0, 1))
    assert [came for came, _ in itertools.groupby(one.came for one in removing)] == ["before", "between", "after"]
    assert [came for came, _ in itertools.groupby(one.came for one in making)] == ["before", "after"]
    lines = " | ".join(one.point.call for one in removing)
    assert re.search(
        r"upper/a made: dir.* → upper/a/f \|.* upper/a ↔ work/work/#\w+; upper/a: trusted.overlay.opaque=y.* upper/a ↔ work/work/#",
        lines,
    )
    assert re.search(r"commit 2: upper/a ↔ work/work/#\w+", making[1].point.call)


@pytest.mark.real
@pytest.mark.worlds
def test_a_state_that_is_neither_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that is not one: something else has the name meanwhile."""
    rename = b"""rename() { mkdir "$2" && rmdir "$2" && perl -e 'rename $ARGV[0], $ARGV[1] or exit 1' "$1" "$2"; }\n"""
    monkeypatch.setattr(
        "harness.diagnose.crash.shell", lambda name: shell(name) + (rename if name == "crash_step" else b"")
    )
    found = crashed("restore-by-rename")
    assert Came.WRONG in {one.came for one in found.faults}
    (finding, *_) = (finding for one in found.faults for finding in one.findings)
    assert finding.code == "WL401"
    assert finding.message.startswith("after a crash amid rename: ")


@pytest.mark.real
@pytest.mark.worlds
def test_what_is_another_tree_without_a_crash_says_nothing() -> None:
    """The kernel does not read the marks of others (opaque-dialects-user): that is no crash's doing."""
    found = crashed("opaque-dialects-user")
    assert {one.came for one in found.faults} == {Came.MISSED}
    assert "before the first step" in found.faults[0].why


@pytest.mark.real
@pytest.mark.worlds
def test_on_the_command_line_and_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "ghost-marker", "--tool", "kernel", "--verbose", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"ghost-marker[kernel-{guest().version}-root]" in said
    assert "step 1, crash: mkdir a/new: commit 3: upper/a/new made: dir: after" in said
    page = faults_page(read_faults(tmp_path))
    assert page is not None
    assert [(row.tool, row.fault, row.points) for row in page.rows] == [(f"kernel {guest().version} root", "crash", 3)]
    (table,) = page.crashes
    assert table.steps[0].lines[-1] == ("commit 3: upper/a/new made: dir", "after")


@pytest.mark.real
@pytest.mark.worlds
def test_a_kernel_that_the_user_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs in the guest's world, at the release that its file names; what is none is said before anything runs."""
    mine = tmp_path / "linux"
    shutil.copy(guest().world.root / "usr/bin/linux.uml", mine)
    assert main(["faults", "ghost-marker", "--tool", "kernel", "--tool", f"kernel:{guest().version}:mine={mine}"]) == 0
    assert f"ghost-marker[kernel-{guest().version}+mine-root]: 2 before, 1 after" in capsys.readouterr().err
    (tool,) = (
        one for one in discover_guests(worlds_in_place(), [f"kernel={mine}", "fuse-overlayfs"]) if isinstance(one, Tool)
    )
    assert (tool.version, tool.origin) == (guest().version, "given")
    assert main(["faults", "ghost-marker", "--tool", "kernel=/bin/true"]) == 2
    assert "no kernel that is a program" in capsys.readouterr().err
    assert main(["run", "ghost-marker", "--tool", f"kernel={mine}"]) == 2
    assert "a kernel of yours runs no ordinary cell" in capsys.readouterr().err


def test_why_a_kernel_does_not_start() -> None:
    """Seen with 6.1 and 6.12 on a processor with AMX: the one line, of some forty, that says why."""
    (scenario,) = load_all(scenario_files(("ghost-marker",)))
    tool = Tool("kernel", Part("kernel", "6.1", "", "", ""), World("guest", Path("/")))
    said = not_started(
        tool,
        "Run /init as init process\nuserspace - ptrace set fp regs failed, errno = 14\nKernel panic\n",
        "",
        timed_out=False,
    )
    assert "does not start on this processor" in said.what
    assert GUEST in said.remedy
    assert not_started(tool, "mount failed\nall is well\n", "", timed_out=True).what.endswith(": mount failed")
    assert not_started(tool, "", "", timed_out=True).what.endswith("past its limit")
    assert fits(Cell(scenario, tool, Profile.ROOT)) == ""


@pytest.mark.real
@pytest.mark.worlds
@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel's cells of the profile root are root's")
def test_why_tells_of_a_kernel_what_a_guest_does_in_the_same_steps(capsys: pytest.CaptureFixture[str]) -> None:
    cell = next(one.id for one in _kernel_cells() if one.profile is Profile.ROOT)
    assert main(["why", cell]) == 0
    said = capsys.readouterr().out
    assert f"kernel {guest().version}, a guest, in the same steps" in said
    assert re.search(r"step    1, rm a\n +commit 1: .*\n(.*\n)*.*upper/a ↔ work/work/#", said)


def _kernel_cells() -> list[Cell]:
    plan = decide(Wanted(("ghost-marker-remade",), ("kernel",)), obstacles_here(), lambda _: None)
    return [one for one in plan.cells() if isinstance(one, Cell)]
