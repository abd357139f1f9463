"""What the shell text of packers promises: sound shell, the layer's form, and that a packer which fails has packed nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness.drivers import EVERY_SETUP, PACKERS
from harness.drivers.base import Packer
from harness.machine.process import Finished, run
from harness.profile import Profile

ROWS = [(row, profile) for row, profile in itertools.product(PACKERS.values(), Profile) if profile in row.profiles]
SIMPLE = [row for row in PACKERS.values() if not row.container]
# What the script of readings brings: `packed` says what it was given.
PRELUDE = """\
cell=$PWD out=$PWD/out number=1 program=./tool PATH=$PWD:$PATH; mkdir -p out lower/1 upper work
die() { printf '%s\\n' "$1" >broken; exit 3; }
packed() { printf '%s\\n' "$1" >told; }
"""


def packs(row: Packer, folder: Path, program: str, *, helper: str = ": >upper.tar; : >layer.sqfs") -> Finished:
    """What comes of a reading where the packer is a script, *program*, and each other program that it calls is one too."""
    for name, lines in {"tool": program, **dict.fromkeys(("mksquashfs", "tar"), helper)}.items():
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    text = row.script(Profile.ROOT)
    return run(["sh", "-c", f"{PRELUDE}{text.begin}\nreads() {{\n{text.reading}\n}}\nreads"], cwd=folder)


@pytest.mark.parametrize(("row", "profile"), ROWS, ids=lambda one: getattr(one, "name", one))
def test_every_text_is_sound_shell(row: Packer, profile: Profile, tmp_path: Path) -> None:
    for part, lines in vars(row.script(profile)).items():
        (tmp_path / part).write_text(f"body() {{\n{lines or ':'}\n}}\n", encoding="utf-8")
        checked = run(["sh", "-n", tmp_path / part])
        assert checked.ok, f"{part}: {checked.err}"


def test_names_titles_and_forms_tell_packers_apart() -> None:
    assert all(EVERY_SETUP[name] is row for name, row in PACKERS.items()), "no other driver has the name of one"
    assert len({row.title for row in PACKERS.values()}) == len(PACKERS)
    squashfs = {"mksquashfs", "mksquashfs+seal", "tar2sqfs", "gensquashfs"}
    assert {name for name, row in PACKERS.items() if row.form == "squashfs"} == squashfs
    assert {row.form for name, row in PACKERS.items() if name not in squashfs} == {"tar"}


def test_what_makes_containers_has_a_machine_of_its_own_and_daemons_are_roots() -> None:
    rows = [row for row in PACKERS.values() if row.container]
    assert {row.program for row in rows} == {"podman", "buildah", "docker", "ctr", "umoci"}
    assert all("container" in row.needs for row in rows)
    assert {row.program for row in PACKERS.values() if row.profiles != tuple(Profile)} == {
        "docker",
        "ctr",
        "umoci",
        "craft-parts",
    }


@pytest.mark.parametrize("name", ["podman+commit", "podman+commit+fuse", "buildah+commit", "buildah+commit+fuse"])
def test_an_ordinary_users_container_is_made_in_the_namespace_of_its_storage(name: str, tmp_path: Path) -> None:
    row = PACKERS[name]
    text = row.script(Profile.USER)
    done = run(["sh", "-c", f"{PRELUDE}{text.begin}\nsh -n $shared && base\nin_storage x"], cwd=tmp_path)
    assert done.code != 0
    assert "in_storage" in done.err, "the storage is used in the other shell alone"
    inner = (tmp_path / "shared.sh").read_text("utf-8")
    assert row.script(Profile.ROOT).begin.splitlines()[-1] in inner
    assert inner.endswith("\ncommits\n")
    assert "unshare" not in row.script(Profile.ROOT).reading


@pytest.mark.parametrize("row", SIMPLE, ids=lambda row: row.name)
def test_a_layer_is_told_when_it_was_made(row: Packer, tmp_path: Path) -> None:
    done = packs(row, tmp_path, "exit 0")
    assert done.ok, done.err
    assert (tmp_path / "told").read_text("utf-8") == ("layer.sqfs\n" if row.form == "squashfs" else "layer.tar\n")


@pytest.mark.parametrize("row", SIMPLE, ids=lambda row: row.name)
def test_a_packer_that_fails_has_packed_nothing_and_its_words_are_kept(row: Packer, tmp_path: Path) -> None:
    done = packs(row, tmp_path, "echo no such thing >&2; exit 7")
    assert done.code == 7
    assert "no such thing" in done.err
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize("name", ["sqfs2tar", "tar2sqfs"])
def test_a_helper_that_fails_is_the_machines_fault(name: str, tmp_path: Path) -> None:
    assert packs(PACKERS[name], tmp_path, "exit 0", helper="exit 1").code == 3
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mksquashfs", ["upper", "layer.sqfs", "-noappend", "-comp", "gzip", "-no-progress"]),
        # what follows -e is left out: it comes last, and as one word
        ("mksquashfs+seal", ["upper", "layer.sqfs", "-no-progress", "-noappend", "-comp", "gzip", "-wildcards", "-e", "... .wh..opq"]),
        ("tar+xattrs", ["-C", "upper", "--format=posix", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-cf", "layer.tar", "."]),
    ],
)  # fmt: skip
def test_the_words_that_a_packer_is_called_with(name: str, words: list[str], tmp_path: Path) -> None:
    packs(PACKERS[name], tmp_path, "printf '%s\\n' \"$@\" >words")
    assert (tmp_path / "words").read_text("utf-8").splitlines() == words


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_uppermost_layer_of_a_layout_is_what_was_packed(layers: int, tmp_path: Path) -> None:
    """Also where annotations name digests behind the layers, as buildah's do."""
    blobs = tmp_path / "made/blobs/sha256"
    blobs.mkdir(parents=True)
    (tmp_path / "made/index.json").write_text('{"manifests":[{"digest":"sha256:aa","size":1}]}', encoding="utf-8")
    named = ",".join(
        f'{{"mediaType":"layer","digest":"sha256:{number:02x}","size":1}}' for number in range(1, layers + 1)
    )
    manifest = f'{{"config":{{"digest":"sha256:cc"}},"layers":[{named}],"annotations":{{"base.digest":"sha256:bb"}}}}'
    (blobs / "aa").write_text(manifest, encoding="utf-8")
    begin = PACKERS["umoci+repack"].script(Profile.ROOT).begin
    done = run(["sh", "-c", f"{PRELUDE}{begin}\ntop made"], cwd=tmp_path)
    assert done.ok, done.err
    assert (tmp_path / "told").read_text("utf-8") == f"made/blobs/sha256/{layers:02x}\n"


@pytest.mark.parametrize("lowers", [1, 2, 12])
def test_layers_are_laid_where_the_program_keeps_its_own_the_uppermost_first(lowers: int, tmp_path: Path) -> None:
    for number in range(1, lowers + 1):
        (tmp_path / f"lower/{number}").mkdir(parents=True)
        (tmp_path / f"lower/{number}/in-{number}").touch()
        (tmp_path / f"store/{number}").mkdir(parents=True)
        (tmp_path / f"store/{number}/litter").touch()
    for name in ("upper", "store/upper"):
        (tmp_path / name).mkdir()
    (tmp_path / "upper/made").touch()
    kept = ":".join(f"store/{number}" for number in range(lowers, 0, -1))
    begin = PACKERS["umoci+repack"].script(Profile.ROOT).begin
    done = run(["sh", "-c", f"{PRELUDE}{begin}\nlay_all {kept} store/upper"], cwd=tmp_path)
    assert done.ok, done.err
    for number in range(1, lowers + 1):
        assert [path.name for path in (tmp_path / f"store/{number}").iterdir()] == [f"in-{number}"]
    assert [path.name for path in (tmp_path / "store/upper").iterdir()] == ["made"]
