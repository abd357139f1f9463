"""Which tools there are, and what the words of --tool choose."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.worlds import ledger, tools
from harness.worlds.build import ensure, worlds_in_place
from harness.worlds.given import not_a_program
from harness.worlds.model import HOST, Excluded, Part, Tool, Unavailable, World
from harness.worlds.tools import Found, choose, discover, parse_word, where_of
from tests.worlds.conftest import FakeDebian

HERE = World(HOST, Path("/"))


def _tool(name: str, version: str, where: str) -> Tool:
    world = HERE if where in {HOST, "crate"} else World(where, Path("/worlds") / where)
    part = Part(name, version, "", f"/usr/bin/{name}", "00")
    return Tool(name, name, part, world, origin=where if world.is_host else "world")


KERNEL = _tool("kernel", "6.1.0", HOST)
TRIXIE = _tool("fuse-overlayfs", "1.14", "trixie")
SID = _tool("fuse-overlayfs", "1.14", "sid")
BOOKWORM = _tool("fuse-overlayfs", "1.10", "bookworm")
CRATE = _tool("fuse-overlayfs", "2.0.0", "crate")
NO_BULLSEYE = Unavailable("fuse-overlayfs", "bullseye", "the world bullseye is not built", "build it")
FOUND: list[Found] = [KERNEL, NO_BULLSEYE, BOOKWORM, TRIXIE, SID, CRATE]


def _choose(*words: str) -> list[Found]:
    return choose(FOUND, [parse_word(word) for word in words])


def test_without_words_a_version_is_taken_from_the_earlier_world_alone() -> None:
    same = Excluded("fuse-overlayfs", "sid", "the same version, 1.14, as in trixie")
    assert _choose() == [KERNEL, NO_BULLSEYE, BOOKWORM, TRIXIE, same, CRATE]


def test_a_name_chooses_every_world() -> None:
    assert [where_of(one) for one in _choose("fuse-overlayfs")] == ["bullseye", "bookworm", "trixie", "sid", "crate"]


def test_a_world_that_is_named_is_taken_and_keeps_keys_apart() -> None:
    assert _choose("fuse-overlayfs@sid") == [SID]
    both = _choose("fuse-overlayfs@trixie", "fuse-overlayfs@sid")
    assert [one.key for one in both if isinstance(one, Tool)] == ["fuse-overlayfs-1.14", "fuse-overlayfs-1.14~sid"]
    assert replace(SID.main, version="1.14~sid") == [one.main for one in both if isinstance(one, Tool)][1]


def test_what_the_user_brings_is_not_absent() -> None:
    word = parse_word("singularity-ce")
    (absent,) = choose(FOUND, [word])
    assert isinstance(absent, Unavailable)
    assert "--tool singularity-ce=FOLDER" in absent.remedy
    assert choose(FOUND, [word], [_tool("singularity-ce", "4.5.0", "images")]) == []


def test_the_key_of_a_cell_chooses_too() -> None:
    assert _choose("fuse-overlayfs-1.10", "kernel") == [KERNEL, BOOKWORM]


def test_what_is_known_but_not_here_is_unavailable() -> None:
    (only,) = _choose("fuse-stack@host")
    assert isinstance(only, Unavailable)
    assert only.remedy


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("kernal", "did you mean kernel?"),
        ("fuse-overlayfs@trixy", "did you mean trixie?"),
        ("fuse-overlayfs-1.11", "fuse-overlayfs-1.1"),
    ],
)
def test_an_unknown_word_is_answered_with_the_nearest(word: str, guess: str) -> None:
    with pytest.raises(UsageError) as caught:
        _choose(word)
    assert guess in caught.value.remedy
    assert "known: " in caught.value.remedy


@pytest.mark.parametrize("word", ["kernel=/bin/true", "fuse-overlayfs="])
def test_only_a_program_that_can_be_given_is_taken(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_word(word)
    assert "fuse-overlayfs=PATH" in caught.value.remedy


def _program(path: Path, version: str = "1.13-dev") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "fusermount3 version: 3.14.0"\necho "fuse-overlayfs: version {version}"\n')
    path.chmod(0o755)
    return path


def test_a_given_program_adds_itself_with_its_digest(cache: Path, tmp_path: Path) -> None:
    program = _program(tmp_path / "one/bin/fuse-overlayfs")
    other = _program(tmp_path / "two/bin/fuse-overlayfs", "1.13-dev ")
    words = [
        f"fuse-overlayfs={program}",
        f"fuse-overlayfs={tmp_path / 'two'}",
        "kernel",
        f"fuse-overlayfs={tmp_path / 'one'}",
    ]
    found = discover([], words, kernel="6.1.0-9", host=HERE)
    kernel, first, second = (one for one in found if isinstance(one, Tool))
    assert kernel.label == "kernel 6.1.0"
    assert first.version == f"1.13-dev+{first.main.sha256[:8]}"
    assert (first.origin, first.main.path, first.world) == ("given", str(program), HERE)
    assert second.main.path == str(other)
    assert first.key != second.key


def _not_programs(folder: Path) -> dict[str, Path]:
    files = {name: folder / name for name in ("text", "plain", "foreign", "no-interpreter", "empty")}
    files["text"].write_text("hello")
    files["plain"].write_text("#!/bin/sh\n")
    files["foreign"].write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 22) + bytes(40))
    files["no-interpreter"].write_text("#!/nonexistent/sh\n")
    files["empty"].write_bytes(b"")
    for name, file in files.items():
        file.chmod(0o644 if name == "plain" else 0o755)
    (folder / "folder").mkdir()
    return files | {"folder": folder / "folder", "nowhere": folder / "nowhere", "device": Path("/dev/null")}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text", "neither an ELF file nor a script"),
        ("plain", "not executable"),
        ("foreign", "another processor"),
        ("no-interpreter", "interpreter"),
        ("empty", "neither an ELF file nor a script"),
        ("folder", "no bin/fuse-overlayfs"),
        ("nowhere", "no such file"),
        ("device", "no regular file"),
    ],
)
def test_a_binary_that_is_not_one_is_a_usage_error(name: str, words: str, cache: Path, tmp_path: Path) -> None:
    path = _not_programs(tmp_path)[name]
    with pytest.raises(UsageError) as caught:
        discover([], [f"fuse-overlayfs={path}"], host=HERE)
    assert words in caught.value.what
    assert str(path) in caught.value.where
    assert caught.value.remedy


def test_a_program_for_i386_runs_on_x86_64() -> None:
    elf = {machine: b"\x7fELF\x01\x01" + bytes(12) + struct.pack("<H", machine) for machine in (3, 62)}
    assert not_a_program(elf[3], elf[62]) == ""
    assert not_a_program(elf[62], elf[3]) != ""


def test_a_program_that_hangs_is_a_tool_of_unknown_version(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_PATIENCE", 0.3)
    program = _program(tmp_path / "fuse-overlayfs")
    program.write_text("#!/bin/sh\nsleep 30\n")
    (tool,) = (
        one
        for one in discover([], [f"fuse-overlayfs={program}"], host=HERE)
        if isinstance(one, Tool) and one.origin == "given"
    )
    assert tool.version.startswith("unknown+")


def test_a_second_start_asks_no_program(debian: FakeDebian, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure(["trixie"], lambda _line: None)
    monkeypatch.setattr(tools, "which", lambda _name: None)
    first = discover(worlds_in_place(), kernel="6.1.0", host=HERE)
    monkeypatch.setattr(ledger, "run", None)
    assert discover(worlds_in_place(), kernel="6.1.0", host=HERE) == first
    (program,) = (one for one in first if isinstance(one, Tool) and one.name == "fuse-overlayfs")
    assert (program.version, program.main.package, program.main.path) == (
        "1.0",
        "1:1.0-1+b2",
        "/usr/bin/fuse-overlayfs",
    )


def test_a_changed_program_is_asked_again(cache: Path, tmp_path: Path) -> None:
    program = _program(tmp_path / "fuse-overlayfs")
    before = discover([], [f"fuse-overlayfs={program}"], host=HERE)[-1]
    _program(program, "1.99")
    after = discover([], [f"fuse-overlayfs={program}"], host=HERE)[-1]
    assert isinstance(before, Tool)
    assert isinstance(after, Tool)
    assert after.version.startswith("1.99+")


def test_a_world_that_is_not_built_says_how_to_build_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "which", lambda _name: None)
    missing = [one for one in discover([], kernel="6.1.0", host=HERE) if isinstance(one, Unavailable)]
    assert {one.where for one in missing} == {"bullseye", "bookworm", "trixie", "sid", "apptainer"}
    assert all(one.remedy.startswith("whiteout-lab worlds build ") for one in missing)


def test_a_crate_without_cargo_is_unavailable(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    if shutil.which("cargo", path="/usr/local/sbin:/usr/sbin:/sbin"):
        pytest.skip("cargo is in a folder of the system's own")
    (only,) = discover([], ["fuse-overlayfs@crate"], kernel="6.1.0", host=HERE)
    assert only == Unavailable(
        "fuse-overlayfs", "crate", "cargo is not installed", only.remedy if isinstance(only, Unavailable) else ""
    )
