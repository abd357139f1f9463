"""Cells of containers on real tools: the founding case end to end, and what happens when something on the way goes wrong."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.errors import UsageError
from harness.judge.findings import Outcome
from harness.judge.judge import Verdict, judge
from harness.launch.cell import CellContext, Ran, run_cell
from harness.launch.leaks import find_leaks
from harness.places import IMPORTED, ORACLE, PUSHED, READONLY, SEALED, SEALED_VIEW, UPPER, VIEW, PlaceName
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.tools.discover import discover
from harness.tools.installed import installations
from harness.whiteouts.encodings import Encoding
from harness.whiteouts.markers import find_markers
from harness.worlds.build import worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Tool

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="containers in cells need root; run as root"),
]

REMADE = b"""
schema = 1
title = "replace a directory"
guards = "a remade directory is opaque, and nothing else"
steps = [{ do = "rm", path = "d" }, { do = "mkdir", path = "d" }]
[[layers]]
"d/x" = "old"
"""


def tools(name: str) -> list[Tool]:
    """Every version of a tool of this family that is here; a skip with its reason, or a failure where it must be here."""
    words = [f"singularity-ce={path}" for path in installations()] if name.startswith("singularity") else [name]
    found = discover([host_world(), *worlds_in_place()], words) if words else []
    mine = [one for one in found if isinstance(one, Tool) and one.name == name]
    if not mine:
        if os.environ.get("WHITEOUT_LAB_STRICT") == "1" and (name.startswith("apptainer") or words):
            pytest.fail(f"{name} is not here: whiteout-lab worlds build apptainer images")
        pytest.skip(f"{name} is not here: name an installation in WHITEOUT_LAB_SINGULARITY, or build the world")
    return mine


@pytest.fixture
def context(tmp_path: Path) -> CellContext:
    work = tmp_path / "work"
    work.mkdir()
    return CellContext(work, "6.0", {}, timeout=60)


def cell_run(tool: Tool, profile: Profile, context: CellContext, scenario: bytes = REMADE) -> tuple[Ran, Verdict]:
    """A cell, run and judged; nothing of it is left in the work folder."""
    cell = Cell(parse(scenario, where="test", name="test"), tool, profile)
    ran = run_cell(cell, context, context.work.parent / f"{tool.key}-{profile}")
    assert {path.name for path in context.work.iterdir()} <= {"shared-root", "shared-user"}  # which are the run's
    assert find_leaks(context.work) == [f"the folder {context.work}"]  # which is the test's own
    return ran, judge(ran.recording, ran.trees, ran.raw)


def codes(verdict: Verdict, place: PlaceName) -> set[str]:
    return {finding.code for finding in verdict.findings if finding.place is place or place in finding.carried}


def encodings(ran: Ran, place: PlaceName) -> set[Encoding]:
    return {marker.encoding for marker in find_markers(ran.trees[place])}


def test_the_founding_case_as_root_is_refused_by_podman(context: CellContext) -> None:
    for tool in tools("singularity-ce+oci"):
        ran, verdict = cell_run(tool, Profile.ROOT, context)
        assert ran.recording.phase == "end", verdict.reason
        assert encodings(ran, UPPER) == {Encoding.DEVICE, Encoding.OPAQUE_TRUSTED, Encoding.OPAQUE_FILE}
        assert "WL101" in codes(verdict, UPPER)
        assert encodings(ran, SEALED) == {Encoding.OPAQUE_TRUSTED, Encoding.OPAQUE_FILE}
        assert [entry.path for entry in ran.raw[PUSHED]].count(b"lab/d/.wh..wh..opq") == 2
        assert "WL301" in codes(verdict, PUSHED)
        refusal = next(finding for finding in verdict.findings if finding.code == "WL304")
        assert "duplicates of file paths not supported" in refusal.message
        assert IMPORTED not in ran.trees


def test_what_the_image_says_of_its_layers_is_followed(context: CellContext) -> None:
    for tool in tools("singularity-ce+oci"):
        ran, _ = cell_run(tool, Profile.ROOT, context)
        said = {one.state: one.layers for one in ran.recording.manifests}
        assert list(said) == ["written", "synced", "sealed", "pushed as tar", "pushed as squashfs"]
        assert [said[state][-1].true for state in ("written", "synced", "sealed")] == [False, True, True]
        assert said["written"][0] == said["sealed"][0]  # the base is not touched
        assert said["pushed as squashfs"][-1].digest == said["sealed"][-1].digest
        assert "squashfs" in said["sealed"][-1].media_type
        assert "tar" in said["pushed as tar"][-1].media_type


def test_the_founding_case_as_a_user_is_taken_and_shows_the_file_again(context: CellContext) -> None:
    for tool in tools("singularity-ce+oci"):
        ran, verdict = cell_run(tool, Profile.USER, context)
        assert ran.recording.phase == "end", verdict.reason
        assert not codes(verdict, PUSHED) & {"WL301", "WL306"}
        assert b"d/x" not in ran.trees[IMPORTED]
        assert "WL201" in codes(verdict, READONLY)  # the kernel's overlay reads no user.fuseoverlayfs.opaque
        assert b"d/x" in ran.trees[READONLY]
        assert "WL302" in codes(verdict, SEALED)


@pytest.mark.parametrize("name", ["apptainer", "apptainer+ext3"])
def test_apptainer_writes_as_root_by_the_kernel_and_as_a_user_by_fuse(name: str, context: CellContext) -> None:
    for tool in tools(name):
        ran, verdict = cell_run(tool, Profile.ROOT, context)
        assert ran.recording.phase == "end", verdict.reason
        assert encodings(ran, UPPER) == {Encoding.OPAQUE_TRUSTED}
        assert set(ran.recording.backends.values()) == {"kernel overlay"}
        ran, verdict = cell_run(tool, Profile.USER, context)
        assert ran.recording.phase == "end", verdict.reason
        assert Encoding.OPAQUE_FUSE in encodings(ran, UPPER)
        assert ran.recording.backends[VIEW] == "fuse-overlayfs"
        assert ran.recording.backends[READONLY] == "kernel overlay"
        assert "WL101" in codes(verdict, UPPER)
        assert b"d/x" in ran.trees[READONLY]
        if name == "apptainer":  # the upper packed as a squashfs, which keeps the marks that nobody reads there
            assert "WL302" in codes(verdict, SEALED)
            assert b"d/x" in ran.trees[SEALED_VIEW]


def test_native_mode_hides_what_was_deleted(context: CellContext) -> None:
    for tool in [*tools("singularity-ce"), *tools("singularity-ce+ext3")]:
        ran, verdict = cell_run(tool, Profile.ROOT, context)
        assert ran.recording.phase == "end", verdict.reason
        assert not verdict.new
        assert list(ran.trees[READONLY].entries) == [b"", b"d"]


@pytest.mark.parametrize(
    ("name", "profile"),
    [("apptainer+userns", Profile.ROOT), ("apptainer+fakeroot", Profile.USER), ("singularity-ce+userns", Profile.ROOT)],
)
def test_other_privileges_write_what_their_backend_writes(name: str, profile: Profile, context: CellContext) -> None:
    for tool in tools(name):
        ran, verdict = cell_run(tool, profile, context)
        assert ran.recording.phase == "end", verdict.reason
        expected = (
            {Encoding.DEVICE}
            if name.startswith("singularity")
            else {Encoding.OPAQUE_FUSE, Encoding.OPAQUE_FILE, Encoding.DEVICE}
        )
        assert encodings(ran, UPPER) == expected


@pytest.mark.parametrize("name", ["apptainer+tmpfs", "singularity-ce+tmpfs"])
def test_a_temporary_upper_leaves_a_view_alone(name: str, context: CellContext) -> None:
    for tool in tools(name):
        ran, verdict = cell_run(tool, Profile.USER, context)
        assert ran.recording.phase == "end", verdict.reason
        assert set(ran.trees) == {VIEW, ORACLE}


def test_steps_in_a_container_are_those_of_every_cell(context: CellContext) -> None:
    scenario = rb"""
schema = 1
title = "hostile names"
guards = "any name is a name"
steps = [
  { do = "write", path = "new\nline", text = "<script>" },
  { do = "rename", path = "d/x", to = "d/\\xff" },
  { do = "setxattr", path = "d", name = "user.lab", value = "\\x00\\xff" },
  { do = "remount" },
  { do = "unlink", path = "new\nline" },
]
[[layers]]
"d/x" = "old"
"""
    tool = tools("apptainer")[0]
    ran, verdict = cell_run(tool, Profile.ROOT, context, scenario)
    assert verdict.outcome is not Outcome.BROKEN, verdict.reason
    assert [step.code for step in ran.recording.steps] == [0, 0, 0, 0]
    assert ran.trees[VIEW].entries[b"d"].xattrs[b"user.lab"] == b"\x00\xff"
    assert b"d/\xff" in ran.trees[READONLY]
    assert not verdict.new


def test_a_container_that_hangs_is_a_finding_and_leaves_nothing(context: CellContext, tmp_path: Path) -> None:
    hanging = b"""
schema = 1
title = "hang"
guards = "an end"
steps = [{ do = "read", path = "pipe" }]
[[layers]]
"pipe" = { fifo = true }
"""
    short = CellContext(context.work, context.kernel, {}, timeout=8, patience=1)
    ran, verdict = cell_run(tools("apptainer")[0], Profile.ROOT, short, hanging)
    assert ran.recording.timed_out
    assert "WL208" in {finding.code for finding in verdict.findings}


def test_an_installation_without_its_starter_is_named(tmp_path: Path) -> None:
    home = tmp_path / "singularity"
    (home / "bin").mkdir(parents=True)
    shutil.copy("/bin/true", home / "bin/singularity")
    (home / "bin/singularity").chmod(stat.S_IRWXU)
    with pytest.raises(UsageError, match="starter"):
        discover([host_world(), *worlds_in_place()], [f"singularity-ce={home}"])


def test_a_program_that_runs_no_container_makes_the_cell_broken_in_its_own_words(
    context: CellContext, tmp_path: Path
) -> None:
    home = tmp_path / "singularity"
    for folder in ("bin", "libexec/singularity/bin", "etc/singularity"):
        (home / folder).mkdir(parents=True)
    (home / "etc/singularity/singularity.conf").write_text("systemd cgroups = yes\n")
    for name in ("bin/singularity", "libexec/singularity/bin/starter"):
        (home / name).write_text(
            '#!/bin/sh\necho "singularity-ce version 9.9"; echo "FATAL: it is not its day" >&2; exit 255\n'
        )
        (home / name).chmod(0o755)
    found = discover([host_world(), *worlds_in_place()], [f"singularity-ce={home}"])
    mine = [one for one in found if isinstance(one, Tool) and one.origin == "installed"]
    if not mine:
        pytest.skip("the world images is not built: whiteout-lab worlds build images")
    assert {tool.version for tool in mine} == {"9.9"}
    for tool in mine:
        _, verdict = cell_run(tool, Profile.ROOT, context)
        assert verdict.outcome is Outcome.BROKEN
        assert "it is not its day" in verdict.reason


def test_a_full_overlay_is_a_finding_in_the_tools_own_words(context: CellContext) -> None:
    copies = ", ".join(f'{{ do = "cp", path = "big", to = "big{n}" }}' for n in range(45))
    scenario = f"""
schema = 1
title = "fill the overlay"
guards = "a step that finds no room fails and the rest stays"
steps = [{copies}, {{ do = "unlink", path = "gone" }}]
[[layers]]
gone = "old"
big = "{"x" * 400_000}"
"""
    ran, verdict = cell_run(tools("apptainer+ext3")[0], Profile.ROOT, context, scenario.encode())
    assert ran.recording.phase == "end", verdict.reason
    assert verdict.outcome is Outcome.FINDING
    refused = [finding.message for finding in verdict.findings if finding.code == "WL207"]
    assert any("No space left on device" in words for words in refused)
    assert b"big0" in ran.trees[VIEW]


def test_what_cells_of_a_run_make_alike_is_made_once(context: CellContext) -> None:
    (tool,) = tools("apptainer+ext3")
    ran, _ = cell_run(tool, Profile.ROOT, context)
    assert not ran.recording.broken
    kept = {path.name: path for path in (context.work / "shared-root").iterdir() if path.suffix != ".lock"}
    (image,) = (name for name in kept if name.endswith(".sif"))
    assert kept.keys() == {image, "overlay.ext3"}
    kept[image].write_bytes(b"no image")
    ran, _ = cell_run(tool, Profile.ROOT, context)
    assert "did not start" in ran.recording.broken  # it took that one
    ran, _ = cell_run(tool, Profile.USER, context)
    assert not ran.recording.broken  # a user takes nothing of root's, and root nothing of a user's
