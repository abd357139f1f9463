"""Faults in daemons, on real ones: killed before a call, and told of errors by it; and the table of what that leaves."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import msgspec
import pytest

from harness.cli.main import main
from harness.diagnose.faults import (
    SCHEMA,
    Came,
    Fallback,
    Fault,
    FaultCell,
    Faults,
    Point,
    points,
    read_faults,
    summed,
    written,
)
from harness.diagnose.trace import read_trace
from harness.evidence.recording import ToolRecord
from harness.judge.facts.fault import HalfDone
from harness.judge.facts.layer import Taking
from harness.judge.findings import Finding
from harness.machine.process import which
from harness.places import FAULT
from harness.profile import Profile
from harness.report.faults import faults_page
from harness.scenario.steps import Copy, Mkdir, Rename, Write
from harness.whiteouts.encodings import Encoding
from tests.diagnose.traces import DAEMON, answer, request, step, trace

needs_strace = pytest.mark.skipif(which("strace") is None, reason="strace is not installed: apt-get install strace")


def test_points_are_the_calls_that_change_something_counted_by_their_names() -> None:
    """Those that fail, that only read, and that are done before a step, count for the ordinal alone."""
    read = read_trace(
        trace(
            f'{DAEMON} openat(AT_FDCWD</mnt>, "/lib/libc.so.6", O_RDONLY) = 3</lib/libc.so.6>',
            f'{DAEMON} mkdirat(5</mnt/work>, "work", 0700) = 0',
            step(
                0,
                request(9, struct.pack("=II", 0o777, 0o22) + b"d\0", unique=4),
                f'{DAEMON} openat(4</mnt/upper>, ".", O_RDONLY) = 9</mnt/upper>',
                f'{DAEMON} mkdirat(5</mnt/work/work>, "1", 0755) = -1 EEXIST (File exists)',
                f'{DAEMON} mkdirat(5</mnt/work/work>, "2", 0755) = 0',
                f'{DAEMON} openat(9</mnt/work/work/2>, "f", O_WRONLY|O_CREAT, 0700) = 10</mnt/work/work/2/f>',
                answer(4, node=60),
            ),
        )
    )
    assert [(one.name, one.ordinal, one.step, one.request) for one in points(read)] == [
        ("mkdirat", 3, 0, "MKDIR d"), ("openat", 3, 0, "MKDIR d"),
    ]  # fmt: skip


def test_which_steps_are_several_calls() -> None:
    assert written(Mkdir(path="d")) == written(Rename(path="a", to="b")) == ()
    assert written(Mkdir(path="d", mode="0700")) == (b"d",)
    assert written(Write(path="f\\xff")) == (b"f\xff",)
    assert written(Copy(path="a", to="b/")) == (b"a", b"b")


def cell(version: str, *faults: Fault) -> FaultCell:
    tool = ToolRecord(
        "fuse-overlayfs", version, program="fuse-overlayfs", called="fuse-overlayfs", title="fuse-overlayfs"
    )
    return FaultCell(f"s[fuse-overlayfs-{version}-root]", "s", tool, Profile.ROOT, faults)


def fault(path: str = "", fault: str = "killed") -> Fault:
    point = Point(1, "MKDIR d", f'renameat(work, "7", upper, "{path}")', "renameat", 4)
    if not path:
        return Fault(point, fault, Came.AFTER)
    facts = HalfDone(fault=fault, call="renameat", request="MKDIR", action="mkdir", taken=Taking.EXTRA)
    return Fault(point, fault, Came.WRONG, 1, (Finding("WL401", path, FAULT, f"killed: {path} is there", facts=facts),))


def test_one_thing_is_told_once_with_who_has_it() -> None:
    page = faults_page(
        Faults(SCHEMA, (cell("1", fault("a"), fault()), cell("2", fault("b/<c>")), cell("3", fault())), 1.0)
    )
    assert page is not None
    (thing,) = page.things
    assert thing.message.startswith("killed before renameat while serving MKDIR for mkdir: a name is there,")
    assert (thing.who, thing.new) == ("fuse-overlayfs 1, 2", True)
    assert len(thing.where) == 2
    assert [(row.points, dict(row.counts)["wrong"]) for row in page.rows] == [(2, 1), (1, 1), (1, 0)]
    assert faults_page(None) is None
    assert summed([fault(), fault("a")]) == {Came.AFTER: 1, Came.WRONG: 1}


AS_USER = ("--tool", "fuse-overlayfs@trixie", "--profile", "user")


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_the_deleted_comes_back_where_the_daemon_is_killed_or_the_disk_is_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = "root" if os.geteuid() == 0 else "user"
    words = [
        "faults",
        "ghost-marker-remade",
        "--tool",
        "fuse-overlayfs@trixie",
        "--profile",
        profile,
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0  # known
    found = read_faults(tmp_path)
    assert found is not None
    (swept,) = found.cells
    calls = [one.point.call for one in swept.faults if one.fault == "killed"]
    assert calls[-1].startswith("mknodat(")
    assert Came.MISSED not in {one.came for one in swept.faults}
    wrong = {(one.fault, one.point.name): one.findings for one in swept.faults if one.came is Came.WRONG}
    assert {key: {finding.code for finding in some} for key, some in wrong.items()} == {
        ("killed", "renameat"): {"WL401"}, ("ENOSPC", "renameat"): {"WL401"}, ("ENOSPC", "mknodat"): {"WL402"},
    }  # fmt: skip
    named = {finding.known.defect for some in wrong.values() for finding in some if finding.known}
    assert named == {"fuse-overlayfs-whiteout-removed-first", "fuse-overlayfs-fails-and-is-done"}
    said = capsys.readouterr().out
    assert "brings back what was deleted" in said
    assert "0 new" in said


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_a_run_tries_them_and_its_report_shows_them(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["run", "ghost-marker", "--tool", "fuse-overlayfs@trixie", "--profile", "user", "--faults", "founding"]
    assert main([*words, "--out", str(run)]) == 0
    assert json.loads((run / "faults.json").read_text())["cells"]
    page = (run / "report.html").read_text()
    assert "What a fault leaves" in page
    assert "mkdir says that it failed, and the directory is there" in page


@pytest.mark.real
@needs_strace
def test_what_can_have_no_faults(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["faults", "ghost-marker", "--tool", "kernel", "--profile", "user"]) == 2
    assert "no cell of these can have faults" in capsys.readouterr().err
    assert main(["faults", "--fault", "EWRONG"]) == 2
    (tmp_path / "file").write_text("")
    assert main(["faults", "--out", str(tmp_path / "file")]) == 3


def test_what_it_falls_back_to_in_words() -> None:
    device, file, opaque = Encoding.DEVICE, Encoding.FILE, Encoding.OPAQUE_FILE
    assert Fallback("xattrs", (device,), (device,)).words == "as else"
    assert Fallback("device nodes", (file, opaque), (device, opaque)).words == "marks by .wh. file, .wh..wh..opq"
    assert Fallback("openat2", (), (device,), failed=("rm: no",)).words == "marks by nothing; 1 step failed"
    assert Fallback("openat2", wrong=("a: extra",)).words == "another tree"
    assert Fallback("openat2", refused="no").words == "does not mount"
    plain, other = cell("1"), cell("1")
    cells = (
        msgspec.structs.replace(plain, fallbacks=(Fallback("xattrs"), Fallback("openat2", refused="no"))),
        msgspec.structs.replace(
            other, fallbacks=(Fallback("xattrs", (file,), (device,)), Fallback("openat2", refused="no"))
        ),
    )
    page = faults_page(Faults(SCHEMA, cells))
    assert page is not None
    assert page.lacks == ("xattrs", "openat2")
    assert [row.does for row in page.fallbacks] == [("marks by .wh. file", "does not mount")]


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_without_device_nodes_it_marks_by_files(tmp_path: Path) -> None:
    assert main(["faults", "ghost-marker-remade", *AS_USER, "--fault", "killed", "--out", str(tmp_path)]) == 0
    found = read_faults(tmp_path)
    assert found is not None
    by = {one.lacks: one for one in found.cells[0].fallbacks}
    assert Encoding.DEVICE in by["device nodes"].usual
    assert Encoding.DEVICE not in by["device nodes"].marks
    assert by["xattrs"].marks == (Encoding.DEVICE, Encoding.OPAQUE_FILE)
    assert {one.words for one in found.cells[0].fallbacks if one.lacks in {"openat2", "hard links"}} == {"as else"}


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_at_one_call_alone(tmp_path: Path) -> None:
    words = ["faults", "ghost-marker", *AS_USER, "--fault", "EPERM", "--out", str(tmp_path)]
    assert main([*words, "--call", "mknodat", "--at", "*.wh..opq*"]) == 0
    found = read_faults(tmp_path)
    assert found is not None
    assert [(one.point.name, one.fault, one.came) for one in found.cells[0].faults] == [
        ("mknodat", "EPERM", Came.AFTER)
    ]
    assert main([*words, "--call", "nothing"]) == 0
