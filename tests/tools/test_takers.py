"""Which importers and packers are here: exact versions, each once, and why others are not."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.drivers import IMPORTERS
from harness.tools.discover import Found
from harness.tools.takers import discover_takers
from harness.worlds.model import HOST, Excluded, Tool, Unavailable, World
from harness.worlds.suites import SUITES, Taking, wanted

DOCKER = ("docker", "dockerd", "containerd", "ctr", "rootlesskit")
NUMBERS = {
    "docker.io": "26.1.5+dfsg1-9+b1",
    "containerd": "1.7.24~ds1-6",
    "podman": "5.4.2+ds1-2+b2",
    "rootlesskit": "2.0-1",
}


def world(root: Path, suite: str, programs: Iterable[str], **packages: str) -> World:
    """A world that holds empty programs, of these packages."""
    for program in programs:
        (root / suite / "usr/bin").mkdir(parents=True, exist_ok=True)
        (root / suite / "usr/bin" / program).touch()
    return World(
        suite, root / suite, NUMBERS | {name.replace("_", "."): number for name, number in packages.items()}, suite
    )


def _none(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


@pytest.fixture
def host(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine without a program."""
    del cache
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    monkeypatch.setattr("importlib.metadata.version", _none)
    monkeypatch.delenv("WHITEOUT_LAB_SINGULARITY", raising=False)
    return World(HOST, Path("/"))


def named(found: Iterable[Found], name: str) -> list[Found]:
    return [one for one in found if one.name == name]


def test_a_daemon_has_its_version_and_those_of_its_parts(host: World, tmp_path: Path) -> None:
    here = [world(tmp_path, "importers-trixie", DOCKER)]
    (one, *rest) = named(discover_takers(here, host=host), "docker")
    assert isinstance(one, Tool)
    assert (one.key, one.main.package, one.main.path) == ("docker-26.1.5", "26.1.5+dfsg1-9+b1", "/usr/bin/docker")
    assert [(part.name, part.version) for part in one.parts] == [("dockerd", "26.1.5")]
    unpacked = named(discover_takers(here, host=host), "docker+containerd")[0]
    assert isinstance(unpacked, Tool)
    assert [(part.name, part.version) for part in unpacked.parts] == [
        ("dockerd", "26.1.5"), ("containerd", "1.7.24"), ("ctr", "1.7.24"),
    ]  # fmt: skip
    assert [(type(other), other.where) for other in rest if not isinstance(other, Tool)] == [
        (Unavailable, f"importers-{suite}") for suite in ("bullseye", "bookworm", "sid")
    ]


def test_a_world_that_is_not_built_says_how_to_build_it(host: World) -> None:
    (one,) = named(discover_takers([], host=host), "crane")
    assert isinstance(one, Unavailable)
    assert (one.where, one.world, one.remedy) == (
        "importers-sid",
        "importers-sid",
        "whiteout-lab worlds build importers-sid",
    )


def test_one_version_in_two_worlds_is_taken_once(host: World, tmp_path: Path) -> None:
    here = [world(tmp_path, f"importers-{suite}", ["umoci"], umoci="0.4.7+ds-4") for suite in ("bookworm", "trixie")]
    found = [one for one in named(discover_takers(here, host=host), "umoci") if not isinstance(one, Unavailable)]
    assert [type(one) for one in found] == [Tool, Excluded]


def test_a_setup_that_a_version_has_not_is_not_there(host: World, tmp_path: Path) -> None:
    here = [world(tmp_path, "importers-bullseye", DOCKER, docker_io="20.10.5+dfsg1-1")]
    found = discover_takers(here, host=host)
    assert [one.key for one in named(found, "docker+vfs") if isinstance(one, Tool)] == ["docker+vfs-20.10.5"]
    assert not [one for one in named(found, "docker+containerd") if isinstance(one, Tool)]


def test_what_a_world_lacks_is_said(host: World, tmp_path: Path) -> None:
    found = discover_takers([world(tmp_path, "importers-sid", ["podman"])], host=host)
    assert [one.key for one in named(found, "podman+overlay") if isinstance(one, Tool)] == ["podman+overlay-5.4.2"]
    lacking = [
        one for one in named(found, "podman+fuse") if isinstance(one, Unavailable) and one.where == "importers-sid"
    ]
    assert [one.reason for one in lacking] == ["the world importers-sid lacks fuse-overlayfs"]


def test_who_runs_containers_is_looked_for_in_worlds_for_it_alone(host: World, tmp_path: Path) -> None:
    here = [world(tmp_path, "trixie", ["podman", "tar", *DOCKER], tar="1.35-3")]
    found = discover_takers(here, host=host)
    assert {one.name for one in found if isinstance(one, Tool)} == {"tar", "tar+xattrs"}


def test_without_an_installation_there_is_no_singularity_ce(host: World) -> None:
    assert named(discover_takers([], host=host), "singularity-ce+build") == []


def test_an_installation_takes_images_in_the_world_for_it(
    host: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / "ce"
    for name in ("bin/singularity", "libexec/singularity/bin/starter"):
        (top / name).parent.mkdir(parents=True)
        (top / name).write_text("#!/bin/sh\necho singularity-ce version 4.5.0-noble\n", encoding="utf-8")
        (top / name).chmod(0o755)
    monkeypatch.setenv("WHITEOUT_LAB_SINGULARITY", str(top))
    (one,) = named(discover_takers([], host=host), "singularity-ce+build")
    assert isinstance(one, Unavailable)
    assert one.world == "images"


def test_every_importer_has_a_world_for_it() -> None:
    taken = {program for suite in SUITES.values() for program in (*suite.takes, *suite.provides)}
    assert {setup.program for setup in IMPORTERS.values()} <= taken


def test_the_worlds_of_takers_run_no_cells_and_one_of_them_is_built_unasked() -> None:
    importers = [suite for suite in SUITES.values() if suite.name.startswith("importers-")]
    assert len(importers) == 4
    assert not any(suite.provides or suite.images for suite in importers)
    assert wanted(containers=False, singularity=False) == ["bullseye", "bookworm", "trixie", "sid"]
    assert wanted(containers=True, singularity=False)[4:] == ["apptainer"]
    assert wanted(containers=True, singularity=False, taking=Taking.ONE)[4:] == ["apptainer", "importers-trixie"]
    assert wanted(containers=True, singularity=True, taking=Taking.ALL)[4:] == [
        "images", "apptainer", *(f"importers-{name}" for name in ("bullseye", "bookworm", "trixie", "sid")),
    ]  # fmt: skip
    assert wanted(containers=False, singularity=False, taking=Taking.ALL)[4:] == []
    assert wanted(containers=False, singularity=False, guests=True)[4:] == ["guest-sid"]


def test_craft_parts_is_the_package_of_this_environment(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "2.37")
    monkeypatch.setattr(sys, "prefix", "/opt/lab/.venv")
    (found,) = named(discover_takers([], host=host), "craft-parts")
    assert isinstance(found, Tool)
    assert (found.main.path, found.key) == (sys.executable, "craft-parts-2.37")


def test_an_environment_that_no_cell_sees_is_told_of(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "2.37")
    monkeypatch.setattr(sys, "prefix", "/var/tmp/lab/.venv")
    (lacking,) = named(discover_takers([], host=host), "craft-parts")
    assert isinstance(lacking, Unavailable)
    assert lacking.reason == "craft-parts is installed below /var/tmp, which is empty in a cell"


def test_without_craft_parts_it_is_said(host: World) -> None:
    (lacking,) = named(discover_takers([], host=host), "craft-parts")
    assert isinstance(lacking, Unavailable)
    assert (lacking.where, lacking.remedy) == (HOST, "pip install craft-parts")
