"""Evidence that is cut is told from evidence that is whole, whatever cut it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.evidence.recording import Step
from harness.evidence.trees import snapshots, steps
from harness.evidence.whole import contradicts, cut, steps_cut, too_short, unwritten
from harness.machine.process import run
from harness.places import UPPER, VIEW
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.scenario.model import Scenario
from harness.script.parts import carried

SCENARIO = b"""
schema = 1
title = "two steps, and one after a remount"
guards = "g"
steps = [{ do = "unlink", path = "x" }, { do = "unlink", path = "y" }, { do = "remount" }, { do = "unlink", path = "z" }]
[[layers]]
x = "1"
y = "2"
z = "3"
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two trees, taken by the words of the script."""
    (tmp_path / "out").mkdir()
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/d/a name\nwith\\all").write_text("x" * 5000)
    (tmp_path / "tree/caf\xe9").touch()
    script = b'cd "$1"; out=$PWD/out\n' + carried("prelude.sh") + b"\ntake view tree; take upper tree\n"
    (tmp_path / "script").write_bytes(script)
    done = run(["sh", tmp_path / "script", tmp_path], env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    assert done.ok, done
    return tmp_path / "out"


def scenario() -> Scenario:
    return parse(SCENARIO, where="test", name="test")


def said(out: Path) -> str:
    return cut(out, snapshots(out, scenario(), Profile.ROOT, {}))


def shorten(path: Path, size: int) -> None:
    os.truncate(path, size)


def test_evidence_that_is_whole_is_whole(out: Path) -> None:
    assert said(out) == ""
    assert set(snapshots(out, scenario(), Profile.ROOT, {})) == {VIEW, UPPER}


@pytest.mark.parametrize("size", [0, 300, 512, 1536, 9000])
def test_a_tar_that_is_cut_anywhere_is_no_tree(size: int, out: Path) -> None:
    shorten(out / "upper.tar", size)
    assert "the tree upper was not written whole" in said(out)


def test_a_tar_that_is_cut_between_two_entries_is_no_tree(out: Path) -> None:
    raw = (out / "upper.tar").read_bytes()
    shorten(out / "upper.tar", len(raw.rstrip(b"\0")) // 512 * 512 + 512)
    assert "the tree upper was not written whole" in said(out)


def test_a_tree_that_is_not_there_at_all_is_missed(out: Path) -> None:
    (out / "view.tar").unlink()
    assert "the tree view was not written whole" in said(out)


def test_names_that_are_cut_are_missed(out: Path) -> None:
    shorten(out / "view.names", 4)
    assert "the names of the tree view" in said(out)


def test_a_tar_that_failed_and_has_no_words_is_not_believed(out: Path) -> None:
    (out / "taken").write_text("view 2\nupper 0\n")
    assert "its words were not written" in said(out)
    (out / "view.err").write_text("tar: ./gone: Cannot stat: No such file or directory\n")
    assert said(out) == ""


@pytest.mark.parametrize(
    "words",
    [b"script.sh: 9: printf: I/O error\n", b"cannot create d/x: No space left on device", b"Disk quota exceeded"],
)
def test_the_words_of_a_shell_that_cannot_write_are_heard(words: bytes, out: Path) -> None:
    assert unwritten(out, b"some words") == ""
    assert "is full" in unwritten(out, words)


def test_the_words_of_tar_are_heard(out: Path) -> None:
    (out / "view.err").write_text("tar: view.tar: Wrote only 2048 of 10240 bytes: No space left on device\n")
    assert "is full" in unwritten(out, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("word", ["say end", "step 1 true", "take view ."])
def test_a_script_that_cannot_write_its_evidence_stops(word: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("phases", "merged.steps", "taken"):
        (tmp_path / "out" / name).symlink_to("/dev/full")
    text = b'cd "$1"; out=$PWD/out tree=merged\n' + carried("prelude.sh") + f"\n{word}\nexit 0\n".encode()
    (tmp_path / "script").write_bytes(text)
    assert run(["sh", tmp_path / "script", tmp_path]).code == 3
    assert "cannot be written" in (tmp_path / "out/broken").read_text()


ALL = (Step(0, 0), Step(1, 0), Step(3, 0))


@pytest.mark.parametrize(
    ("merged", "oracle", "words"),
    [
        (ALL, ALL, ""),
        (ALL[2:], ALL, ""),  # a merged tree that could not be entered
        ((), ALL, ""),
        (ALL[1:], ALL, "on the merged"),
        (ALL, ALL[:2], "on the plain directory"),
        (ALL, (), "on the plain directory"),
    ],
)
def test_results_of_steps_that_are_missing_are_missed(
    merged: tuple[Step, ...], oracle: tuple[Step, ...], words: str
) -> None:
    said = steps_cut(scenario(), merged, oracle)
    assert words in said
    assert bool(said) == bool(words)


def test_a_limit_that_struck_too_early_shows_no_hang(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000.0
    monkeypatch.setattr("harness.evidence.whole.time.time", lambda: now)
    for phase in ("", "layers", "image"):
        assert "larger --timeout" in too_short(out, phase, 60)
    for path in out.iterdir():
        os.utime(path, (0, now))
    assert "larger --timeout" in too_short(out, "mount", 60), "it wrote evidence just now"
    for path in out.iterdir():
        os.utime(path, (0, now - 29))
    assert "at work 29" in too_short(out, "mount", 60)
    for path in out.iterdir():
        os.utime(path, (0, now - 31))
    assert too_short(out, "mount", 60) == ""
    assert too_short(out, "mount", 1) == ""
    assert "larger --timeout" in too_short(out, "mount", 1, patience=40)


def test_words_that_end_without_a_line_break_hide_no_step(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    text = (
        b'cd "$1"; out=$PWD/out tree=merged\n'
        + carried("prelude.sh")
        + b"\nstep 0 printf old; step 1 echo new; step 2 true\n"
    )
    (tmp_path / "script").write_bytes(text)
    assert run(["sh", tmp_path / "script", tmp_path]).ok
    assert steps(tmp_path / "out", "merged") == (Step(0, 0, "old"), Step(1, 0, "new"), Step(2, 0, ""))


@pytest.mark.parametrize(
    ("forged", "phase", "code", "words"),
    [
        (b"no such file system", "end", 0, "exit code is 0"),
        (b"", "mount", 5, "exit code is 5"),
        (b"", "steps 1", 3, "could not write why"),
        (b"", "steps 1", 0, "ended in the phase 'steps 1' with exit code 0"),
        (b"", "end", 143, "ended in the phase 'end' with exit code 143"),
    ],
)
def test_evidence_that_the_exit_code_contradicts_is_no_evidence(
    forged: bytes, phase: str, code: int, words: str, tmp_path: Path
) -> None:
    if forged:
        (tmp_path / "refused").write_bytes(forged)
    assert words in contradicts(tmp_path, phase, code)


def test_the_ends_that_a_script_has_contradict_nothing(tmp_path: Path) -> None:
    assert contradicts(tmp_path, "end", 0) == contradicts(tmp_path, "mount", 4) == ""
    (tmp_path / "refused").write_bytes(b"wrong fs type")
    assert contradicts(tmp_path, "mount", 5) == ""
