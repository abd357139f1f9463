"""The names that readdir gave, through the very ``ls`` that a cell uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.launch.process import run
from harness.snapshot.names import parse_names, unescape_c
from tests.trees import HOSTILE

LIST = 'cd "$1" && LC_ALL=C ls -abUR1 tree >"$1/names"'


def listed(folder: Path) -> list[bytes]:
    assert run(["sh", "-c", LIST, "sh", folder]).ok
    return parse_names((folder / "names").read_bytes())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(HOSTILE, max_size=6), HOSTILE)
def test_every_name_comes_back_from_ls(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes], below: bytes
) -> None:
    folder = tmp_path_factory.mktemp("ls")
    tree = os.fsencode(folder / "tree")
    Path(os.fsdecode(tree + b"/" + below)).mkdir(parents=True)
    wanted = {below}
    for name in names - {below}:
        os.close(os.open(tree + b"/" + below + b"/" + name, os.O_CREAT))
        wanted.add(below + b"/" + name)
    assert sorted(listed(folder)) == sorted(wanted)


@pytest.mark.parametrize(
    "name", [b"ends with:", b"a:\nb:", b" ", b"\\", b"\\n", b"-n", b"\x7f", b"\xff" * 255, b"tree:"]
)
def test_names_that_look_like_the_lines_of_ls(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "tree" / os.fsdecode(name) / os.fsdecode(name)).mkdir(parents=True)
    assert sorted(listed(tmp_path)) == sorted([name, name + b"/" + name])


def test_an_empty_listing_is_empty() -> None:
    assert parse_names(b"") == []
    assert parse_names(b"tree:\n.\n..\n") == []


def test_a_name_that_is_given_twice_stands_twice() -> None:
    assert parse_names(b"tree:\n.\n..\nf\nf\n") == [b"f", b"f"]


@pytest.mark.parametrize(
    ("text", "name"), [(rb"a\ b", b"a b"), (rb"\377", b"\xff"), (rb"a\nb", b"a\nb"), (rb"\\", b"\\")]
)
def test_c_escapes(text: bytes, name: bytes) -> None:
    assert unescape_c(text) == name
