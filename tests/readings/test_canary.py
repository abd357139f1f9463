"""A program that takes names as they are is seen to touch what lies outside of its tree, and one that does not is not."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.drivers import EVERY_SETUP
from harness.drivers.base import Importer, ReadingText
from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.readings.batch import Saw, run_batch
from harness.readings.corpus import corpus
from harness.readings.given import Given
from harness.readings.taker import Role, Taker
from harness.runs.folders import work_parent
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Part, Tool, World

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="importers are run as root"),
]
FOLDER = Path(__file__).parents[2] / "scenarios/corpus"
LAYERS = """\
mkdir tree
for layer in $(tr , '\\n' <image/manifest.json | grep -o 'blobs/sha256/[0-9a-f]*' | tail -n +2); do
  tar %s -C tree -xf "image/$layer"
done
show tree"""


@dataclass(frozen=True, kw_only=True)
class Naive(Importer):
    """GNU tar, one layer over the other. ``option``: -P takes absolute names and '..' as they are."""

    option: str

    def script(self, profile: Profile) -> ReadingText:  # noqa: ARG002
        return ReadingText(reading=LAYERS % self.option)


def a_world() -> World:
    """One in which containers run."""
    found = [one for one in worlds_in_place() if "busybox-static" in one.packages and "uidmap" in one.packages]
    if not found:
        pytest.skip("no world for containers is built: whiteout-lab worlds build")
    return found[0]


def readings(option: str, givens: list[Given], monkeypatch: pytest.MonkeyPatch) -> list[Saw]:
    setup = Naive(program="naive", called="naive", option=option)
    monkeypatch.setitem(EVERY_SETUP, "naive", setup)
    tool = Tool("naive", Part("naive", "1", "", "", ""), a_world())
    with work_folder(work_parent(), f"canary-{os.getpid()}") as work:
        return run_batch(
            Taker(tool, Profile.ROOT, Role.IMAGE), givens, CellContext(work, platform.release(), {}, timeout=120)
        )


def outside() -> list[Given]:
    names = [f"{how}-{what}" for how in ("absolute", "dotdot") for what in ("name", "symlink", "hard-link")]
    found = [one for one in corpus(FOLDER) if one.name in {*names, "missing-parents"}]
    assert len(found) == 7
    return found


def test_who_takes_names_as_they_are_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    givens = outside()
    saw = dict(zip((one.name for one in givens), readings("-P", givens, monkeypatch), strict=True))
    assert not [one.broken for one in saw.values() if one.broken]
    assert {name for name, one in saw.items() if one.touched} == {one.name for one in givens} - {"missing-parents"}
    assert "canary/new" in saw["absolute-name"].touched
    assert "as it was laid" in saw["dotdot-hard-link"].touched


def test_who_keeps_them_inside_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    saw = readings("", [one for one in outside() if "symlink" not in one.name], monkeypatch)
    assert [one.touched for one in saw] == [""] * len(saw)
