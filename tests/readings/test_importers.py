"""Real importers: what each makes of layers of the founding case, of plain ones, and of one that stands twice, as seen by hand."""

from __future__ import annotations

import io
import os
import platform
import tarfile
from collections.abc import Iterator
from functools import cache

import pytest

from harness.drivers import IMPORTERS
from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.readings.batch import Saw, run_batch
from harness.readings.given import Given
from harness.readings.judged import without_added
from harness.readings.sealed import ALONE, sealed
from harness.readings.taker import Role, Taker
from harness.runs.folders import work_parent
from harness.snapshot.model import Kind, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.tools.takers import discover_takers
from harness.whiteouts.union import merge
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool
from tests.entries import file, folder, gone, tree

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="starts daemons in a world, as root and as a user; run as root"),
]
LOWER = tree([folder("a"), file("a/old", "1"), folder("d"), file("d/x", "x"), file("d/y", "y"), file("f", "1")])
# What fuse-overlayfs leaves as root where a directory is made beside lower content (sylabs/singularity#3176).
FOUNDING = tree(
    [folder("a"), folder("a/new", trusted_overlay_opaque="y"), gone("a/new/.wh..opq"), file("a/new/.wh..wh..opq")]
)


def archive(*members: str) -> bytes:
    """A tar in this order, as it is: directories end with ``/``; a file holds how many stood before it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for number, name in enumerate(members):
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type, info.mode = (tarfile.DIRTYPE, 0o755) if name.endswith("/") else (tarfile.REGTYPE, 0o644)
            text = b"" if info.isdir() or ".wh." in name else str(number).encode()
            info.size = len(text)
            made.addfile(info, io.BytesIO(text))
    return out.getvalue()


def given(name: str, layer: bytes, meaning: Snapshot) -> Given:
    return Given(name, (tar_of(LOWER), layer), meaning)


MADE = merge([LOWER, tree([folder("a"), folder("a/new")])])
FOUND = given("founding", tar_of(FOUNDING), MADE)
GIVENS = {
    one.name: one
    for one in (
        given("whiteout", archive(".wh.f", "new"), tree([*(e for e in LOWER if e.path != b"f"), file("new", "1")])),
        given(
            "opaque",
            archive("d/", "d/.wh..wh..opq", "d/z"),
            tree([*(e for e in LOWER if e.parent != b"d"), file("d/z", "2")]),
        ),
        given("twice", archive("n", "n"), tree([*LOWER, file("n", "1")])),
        # what the founding upper is pushed as: sylabs/singularity#3176
        given("pushed", archive("a/", "a/new/", "a/new/.wh..wh..opq", "a/new/.wh..wh..opq"), MADE),
        FOUND,
        # so many folders that mount(8) of today takes their names by an older call alone
        Given(
            "layers",
            (tar_of(LOWER), *(archive(one) for one in (".wh.f", "f", "g", ".wh.g", ".wh.f"))),
            tree(e for e in LOWER if e.path != b"f"),
        ),
    )
} | {f"sealed {name}": one for name, one in sealed(FOUND) if name in {"oci", f"oci, {ALONE}"}}
DUPLICATES = "duplicates of file paths not supported"
FIRST = {"crane", "singularity-ce+pull"}  # who keeps the first of two entries; everybody else has the last
REFUSE_TWICE = {"podman+overlay", "podman+fuse", "podman+vfs", "docker", "docker+vfs"}
# The marker of a marker becomes a whiteout of the kernel's, in a directory that is opaque: a name that is listed and is not there. Who
# merges by itself, or by fuse-overlayfs, or lays the layer through a mounted overlay as a user, has none.
PHANTOM = {
    ("podman+overlay", Profile.ROOT), ("podman+overlay", Profile.USER), ("docker", Profile.ROOT), ("containerd", Profile.ROOT),
    ("docker+containerd", Profile.ROOT),
}  # fmt: skip
EVERY = [(setup.name, profile) for setup in IMPORTERS.values() for profile in setup.profiles]
IDS = [f"{name}-{profile}" for name, profile in EVERY]
WORLDS = ("importers-trixie", "images", "apptainer", "importers-sid")  # the first of these is built unasked


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellContext]:
    with work_folder(work_parent(), f"importers-{tmp_path_factory.getbasetemp().name}-{os.getpid()}") as work:
        yield CellContext(work, platform.release(), {}, timeout=180)


@cache
def tools() -> dict[str, Tool]:
    """Of each importer the one in the first of the worlds that has it."""
    found = [
        one
        for one in discover_takers([world for world in worlds_in_place() if world.name in WORLDS])
        if isinstance(one, Tool) and one.name in IMPORTERS
    ]
    found.sort(key=lambda one: -WORLDS.index(one.world.name))
    return {one.name: one for one in found}


_SEEN: dict[tuple[str, Profile], dict[str, Saw]] = {}


def saw(name: str, profile: Profile, which: str, context: CellContext) -> Saw:
    """What an importer made of one: one script for all of them."""
    if (name, profile) not in _SEEN:
        tool = tools().get(name)
        if tool is None:
            pytest.skip(f"no world has {name}, or it is not installed")
        came = run_batch(Taker(tool, profile, Role.IMAGE), list(GIVENS.values()), context)
        _SEEN[name, profile] = dict(zip(GIVENS, came, strict=True))
    one = _SEEN[name, profile][which]
    assert not one.broken, (name, which, one.broken, one.words)
    return one


def names(name: str, one: Saw, which: str) -> list[str]:
    """The names of a tree, but for what the importer adds."""
    assert one.tree is not None, one.words
    own = without_added(one.tree, IMPORTERS[name].adds, GIVENS[which].meant)
    return [entry.path.decode() + "?" * (entry.kind is Kind.UNKNOWN) for entry in own if entry.path]


def meant(which: str) -> list[str]:
    return [entry.path.decode() for entry in GIVENS[which].meant if entry.path]


@pytest.mark.parametrize(("name", "profile"), EVERY, ids=IDS)
@pytest.mark.parametrize("which", ["whiteout", "layers", "sealed oci", f"sealed oci, {ALONE}"])
def test_a_layer_to_the_specification_is_read_as_it_is_meant(
    which: str, name: str, profile: Profile, context: CellContext
) -> None:
    assert names(name, saw(name, profile, which, context), which) == meant(which)


@pytest.mark.parametrize(("name", "profile"), EVERY, ids=IDS)
def test_an_opaque_directory_hides_what_lies_below_but_to_crane(
    name: str, profile: Profile, context: CellContext
) -> None:
    resurrected = ["d/x", "d/y"] if name == "crane" else []
    assert names(name, saw(name, profile, "opaque", context), "opaque") == sorted([*meant("opaque"), *resurrected])


@pytest.mark.parametrize(("name", "profile"), EVERY, ids=IDS)
@pytest.mark.parametrize("which", ["twice", "pushed"])
def test_a_path_that_stands_twice_is_refused_by_podman_and_docker_in_their_words(
    which: str, name: str, profile: Profile, context: CellContext
) -> None:
    one = saw(name, profile, which, context)
    if name in REFUSE_TWICE:
        assert one.code == 1
        assert one.tree is None
        assert DUPLICATES in one.words
        return
    assert names(name, one, which) == meant(which)
    if which == "twice" and one.tree is not None:
        there = one.tree.get(b"n")
        assert there is not None
        assert there.text == (b"0" if name in FIRST else b"1")


@pytest.mark.parametrize(("name", "profile"), EVERY, ids=IDS)
def test_a_marker_of_a_marker_is_listed_and_not_there_where_the_kernel_merges(
    name: str, profile: Profile, context: CellContext
) -> None:
    phantom = ["a/new/.opq?"] if (name, profile) in PHANTOM else []
    assert names(name, saw(name, profile, "founding", context), "founding") == sorted([*meant("founding"), *phantom])


@pytest.mark.parametrize(("name", "profile"), EVERY, ids=IDS)
def test_nothing_of_one_reading_is_seen_in_the_next(name: str, profile: Profile, context: CellContext) -> None:
    for which in GIVENS:
        one = saw(name, profile, which, context)
        if one.tree is not None:
            assert ("new" in names(name, one, which)) is (which == "whiteout")
