"""A recording appears whole or not at all, and knows its files again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery
from harness.evidence import recording as recordings
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


def test_it_counts_every_file_but_itself(place: Path) -> None:
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
