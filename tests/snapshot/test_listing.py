"""The names that readdir gave, through the very ``tar`` that a cell uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.machine.process import run
from harness.snapshot.names import packed_names, refused_names, unescape_c
from harness.snapshot.tar import read_tar
from tests.entries import HOSTILE

PACK = 'cd "$1" && LC_ALL=C tar -C tree --quoting-style=escape --format=posix -cvf tree.tar . >names 2>err'


def listed(folder: Path) -> list[bytes]:
    assert run(["sh", "-c", PACK, "sh", folder]).ok
    return packed_names((folder / "names").read_bytes())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(HOSTILE, max_size=6), HOSTILE)
def test_every_name_comes_back_and_is_the_archives(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes], below: bytes
) -> None:
    folder = tmp_path_factory.mktemp("tar")
    tree = os.fsencode(folder / "tree")
    Path(os.fsdecode(tree + b"/" + below)).mkdir(parents=True)
    wanted = {below}
    for name in names - {below}:
        os.close(os.open(tree + b"/" + below + b"/" + name, os.O_CREAT))
        wanted.add(below + b"/" + name)
    assert sorted(listed(folder)) == sorted(wanted)
    assert sorted(entry.path for entry in read_tar(folder / "tree.tar") if entry.path) == sorted(wanted)


@pytest.mark.parametrize(
    "name",
    [b"ends with:", b"a:\nb:", b" ", b"\\", b"\\n", b"-n", b"\x7f", b"\xff" * 255, b"tree:", b"x: Cannot stat: y"],
)
def test_names_that_look_like_the_lines_of_tar(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "tree" / os.fsdecode(name) / os.fsdecode(name)).mkdir(parents=True)
    assert sorted(listed(tmp_path)) == sorted([name, name + b"/" + name])


def test_what_tar_could_not_look_at_was_listed_all_the_same() -> None:
    errors = (
        b"tar: ./d/gone: Cannot stat: No such file or directory\n"
        b"tar: ./d/a\\nb\\: Cannot stat\\: x: File removed before we read it\n"
        b"/usr/bin/tar: ./closed: Cannot open: Permission denied\n"
        b"tar: ./d/grew: file changed as we read it\n"
        b"tar: Exiting with failure status due to previous errors\n"
    )
    assert refused_names(errors) == [b"d/gone", b"d/a\nb: Cannot stat: x", b"closed"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_folder_is_listed_and_refused(tmp_path: Path) -> None:
    (tmp_path / "tree" / "closed").mkdir(parents=True)
    (tmp_path / "tree" / "closed").chmod(0)
    run(["sh", "-c", PACK, "sh", tmp_path])
    (tmp_path / "tree" / "closed").chmod(0o700)
    assert refused_names((tmp_path / "err").read_bytes()) == [b"closed"]


def test_an_empty_listing_is_empty() -> None:
    assert packed_names(b"") == []
    assert packed_names(b"./\n") == []


def test_a_name_that_is_given_twice_stands_twice() -> None:
    assert packed_names(b"./\n./f\n./f\n") == [b"f", b"f"]


@pytest.mark.parametrize(
    ("text", "name"), [(rb"a\ b", b"a b"), (rb"\377", b"\xff"), (rb"a\nb", b"a\nb"), (rb"\\", b"\\")]
)
def test_c_escapes(text: bytes, name: bytes) -> None:
    assert unescape_c(text) == name
