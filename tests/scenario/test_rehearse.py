"""A step that cannot come to what its author says is an error when the file is read; what hangs on more than names is left to the run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ScenarioError
from harness.profile import Profile
from harness.scenario.loader import load, parse
from harness.scenario.rehearse import slips

HEAD = 'schema = 1\ntitle = "t"\nguards = "g"\n'
LAYERS = """
[[layers]]
"d/e/f" = "x"
"gone" = "x"
"l" = { symlink = "d" }

[[layers]]
"gone" = { whiteout = "file" }
"""


def mistakes_of(steps: str, folder: Path) -> str:
    (folder / "case.toml").write_text(f"{HEAD}steps = [{steps}]\n{LAYERS}")
    try:
        load(folder / "case.toml")
    except ScenarioError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("steps", "mistake"),
    [
        ('{ do = "unlink", path = "nothing" }', "steps[0]: it fails on a plain directory: 'nothing' is not there"),
        ('{ do = "unlink", path = "gone" }', "'gone' is not there"),
        ('{ do = "unlink", path = "d" }', "'d' is a directory"),
        ('{ do = "rmdir", path = "d" }', "'d' is not empty"),
        ('{ do = "rmdir", path = "d/e/f" }', "'d/e/f' is no directory"),
        ('{ do = "mkdir", path = "d" }', "'d' is there already"),
        ('{ do = "mkdir", path = "n/m" }', "'n' is not there"),
        ('{ do = "write", path = "d/e/f/g" }', "'d/e/f' is no directory"),
        ('{ do = "write", path = "d" }', "'d' is a directory"),
        ('{ do = "mkdir", path = "n" }, { do = "rename", path = "n", to = "d" }', "steps[1]: it fails on a plain directory: 'd' is"),
        ('{ do = "rename", path = "d/e/f", to = "d/e" }', "is a directory, the other is none"),
        ('{ do = "rename", path = "d", to = "m" }, { do = "read", path = "d/e/f" }', "steps[1]"),
        ('{ do = "rm", path = "d" }, { do = "stat", path = "d/e" }', "'d' is not there"),
        ('{ do = "cp", path = "d", to = "c" }, { do = "mkdir", path = "c/e" }', "'c/e' is there already"),
        ('{ do = "unlink", path = "d/e/f", fails = "must" }', "is said to fail"),
        # what is right, or nobody's to say before the run
        ('{ do = "unlink", path = "d/e/f" }, { do = "rmdir", path = "d/e" }, { do = "rmdir", path = "d" }', ""),
        ('{ do = "unlink", path = "nothing", fails = "must" }', ""),
        ('{ do = "rename", path = "d", to = "m" }, { do = "read", path = "m/e/f" }', ""),
        ('{ do = "unlink", path = "l/e/f" }, { do = "unlink", path = "l/e/f" }', ""),
        ('{ do = "link", path = "d/e/f", to = "g" }, { do = "rename", path = "g", to = "d/e/f" }, { do = "unlink", path = "g" }', ""),
        ('{ do = "mknod", path = "n", device = [1, 3] }, { do = "unlink", path = "n" }', ""),
        ('{ do = "chown", path = "d", owner = [1, 1] }', ""),
    ],
)  # fmt: skip
def test_a_step_that_cannot_come_to_what_is_said(steps: str, mistake: str, tmp_path: Path) -> None:
    text = mistakes_of(steps, tmp_path)
    assert (mistake in text) if mistake else text == ""


def copied(path: Path, to: Path) -> None:
    if path.is_dir():
        to.mkdir()  # not what leads there: cp makes no folder on the way
        shutil.copytree(path, to, dirs_exist_ok=True)
    else:
        shutil.copy(path, to)


REALLY: dict[str, Callable[[Path, Path], object]] = {
    "mkdir": lambda path, _: path.mkdir(),
    "rmdir": lambda path, _: path.rmdir(),
    "unlink": lambda path, _: path.unlink(),
    "write": lambda path, _: path.write_bytes(b""),
    "touch": lambda path, _: os.utime(path) if path.is_dir() else path.touch(),
    "rm": lambda path, _: shutil.rmtree(path) if path.is_dir() else path.unlink(),
    "stat": lambda path, _: path.lstat(),
    "read": lambda path, _: path.read_bytes(),
    "rename": lambda path, to: path.rename(to),
    "link": lambda path, to: os.link(path, to, follow_symlinks=False),
    "cp": copied,
}
TWO = ("rename", "link", "cp")
NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "a/a/a"])
STEP = st.tuples(st.sampled_from(sorted(REALLY)), NAMES, NAMES)


def fails(step: tuple[str, str, str], top: Path) -> bool:
    """Whether the step fails in a real folder."""
    do, path, to = step
    try:
        REALLY[do](top / path, top / to)
    except OSError:
        return True
    return False


@settings(deadline=None, max_examples=200)
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_what_is_certain_is_what_a_real_folder_says(steps: list[tuple[str, str, str]]) -> None:
    words = [f'{{ do = "{do}", path = "{a}"' + (f', to = "{b}"' if do in TWO else "") + " }" for do, a, b in steps]
    scenario = parse(f"{HEAD}steps = [{', '.join(words)}]\n".encode(), where="here", name="case")
    for slip, _ in slips(scenario, Profile.ROOT):
        with tempfile.TemporaryDirectory() as top:
            assert [fails(step, Path(top)) for step in steps[: slip + 1]] == [False] * slip + [True]


def test_each_profile_is_rehearsed_and_a_slip_of_both_is_told_once(tmp_path: Path) -> None:
    assert mistakes_of('{ do = "unlink", path = "nothing" }', tmp_path).count("is not there") == 1
