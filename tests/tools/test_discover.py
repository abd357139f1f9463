"""Which tools there are, and what the words of --tool choose."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cells.plan import matches, tool_order
from harness.compare.words import Column
from harness.errors import UsageError
from harness.evidence.recording import ToolRecord
from harness.evidence.tools import tool_record
from harness.tools import discover as tools
from harness.tools.asked import parse_word, parse_words
from harness.tools.discover import Found, choose, discover, where_of
from harness.tools.given import not_a_program
from harness.tools.installed import installed_tools
from harness.worlds import ledger
from harness.worlds.build import ensure, worlds_in_place
from harness.worlds.model import HOST, Excluded, Part, Tool, Unavailable, World
from tests.debian import FakeDebian

HERE = World(HOST, Path("/"))


def _tool(name: str, version: str, where: str) -> Tool:
    world = HERE if where in {HOST, "crate"} else World(where, Path("/worlds") / where)
    part = Part(name, version, "", f"/usr/bin/{name}", "00")
    return Tool(name, part, world, origin=where if world.is_host else "world")


KERNEL = _tool("kernel", "6.1.0", HOST)
TRIXIE = _tool("fuse-overlayfs", "1.14", "trixie")
SID = _tool("fuse-overlayfs", "1.14", "sid")
BOOKWORM = _tool("fuse-overlayfs", "1.10", "bookworm")
CRATE = _tool("fuse-overlayfs", "2.0.0", "crate")
NO_BULLSEYE = Unavailable("fuse-overlayfs", "bullseye", "the world bullseye is not built", "build it")
FOUND: list[Found] = [KERNEL, NO_BULLSEYE, BOOKWORM, TRIXIE, SID, CRATE]


def _choose(*words: str) -> list[Found]:
    return choose(FOUND, parse_words(words))


def test_without_words_a_version_is_taken_from_the_earlier_world_alone() -> None:
    same = Excluded("fuse-overlayfs", "sid", "the same version, 1.14, as in trixie")
    assert _choose() == [KERNEL, NO_BULLSEYE, BOOKWORM, TRIXIE, same, CRATE]


def test_a_name_chooses_every_world() -> None:
    assert [where_of(one) for one in _choose("fuse-overlayfs")] == ["bullseye", "bookworm", "trixie", "sid", "crate"]


def test_a_world_that_is_named_is_taken_and_keeps_keys_apart() -> None:
    assert _choose("fuse-overlayfs@sid") == [SID]
    both = _choose("fuse-overlayfs@trixie", "fuse-overlayfs@sid")
    assert [one.key for one in both if isinstance(one, Tool)] == ["fuse-overlayfs-1.14", "fuse-overlayfs-1.14~sid"]
    assert replace(SID.main, mark="~sid") == [one.main for one in both if isinstance(one, Tool)][1]


def test_what_the_user_brings_is_not_absent() -> None:
    word = parse_word("singularity-ce")
    (absent,) = choose(FOUND, [word])
    assert isinstance(absent, Unavailable)
    assert "--tool singularity-ce=FOLDER" in absent.remedy
    assert choose(FOUND, [word], [_tool("singularity-ce", "4.5.0", "images")]) == []


def test_the_key_of_a_cell_chooses_too() -> None:
    assert _choose("fuse-overlayfs-1.10", "kernel") == [KERNEL, BOOKWORM]


def test_what_is_known_but_not_here_is_unavailable() -> None:
    (only,) = _choose("fuse-overlayfs+stack@host")
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


@pytest.mark.parametrize("word", ["squashfuse=/bin/true", "fuse-overlayfs="])
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
    assert first.version == "1.13-dev"
    assert first.key == f"fuse-overlayfs-1.13-dev+{first.main.sha256[:8]}"
    assert first.label == f"fuse-overlayfs 1.13-dev+{first.main.sha256[:8]}"
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
    assert tool.key.startswith("fuse-overlayfs-unknown+")


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
    assert after.version == "1.99"


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


def _brought(*words: str) -> list[Tool]:
    """The tools that the user brings, in the order of their words."""
    found = discover([], words, kernel="6.1.0", host=HERE)
    return [one for one in found if isinstance(one, Tool) and one.origin == "given"]


def _order(*words: str) -> list[str]:
    """Their labels as the plan and the report order them."""
    found = _brought(*words)
    labels = [tool.label for tool in sorted(found, key=tool_order)]
    columns = sorted((Column.of(tool_record(tool, "6.1.0"), "root") for tool in found), key=lambda one: one.order)
    assert [f"{column.name} {column.version}" for column in columns] == labels
    return labels


def test_a_given_program_is_told_apart_by_a_digest_that_no_order_and_no_range_sees(cache: Path, tmp_path: Path) -> None:
    """Twelve builds of one version, so that some digest begins with a letter and some with a digit."""
    builds = [_program(tmp_path / f"{n}/fuse-overlayfs", f"1.15{' ' * n}") for n in range(12)]
    words = [f"fuse-overlayfs={path}" for path in builds]
    given = _brought(*words)
    assert {tool.main.mark[1].isdigit() for tool in given} == {True, False}
    for tool in given:
        assert matches("fuse-overlayfs==1.15", tool)
        assert not matches("fuse-overlayfs<1.15", tool)
        assert tool_record(tool, "6.1.0").plain == "1.15"
    as_named = [tool.label for tool in given]
    assert _order(*words) == as_named
    assert _order(*reversed(words)) == as_named[::-1]


def test_tools_of_one_version_stand_as_they_are_named_and_what_nobody_named_before_them(
    debian: FakeDebian, tmp_path: Path
) -> None:
    ensure(["trixie"], lambda _line: None)  # fuse-overlayfs 1.0
    program = _program(tmp_path / "fuse-overlayfs", "1.0.0")
    given, world = f"fuse-overlayfs:1.0:mine={program}", "fuse-overlayfs@trixie"
    for words, order in (
        ([given, world], ["1.0 mine", "1.0"]),
        ([world, given], ["1.0", "1.0 mine"]),
        ([given], ["1.0", "1.0 mine"]),
    ):
        found = [one for one in discover(worlds_in_place(), words, kernel="6.1.0", host=HERE) if isinstance(one, Tool)]
        mine = [tool for tool in sorted(found, key=tool_order) if tool.name == "fuse-overlayfs"]
        assert [tool.main.shown for tool in mine] == order


def test_the_user_says_which_version_a_program_is_and_what_to_call_it(cache: Path, tmp_path: Path) -> None:
    one, two, three = (_program(tmp_path / str(n) / "fuse-overlayfs", f"1.13-dev{' ' * n}") for n in range(3))
    words = [f"fuse-overlayfs:1.14:patched={one}", f"fuse-overlayfs:1.13={two}", f"fuse-overlayfs::mine={three}"]
    first, second, third = _brought(*words)
    assert (first.version, first.label, first.key) == (
        "1.14",
        "fuse-overlayfs 1.14 patched",
        "fuse-overlayfs-1.14+patched",
    )
    assert (second.version, second.label) == ("1.13", "fuse-overlayfs 1.13")
    twins = _brought(f"fuse-overlayfs:1.13={one}", f"fuse-overlayfs:1.13={two}")
    assert [twin.label for twin in twins] == ["fuse-overlayfs 1.13", f"fuse-overlayfs 1.13+{twins[1].main.sha256[:8]}"]
    assert (third.version, third.label) == ("1.13-dev", "fuse-overlayfs 1.13-dev mine")
    assert matches("fuse-overlayfs>=1.14", first)
    assert first.main.says.endswith("1.13-dev"), "what the program says of itself is recorded too"
    assert tool_record(first, "").version == "1.14 patched"


def test_one_program_is_one_tool_and_two_never_share_a_label(cache: Path, tmp_path: Path) -> None:
    one, two = (_program(tmp_path / str(n) / "fuse-overlayfs", f"1.13-dev{' ' * n}") for n in range(2))
    (tool,) = _brought(f"fuse-overlayfs={one}", f"fuse-overlayfs:1.14={one}")
    assert tool.version == "1.14"
    for words, message in (
        ([f"fuse-overlayfs:1.14={one}", f"fuse-overlayfs:1.13={one}"], "as 1.14 and as 1.13"),
        ([f"fuse-overlayfs:1.14:a={one}", f"fuse-overlayfs:1.14:a={two}"], "called fuse-overlayfs 1.14 a"),
    ):
        with pytest.raises(UsageError) as caught:
            discover([], words, host=HERE)
        assert message in caught.value.what
        assert caught.value.remedy


def test_two_installations_of_one_release_never_share_a_label(cache: Path, tmp_path: Path) -> None:
    homes = []
    for n in range(2):
        for name in ("bin/singularity", "libexec/singularity/bin/starter"):
            path = tmp_path / f"ce{n}" / name
            path.parent.mkdir(parents=True)
            path.write_text(f"#!/bin/sh\necho 'singularity-ce version 4.5.0-noble'  # {n}\n")
            path.chmod(0o755)
        homes.append(tmp_path / f"ce{n}")
    images = World("images", tmp_path)
    part = Part("helper", "1", "", "/usr/bin/helper", "00")

    def labels(*texts: str) -> set[str]:
        found = installed_tools(parse_words(texts), images, ledger.Ledger(tmp_path / "ledger"), lambda *_: part, HERE)
        return {tool.label for tool in found if isinstance(tool, Tool) and tool.name == "singularity-ce"}

    assert labels(f"singularity-ce={homes[0]}") == {"singularity-ce 4.5.0"}
    assert len(labels(*(f"singularity-ce={home}" for home in homes))) == 2
    assert labels(f"singularity-ce::old={homes[0]}", f"singularity-ce:4.6={homes[1]}") == {
        "singularity-ce 4.5.0 old",
        "singularity-ce 4.6",
    }


@pytest.mark.parametrize(
    "word",
    [
        "fuse-overlayfs:1.14",
        "fuse-overlayfs:v2=/x",
        "fuse-overlayfs:1.14:a b=/x",
        "fuse-overlayfs:1+b=/x",
        "squashfuse:6=/x",
    ],
)
def test_a_version_or_a_name_that_cannot_be_said(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_word(word)
    assert "fuse-overlayfs:VERSION:CALLED=PATH" in caught.value.remedy or "can be given for" in caught.value.what


def test_a_recording_from_before_numbers_stood_alone_is_read_right() -> None:
    given = ToolRecord("fuse-overlayfs", "1.15+b6b56130", "fuse-overlayfs", sha256="b6b56130" + "0" * 56)
    twin = ToolRecord("fuse-overlayfs", "1.14~sid", "fuse-overlayfs", world="sid")
    assert (given.plain, twin.plain) == ("1.15", "1.14")
