"""Real packers on the founding upper and on others: each layer has the entries that were seen by hand."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

from harness.drivers import PACKERS
from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.profile import Profile
from harness.readings.batch import Saw, run_batch
from harness.readings.given import Given
from harness.readings.packed import judge_packed
from harness.readings.taker import Role, Taker
from harness.runs.folders import work_parent
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.tools.takers import discover_takers
from harness.whiteouts.union import merge
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Part, Tool, World
from tests.entries import file, folder, gone, tree

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="lays layers out as root, and starts daemons in a world; run as root"),
]
FOLDERS = ("usr/bin", "usr/sbin", "bin", "sbin")
CALLED = {"docker": ("docker", "dockerd"), "ctr": ("ctr", "containerd"), "sqfs2tar": ("sqfs2tar", "mksquashfs")}
LOWER = tree(
    [folder("a"), file("a/f", "old"), folder("gone"), file("gone/x", "x"), file("keep", "k"), file("two", "2")]
)
OWN = {b"user.own": b"v"}
# What fuse-overlayfs leaves as root where a directory is made beside lower content (sylabs/singularity#3176).
FOUNDING = (
    folder("a"),
    folder("a/new", trusted_overlay_opaque="y"),
    gone("a/new/.wh..opq"),
    file("a/new/.wh..wh..opq"),
)
# What the kernel leaves of the same, and of a directory that was removed and made again.
NATIVE = (
    folder("a"), folder("a/new", trusted_overlay_opaque="y"), gone("a/f"), folder("gone", trusted_overlay_opaque="y"),
    file("made", "new", xattrs=OWN, same_as=b"made", links=2), file("same", "new", xattrs=OWN, same_as=b"made", links=2),
)  # fmt: skip
FILES = (
    folder("a"),
    file("a/.wh.f"),
    folder("gone"),
    file("gone/.wh..wh..opq"),
)  # all that somebody without privilege can write
# What fuse-overlayfs leaves of the founding case without privilege, and the kernel of another with userxattr.
ORDINARY = (
    folder("a"), folder("a/new", user_fuseoverlayfs_opaque="y"), gone("a/new/.wh..opq"), file("a/new/.wh..wh..opq"),
)  # fmt: skip
USERXATTR = (folder("a"), gone("a/f"), folder("gone", user_overlay_opaque="y"))
UPPERS = {"founding": FOUNDING, "native": NATIVE, "files": FILES, "ordinary": ORDINARY, "userxattr": USERXATTR}
LIE = ("founding", "native", "files")


WORLDS = ("importers-trixie", "images", "apptainer", "trixie")


def world_of(name: str) -> World | None:
    """The first of some worlds that has a packer, and what brings up the network of a machine of its own."""
    programs = CALLED.get(PACKERS[name].program, (PACKERS[name].program,))
    there = {world.name: world for world in worlds_in_place()}
    for world in filter(None, map(there.get, WORLDS)):
        if all(any((world.root / folder / one).exists() for folder in FOLDERS) for one in (*programs, "busybox")):
            return world
    return None


def given(name: str) -> Given:
    upper = tree(UPPERS[name])
    return Given(name, (tar_of(LOWER), tar_of(upper)), merge([LOWER], upper))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellContext]:
    with work_folder(work_parent(), f"packers-{tmp_path_factory.getbasetemp().name}-{os.getpid()}") as work:
        yield CellContext(work, platform.release(), {}, timeout=180)


_SEEN: dict[tuple[str, Profile], dict[str, Saw]] = {}


def saw(name: str, upper: str, context: CellContext, profile: Profile = Profile.ROOT) -> Saw:
    """What a packer made of an upper: one script for all of them."""
    if (name, profile) not in _SEEN:
        world = world_of(name)
        if world is None:
            pytest.skip(f"no world has {PACKERS[name].program}")
        program = PACKERS[name].program
        tool = Tool(name, Part(program, "0", "", program, ""), world, origin="world")
        givens = [given(one) for one in UPPERS]
        came = run_batch(Taker(tool, profile, Role.FOLDER), givens, context)
        _SEEN[name, profile] = dict(zip(UPPERS, came, strict=True))
    one = _SEEN[name, profile][upper]
    assert not one.broken, (name, upper, one.broken, one.words)
    return one


def said(one: Saw) -> list[str]:
    """The layer's entries but its root and those that every packer copies: marks, and what is a link or has an xattr."""
    assert one.packed is not None, one.words
    return sorted(map(_line, (entry for entry in one.packed if entry.path)))


def _line(entry: Entry) -> str:
    words = [entry.path.decode()]
    words += ["0:0"] if entry.is_whiteout_device else ["/"] if entry.kind is Kind.DIR else []
    words += [f"{key.decode()}={value.decode()}" for key, value in entry.xattrs.items()]
    words += [f"-> {entry.same_as.decode()}"] if entry.same_as not in {None, entry.path} else []
    return " ".join(words)


AS_IT_LIES = {
    "founding": ["a /", "a/new / trusted.overlay.opaque=y", "a/new/.wh..opq 0:0", "a/new/.wh..wh..opq"],
    "native": [
        "a /", "a/f 0:0", "a/new / trusted.overlay.opaque=y", "gone / trusted.overlay.opaque=y",
        "made user.own=v", "same user.own=v -> made",
    ],
    "files": ["a /", "a/.wh.f", "gone /", "gone/.wh..wh..opq"],
}  # fmt: skip
COMMITTED = ["a /", "a/.wh.f", "a/new /", "gone /", "gone/.wh..wh..opq", "made user.own=v", "same user.own=v -> made"]


def without(words: str, lines: list[str]) -> list[str]:
    return [line.replace(words, "") for line in lines]


@pytest.mark.parametrize("upper", LIE)
@pytest.mark.parametrize("name", ["tar+xattrs", "bsdtar", "sqfs2tar", "mksquashfs", "tar2sqfs"])
def test_who_knows_nothing_of_marks_packs_them_as_they_lie(name: str, upper: str, context: CellContext) -> None:
    assert said(saw(name, upper, context)) == AS_IT_LIES[upper]


@pytest.mark.parametrize("upper", LIE)
def test_tar_without_options_drops_every_xattr_and_says_nothing(upper: str, context: CellContext) -> None:
    one = saw("tar", upper, context)
    assert said(one) == without(" user.own=v", without(" trusted.overlay.opaque=y", AS_IT_LIES[upper]))
    assert (one.code, one.words) == (0, "")


@pytest.mark.parametrize("upper", LIE)
def test_gensquashfs_makes_two_files_of_one_with_two_names(upper: str, context: CellContext) -> None:
    assert said(saw("gensquashfs", upper, context)) == without(" -> made", AS_IT_LIES[upper])


def test_singularityce_seals_without_the_device_that_fuse_overlayfs_leaves(context: CellContext) -> None:
    wanted = [line for line in AS_IT_LIES["founding"] if "0:0" not in line]
    assert said(saw("mksquashfs+seal", "founding", context)) == wanted
    assert said(saw("mksquashfs+seal", "native", context)) == AS_IT_LIES["native"]


@pytest.mark.parametrize("upper", ["founding", "native"])
@pytest.mark.parametrize("name", ["mksquashfs", "tar+xattrs", "bsdtar", "gensquashfs"])
def test_without_privilege_the_kernels_opaque_mark_is_lost_and_nobody_says_so(
    name: str, upper: str, context: CellContext
) -> None:
    one = saw(name, upper, context, Profile.USER)
    assert not any("trusted" in line for line in said(one))
    assert "trusted" not in one.words
    if upper == "native":
        codes = [(one.code, one.path) for one in judge_packed(given(upper), one.packed or (), PACKERS[name].form)]
        assert ("WL302", "gone") in codes


@pytest.mark.parametrize("name", ["podman+commit", "docker+commit"])
def test_commit_of_the_founding_upper_is_refused_by_who_commits(name: str, context: CellContext) -> None:
    one = saw(name, "founding", context)
    assert one.code != 0
    assert "duplicates of file paths not supported" in one.words


def test_buildah_pushes_the_founding_upper_with_a_path_that_stands_twice(context: CellContext) -> None:
    one = saw("buildah+commit", "founding", context)
    assert said(one) == ["a /", "a/new /", "a/new/.wh..wh..opq", "a/new/.wh..wh..opq"]
    assert [one.code for one in judge_packed(given("founding"), one.packed or (), "tar")] == ["WL301"]


@pytest.mark.parametrize("name", ["podman+commit", "buildah+commit"])
def test_podman_and_buildah_say_a_mark_where_something_is_hidden(name: str, context: CellContext) -> None:
    assert said(saw(name, "native", context)) == COMMITTED
    assert said(saw(name, "files", context)) == AS_IT_LIES["files"]


@pytest.mark.parametrize("name", ["podman+commit+fuse", "buildah+commit+fuse"])
def test_with_fuse_overlayfs_the_trees_are_compared_as_it_shows_them(name: str, context: CellContext) -> None:
    assert said(saw(name, "founding", context)) == ["a /", "a/new /"]
    assert said(saw(name, "files", context)) == ["a /", "a/.wh.f", "gone /", "gone/.wh.x"]


def test_an_ordinary_users_commit_is_like_roots(context: CellContext) -> None:
    assert said(saw("podman+commit", "userxattr", context, Profile.USER)) == [
        "a /",
        "a/.wh.f",
        "gone /",
        "gone/.wh..wh..opq",
    ]
    refused = saw("podman+commit", "ordinary", context, Profile.USER)
    assert refused.code != 0
    assert "duplicates of file paths not supported" in refused.words
    assert said(saw("podman+commit+fuse", "ordinary", context, Profile.USER)) == ["a /", "a/new /"]
    assert said(saw("podman+commit+fuse", "userxattr", context, Profile.USER)) == [
        "a /",
        "a/.wh.f",
        "gone /",
        "gone/.wh.x",
    ]


def test_buildah_carries_a_mark_of_fuse_overlayfs_into_the_layer(context: CellContext) -> None:
    assert said(saw("buildah+commit", "ordinary", context, Profile.USER)) == [
        "a /", "a/new / user.fuseoverlayfs.opaque=y", "a/new/.wh..wh..opq", "a/new/.wh..wh..opq",
    ]  # fmt: skip


def test_docker_drops_what_users_set_and_marks_a_new_directory_too(context: CellContext) -> None:
    wanted = sorted([*without(" user.own=v", COMMITTED), "a/new/.wh..wh..opq"])
    assert said(saw("docker+commit", "native", context)) == wanted


def test_containerd_compares_what_the_kernel_shows_and_fails_on_a_name_that_is_listed_alone(
    context: CellContext,
) -> None:
    one = saw("ctr+diff", "founding", context)
    assert one.code != 0
    assert "a/new/.wh..opq: no such file or directory" in one.words
    wanted = ["a /", "a/.wh.f", "a/new /", "gone /", "gone/.wh.x", "made", "same -> made"]
    assert said(saw("ctr+diff", "native", context)) == wanted


def test_umoci_takes_no_name_that_the_specification_reserves(context: CellContext) -> None:
    assert said(saw("umoci+repack", "native", context)) == sorted(
        ["a /", "a/.wh.f", "a/new /", "gone/.wh.x", "made user.own=v", "same user.own=v -> made"]
    )
    for upper in ("founding", "files"):
        one = saw("umoci+repack", upper, context)
        assert one.code != 0
        assert 'invalid path has whiteout prefix ".wh."' in one.words


@pytest.mark.parametrize("name", ["podman+commit", "buildah+commit", "umoci+repack", "mksquashfs", "tar2sqfs"])
def test_a_layer_that_says_what_the_upper_says_has_no_finding(name: str, context: CellContext) -> None:
    one = saw(name, "native", context)
    assert [
        (one.code, one.message) for one in judge_packed(given("native"), one.packed or (), PACKERS[name].form)
    ] == []


def test_the_given_layers_are_what_is_packed(context: CellContext) -> None:
    one = saw("tar+xattrs", "native", context)
    assert Snapshot.of(one.packed or ()).entries.keys() == tree(NATIVE).entries.keys()


def migrated(upper: str, context: CellContext) -> list[str]:
    """What craft-parts makes of an upper; it is no program of a world, and its owners are those of who runs it."""
    found = [one for one in discover_takers(worlds_in_place()) if one.name == "craft-parts"]
    (tool,) = found
    if not isinstance(tool, Tool):
        pytest.skip(tool.reason)
    if ("craft-parts", Profile.ROOT) not in _SEEN:
        came = run_batch(Taker(tool, Profile.ROOT, Role.FOLDER), [given(one) for one in UPPERS], context)
        _SEEN["craft-parts", Profile.ROOT] = dict(zip(UPPERS, came, strict=True))
    return said(_SEEN["craft-parts", Profile.ROOT][upper])


def test_craft_parts_writes_oci_marks_and_knows_the_stray_device(context: CellContext) -> None:
    assert migrated("founding", context) == ["a /", "a/new /", "a/new/.wh..wh..opq"]
    assert migrated("native", context) == [
        "a /",
        "a/.wh.f",
        "a/new /",
        "a/new/.wh..wh..opq",
        "gone /",
        "gone/.wh..wh..opq",
        "made",
        "same -> made",
    ]


def test_craft_parts_gives_a_file_mark_its_prefix_twice(context: CellContext) -> None:
    """As found here: a name that was deleted by a file comes back."""
    assert migrated("files", context) == ["a /", "a/.wh..wh.f", "gone /", "gone/.wh..wh..opq"]
    assert migrated("userxattr", context) == ["a /", "a/.wh.f", "gone /"]
