"""A recording appears whole or not at all, and knows its files again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from harness.drivers import PROGRAMS, SETUPS
from harness.errors import BrokenMachinery
from harness.evidence import recording as recordings
from harness.evidence.tools import tool_record
from harness.worlds.model import Part, Tool, World
from tests.factory import FakeCell, make_run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (found,) = (make_run(tmp_path / "run", [FakeCell()]) / "cells").iterdir()
    return found


def test_a_recording_is_written_beside_and_put_in_place(place: Path) -> None:
    path = place / recordings.NAME
    number, names = path.stat().st_ino, sorted(one.name for one in place.iterdir())
    with path.open("rb"):
        recordings.write(recordings.read(place), place)
        assert path.stat().st_ino != number, "a reader of the old file goes on with the old file"
    assert sorted(one.name for one in place.iterdir()) == names


def test_it_counts_every_file_but_itself_and_what_was_told_later(place: Path) -> None:
    (place / recordings.WHY).write_text("{}")
    recordings.write(recordings.read(place), place)
    (place / recordings.WHY).unlink()
    files = recordings.read(place).files
    assert files is not None
    assert files.keys() == {path.name for path in place.iterdir()} - {recordings.NAME}
    for name, record in files.items():
        content = (place / name).read_bytes()
        assert record == recordings.FileRecord(len(content), hashlib.sha256(content).hexdigest())


def test_damage_is_told_by_what_it_did(place: Path) -> None:
    recording = recordings.read(place)
    script = (place / "script.sh").read_bytes()
    own = {"script.sh": hashlib.sha256(script).hexdigest()}
    assert recordings.damage(recording, recordings.sizes_of(place), own) == ""
    assert (
        recordings.damage(recording, recordings.sizes_of(place), own | {"more": ""})
        == "more was not there when the recording was written"
    )
    assert (
        recordings.damage(recording, recordings.sizes_of(place), {"script.sh": "0"})
        == "script.sh was changed after it was written"
    )
    (place / "script.sh").write_bytes(script + b"x")
    assert recordings.damage(recording, recordings.sizes_of(place), {}).startswith(
        f"script.sh has {len(script) + 1} bytes, and had"
    )
    (place / "script.sh").unlink()
    assert recordings.damage(recording, recordings.sizes_of(place), {}) == "script.sh is missing"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"schema": 2}, "has schema 2"), ({"steps": [{"index": 1, "code": 0}]}, "a step"), ({"id": 3}, "is no recording")],
)
def test_what_is_of_a_later_time_or_contradicts_itself_is_refused(
    change: dict[str, object], words: str, place: Path
) -> None:
    path = place / recordings.NAME
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(BrokenMachinery, match=words):
        recordings.read(place)


def test_a_recording_of_a_later_schema_is_refused_whatever_else_it_holds(place: Path) -> None:
    (place / recordings.NAME).write_text('{"schema": 99, "all": "is different"}', encoding="utf-8")
    with pytest.raises(BrokenMachinery, match="has schema 99") as caught:
        recordings.read(place)
    assert caught.value.remedy == "update this program"


@pytest.mark.parametrize(
    ("name", "program", "setup", "kind", "owners"),
    [
        ("kernel", "kernel", "", "mounts", "visible"),
        ("kernel-nouserxattr", "kernel", "nouserxattr", "mounts", "visible"),
        ("fuse-stack", "fuse-overlayfs", "stack", "mounts", "visible"),
        ("apptainer-fakeroot", "apptainer", "fakeroot", "containers", "mapped"),
        ("singularity-ce-oci-ext3", "singularity-ce", "oci+ext3", "containers", "visible"),
        ("somebodys-own", "somebodys-own", "", "mounts", "visible"),
    ],
)
def test_a_tool_recorded_before_means_what_its_name_meant(
    name: str, program: str, setup: str, kind: str, owners: str
) -> None:
    old = json.dumps({"name": name, "version": "1.14", "driver": name}).encode()
    tool = msgspec.json.decode(old, type=recordings.ToolRecord)
    assert (tool.name, tool.program, tool.setup, tool.kind, tool.owners) == (name, program, setup, kind, owners)
    assert tool.title.split(" ")[0] in {program, "SingularityCE"}


@pytest.mark.parametrize("name", SETUPS)
def test_a_recording_carries_what_is_asked_of_its_driver(name: str) -> None:
    setup = SETUPS[name]
    record = tool_record(Tool(name, Part(setup.program, "1.14", "", "", ""), World("host", Path("/"))), "6.18.1")
    read_again = msgspec.json.decode(msgspec.json.encode(record), type=recordings.ToolRecord)
    assert read_again == record
    assert (record.program, record.setup, record.title) == (setup.program, setup.setup, setup.title)
    assert (record.kind, record.owners, record.place) == (setup.kind, setup.owners, list(SETUPS).index(name))


def test_tools_recorded_before_and_now_stand_in_one_order() -> None:
    now = [tool_record(Tool(name, Part("p", "1.14", "", "", ""), World("host", Path("/"))), "6.1") for name in SETUPS]
    before = [recordings.ToolRecord(program, "1.14", program) for program in PROGRAMS]
    assert [one.place for one in before] == [one.place for one in now if not one.setup]
