"""A trace and what a cell left, put together: which stories there are, and what each says it was seen by."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.diagnose.account import about, stories
from harness.diagnose.told import Seen, Story, What
from harness.diagnose.trace import Trace, read_trace
from harness.evidence.recording import Recording, read
from harness.judge.defects.model import Named
from harness.judge.findings import Finding
from harness.places import ORACLE, UPPER, VIEW, PlaceName
from harness.runs.results import read_results
from harness.scenario.model import Node, Scenario, Whiteout
from harness.scenario.steps import Mkdir, Unlink
from harness.snapshot.model import Entry, Snapshot
from tests.diagnose.traces import DAEMON, STEP, answer, request, step, trace
from tests.entries import file, folder, gone, tree
from tests.factory import FakeCell, make_run

UNLINK = request(10, b"f\0", unique=4)
WHITEOUT = f'{DAEMON} mknodat(4</mnt/upper>, "f", S_IFCHR|0700, makedev(0, 0)) = 0'
STEPS = (Unlink(path="f"), Mkdir(path="d"))


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    run = make_run(tmp_path / "run", [FakeCell()])
    (cell,) = read_results(run).cells
    made = read(run / cell.folder)
    return msgspec.structs.replace(made, scenario=Scenario(1, "t", "g", STEPS, name="s"), work_left=())


def told(recording: Recording, upper: list[Entry], seen: Trace, **more: object) -> list[Story]:
    oracle = more.pop("oracle", tree([]))
    findings = more.pop("findings", ())
    trees: dict[PlaceName, Snapshot] = {UPPER: tree(upper), ORACLE: oracle}  # type: ignore[dict-item]
    return list(stories(recording, trees, findings, seen, **more))  # type: ignore[arg-type]


def of_daemon(*lines: str) -> Trace:
    return read_trace(trace(step(0, UNLINK, *lines, answer(4))))


def test_a_marker_its_step_its_request_and_what_is_found_there(recording: Recording) -> None:
    finding = Finding("WL103", "f", UPPER, "m", Named("known-one"))
    elsewhere = Finding("WL201", "f", VIEW, "m")
    (one,) = told(recording, [gone(b"f")], of_daemon(WHITEOUT), findings=(finding, finding, elsewhere))
    assert (one.path, one.what, one.seen, one.step, one.request, one.unique) == (
        "f",
        What.MARKER,
        Seen.CALLS,
        0,
        "UNLINK f",
        4,
    )
    assert one.step_words == "step 1, unlink f"
    assert one.findings == ("WL103 (known-one)",)
    assert one.says == "a character device 0:0: f is deleted"


def test_what_is_found_comes_first_and_litter_last(recording: Recording) -> None:
    littered = msgspec.structs.replace(recording, work_left=("ext3/work/work/7",))
    made = f'{DAEMON} mkdirat(5</mnt/work/work>, "7", 0755) = 0'
    stray = f'{DAEMON} mkdirat(4</mnt/upper>, "stray", 0755) = 0'
    upper, found = [gone(b"f"), folder(b"stray"), gone(b"z")], (Finding("WL103", "z", UPPER, "m"),)
    every = told(littered, upper, of_daemon(WHITEOUT, made, stray), findings=found)
    assert [(one.path, one.what, one.seen) for one in every] == [
        ("z", What.MARKER, Seen.NOT), ("f", What.MARKER, Seen.CALLS), ("stray", What.ENTRY, Seen.CALLS),
        ("ext3/work/work/7", What.LITTER, Seen.CALLS),
    ]  # fmt: skip


def test_what_the_steps_made_and_what_was_there_before_is_no_story_of_the_daemon(recording: Recording) -> None:
    given = msgspec.structs.replace(
        recording, scenario=Scenario(1, "t", "g", STEPS, upper={"f": Node(whiteout=Whiteout.DEVICE)}, name="s")
    )
    (one,) = told(given, [gone(b"f"), file(b"mine")], Trace(), oracle=tree([file(b"mine")]))
    assert (one.path, one.seen) == ("f", Seen.GIVEN)


def test_what_is_done_after_the_upper_was_taken_made_nothing_of_it(recording: Recording) -> None:
    after = '10 write(1</mnt/out/phases>, "mount again\\n", 12) = 12'
    (one,) = told(recording, [gone(b"f")], read_trace(trace(UNLINK, after, WHITEOUT)))
    assert one.seen is Seen.NOT


def test_the_kernel_is_told_of_by_looks_after_steps_and_else_by_names(recording: Recording) -> None:
    asked = f'{STEP} unlink("f") = 0'
    here = f'{STEP} openat(AT_FDCWD</mnt/merged>, "x", O_RDONLY) = -1 ENOENT (No such file or directory)'
    seen = read_trace(trace(step(0, here, asked)))
    after = [(0, tree([gone(b"f")])), (1, tree([gone(b"f"), folder(b"d")]))]
    (one,) = told(recording, [gone(b"f")], seen, after=after)
    assert (one.seen, one.step, one.made) == (Seen.STEPS, 0, ('unlink("f") = 0',))
    assert (
        one.sentence
        == 'There after step 1, unlink f, and not before; made inside the kernel, asked by unlink("f") = 0.'
    )
    off_and_on = [(0, tree([gone(b"f")])), (1, tree([])), (2, tree([gone(b"f")]))]
    more = msgspec.structs.replace(recording, scenario=Scenario(1, "t", "g", (*STEPS, Unlink(path="f")), name="s"))
    assert [one.step for one in told(more, [gone(b"f")], seen, after=off_and_on)] == [2]
    (one,) = told(recording, [gone(b"f")], seen)
    assert (one.seen, one.step) == (Seen.NAMES, 0)
    (one,) = told(recording, [gone(b"other")], seen)
    assert (one.seen, one.step) == (Seen.NAMES, None)
    littered = msgspec.structs.replace(recording, work_left=("work/work",))
    (one,) = told(littered, [], Trace())
    assert (one.seen, one.sentence) == (Seen.NAMES, "Made inside the kernel: no daemon served this tree.")


def test_of_a_container_the_upper_is_a_folder_of_the_daemons(recording: Recording) -> None:
    inside = f'{DAEMON} mknodat(4</mnt/upper>, "lab/f", S_IFCHR|0700, makedev(0, 0)) = 0'
    lab = read_trace(trace(step(0, UNLINK, inside)))
    (one,) = told(recording, [gone(b"f")], lab, inside=b"lab")
    assert (one.path, one.seen) == ("f", Seen.CALLS)
    (one,) = told(recording, [gone(b"f")], lab)
    assert one.seen is Seen.NOT


def test_stories_of_a_path_and_of_what_lies_below_it() -> None:
    every = [Story(path, What.MARKER, "", Seen.NOT, "") for path in ("a", "a/b", "ab", "/")]
    assert [one.path for one in about(every, "a")] == ["a", "a/b"]
    assert [one.path for one in about(every, "/a/b/")] == ["a/b"]
    assert len(list(about(every, "/"))) == 4
