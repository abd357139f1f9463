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
    asked_of,
    keeps,
    met_by,
    points,
    read_faults,
    same_call,
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
from harness.scenario.model import FaultAt, Scenario
from harness.scenario.steps import Copy, Mkdir, Rename, Touch, Write
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
    every = list(points(read))
    assert [(one.name, one.ordinal, one.step, one.request) for one in every if not one.reads] == [
        ("mkdirat", 3, 0, "MKDIR d"), ("openat", 3, 0, "MKDIR d"),
    ]  # fmt: skip
    assert [(one.name, one.ordinal, one.call) for one in every if one.reads] == [
        ("openat", 2, 'openat(upper, ".", O_RDONLY)')
    ]


def test_where_a_fault_is_met() -> None:
    opens, lists, makes, creates = (
        Point(0, "", call, call.partition("(")[0], 1, reads)
        for call, reads in (
            ("openat(lower/1)", True),
            ("getdents64(upper)", True),
            ("mkdirat(upper)", False),
            ("openat2(upper)", False),
        )
    )
    every = [opens, lists, makes, creates]
    assert met_by(every, FaultAt("killed")) == met_by(every, FaultAt("ENOSPC")) == [makes, creates]
    assert met_by(every, FaultAt("EMFILE")) == [opens, creates]
    assert met_by(every, FaultAt("EIO")) == every
    assert met_by(every, FaultAt("killed", at="open*")) == [opens, creates]
    assert met_by(every, FaultAt("killed", at="open*", time=2)) == [creates]
    assert met_by(every, FaultAt("killed", time=3)) == met_by(every, FaultAt("killed", at="nothing*")) == []


def test_what_is_tried_where_nobody_says_it() -> None:
    """What the command line names comes before what the scenario says, and that before the usual."""
    plain = Scenario(1, "t", "g", (Mkdir(path="d"),))
    own = msgspec.structs.replace(plain, faults=(FaultAt("EIO", at="open*"),))
    assert [one.fault for one in asked_of(plain, ())] == ["killed", "ENOSPC"]
    assert asked_of(own, ()) == own.faults
    assert asked_of(own, ("EPERM",)) == (FaultAt("EPERM"),)
    assert [keeps(one) for one in (Write(path="f", append=True), Touch(path="f"), Write(path="f"), Mkdir(path="d"))] == [
        True, True, False, False,
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
    missed = [one.point for one in swept.faults if one.came is Came.MISSED]  # on a machine with much else to do
    assert len(missed) * 10 <= len(swept.faults)
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


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_a_file_that_is_saved_by_rename_is_lost_by_release_1_and_not_by_a_kernel(tmp_path: Path) -> None:
    """The scenario says which faults are tried; the kernel beside it shows what is possible."""
    words = ["faults", "replaced-file", "--tool", "fuse-overlayfs@trixie", "--tool", "kernel", "--out", str(tmp_path)]
    assert main(words) == 0
    found = read_faults(tmp_path)
    assert found is not None
    daemons, kernels = (
        [one for one in found.cells if (one.tool.name == "kernel") is kernel] for kernel in (False, True)
    )
    for cell in daemons:
        killed = [one for one in cell.faults if one.fault == "killed" and one.came is Came.WRONG]
        assert [(one.point.step, one.findings[0].path) for one in killed] == [(2, "f"), (5, "g")]
        assert {one.known.defect for fault in killed for one in fault.findings if one.known} == {
            "fuse-overlayfs-rename-not-atomic"
        }
    assert [Came.WRONG in {one.came for one in cell.faults} for cell in kernels] == [False]


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_what_is_another_tree_without_a_fault_says_nothing_of_one(tmp_path: Path) -> None:
    """deleted-content-by-name: fuse-overlayfs 1.14 shows what was deleted to who asks for it by its name, whatever happens."""
    words = ["faults", "deleted-content-by-name", *AS_USER, "--fault", "EIO", "--at", "statx*", "--out", str(tmp_path)]
    main(words)
    found = read_faults(tmp_path)
    assert found is not None
    asked = [one for one in found.cells[0].faults if one.point.step == 3]
    assert {one.came for one in asked} == {Came.MISSED}
    assert "what is shown after step 4 is another tree without it, too" in asked[0].why


@pytest.mark.parametrize(
    ("line", "call", "same"),
    [
        (
            '7 renameat2(5</mnt/upper>, "new", 5</mnt/upper>, "f", 0) = 0',
            'renameat2(upper, "new", upper, "f", 0)',
            True,
        ),
        ('renameat2(5</mnt/upper>, "new", 5</mnt/upper>, "g", 0) = 0', 'renameat2(upper, "new", upper, "f", 0)', False),
        ('unlinkat(5</mnt/work/work>, "5", 0) = 0', 'unlinkat(upper/a, "f", 0)', False),
        (
            "sendfile(9</mnt/work/work/4>, 10</mnt/sq/a/f>, NULL, 4)",
            "sendfile(work/work/4, lower/1/a/f, NULL, 4)",
            True,
        ),
        ("getdents64(9</mnt/sq>, 0x1, 32)", "getdents64(lower/1)", True),
        ("getdents64(9</mnt/upper/b>, 0x1, 32)", "getdents64(upper/a)", False),
        (
            'openat2(3</mnt/sq>, "d", {flags=O_RDONLY}, 24) = 7</mnt/sq/d>',
            'openat2(lower/1, "d", {flags=O_RDONLY|O_DIRECTORY}, 24)',
            True,
        ),
        ('lgetxattr("/proc/self/fd/4/a", "x", "y", 16)', 'lgetxattr("/proc/self/fd/9/a", "x", "y", 16)', True),
        ('lgetxattr("/proc/self/fd/4/b", "x", "y", 16)', 'lgetxattr("/proc/self/fd/9/a", "x", "y", 16)', False),
        ("22    fchown(10</mnt/work/1>, 0, 0)     = -1 ENOSPC (No space) (INJECTED)", "fchown(work/1, 0, 0)", True),
        ("22    fchown(10</mnt/work/1>, 0, 0 <unfinished ...>) = ?", "fchown(work/1, 0, 0)", True),
        ("22    fchown(10</mnt/work/2>, 0, 0 <unfinished ...>) = ?", "fchown(work/1, 0, 0)", False),
        (r'unlinkat(5</mnt/upper>, "\303", 0)', r'unlinkat(upper, "\xc3", 0)', True),
    ],
)
def test_which_call_a_fault_met(line: str, call: str, same: bool) -> None:
    assert same_call(line, call) is same


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
@pytest.mark.parametrize(
    ("words", "shows"),
    [
        (["replaced-file", "--fault", "killed", "--at", "renameat2*"], '[ "$(cat merged/f)" != saved ]'),
        (["ghost-marker-remade", "--fault", "killed", "--at", "renameat*"], "[ -e merged/a/f ]"),
        (["ghost-marker", "--fault", "ENOSPC", "--at", "mknodat*"], '[ "$failed" != 0 ] && { [ -e merged/a/new ]'),
        (["open-files-run-out"], "! { [ -e merged/d/f ]"),
    ],
)
def test_what_is_wrong_is_shown_by_a_few_plain_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], shows: str
) -> None:
    """They were run three times where nothing of the lab is but strace, before they were written."""
    script = tmp_path / "shows.sh"
    assert main(["faults", *words, *AS_USER, "--script", str(script)]) == 0
    lines = script.read_text().splitlines()
    assert len(lines) <= 20
    assert os.access(script, os.X_OK)
    assert any(shows in line for line in lines)
    assert "shows in 3 of 3 runs what is wrong with" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.worlds
@needs_strace
def test_where_nothing_is_wrong_no_script_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "shows.sh"
    assert (
        main(["faults", "ghost-marker", *AS_USER, "--fault", "killed", "--at", "mkdirat*", "--script", str(script)])
        == 0
    )
    assert not script.exists()
    assert "no script is written" in capsys.readouterr().err
