"""Images that mke2fs makes are read as the folder they were made of; damaged ones end in an error with its remedy."""

from __future__ import annotations

import io
import os
import random
import shutil
from pathlib import Path

import pytest

from harness.errors import BrokenMachinery
from harness.machine.process import run
from harness.snapshot.ext import is_ext, read_ext
from harness.snapshot.folder import read_folder
from harness.snapshot.image import open_tree
from harness.snapshot.model import Entry, Kind

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin") is None, reason="mke2fs is not installed"
    ),
]


def tree(top: Path) -> None:
    """A folder with everything that an overlay may hold."""
    (top / "upper/d").mkdir(parents=True)
    (top / "work").mkdir()
    (top / "upper/short").write_bytes(b"old\n")
    (top / "upper/d/holes").write_bytes(b"")
    with (top / "upper/d/holes").open("r+b") as file:  # beyond twelve blocks, and beyond the first indirect one
        for at in (0, 20_000, 400_000, 2_000_000):
            file.seek(at)
            file.write(b"x" * 3000)
    (top / "upper/link").symlink_to("short")
    (top / "upper/long-link").symlink_to("a/" * 60)
    (top / b"upper/new\nline\xff".decode("utf-8", "surrogateescape")).write_bytes(b"<script>")
    os.link(top / "upper/short", top / "upper/d/again")
    (top / "upper/many").mkdir()
    for number in range(700):
        (top / f"upper/many/{'n' * 40}{number}").touch()
    if os.geteuid() == 0:
        os.mknod(top / "upper/gone", 0o020000, os.makedev(0, 0))
        os.setxattr(top / "upper/d", "trusted.overlay.opaque", b"y")
        os.chown(top / "upper/short", 70000, 100000)
    (top / "upper/suid").touch()
    (top / "upper/suid").chmod(0o4751)
    os.setxattr(top / "upper/short", "user.lab", bytes(range(200)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("tree")
    tree(top)
    return top


def image_of(folder: Path, path: Path, kind: str, *more: str) -> Path:
    with path.open("wb") as file:
        file.truncate(16 << 20)
    done = run(["mke2fs", "-q", "-F", "-t", kind, *more, "-d", folder, path])
    assert done.ok, done.err
    return path


def bare(entries: dict[bytes, Entry] | list[Entry]) -> dict[bytes, tuple[object, ...]]:
    """What an image must keep of an entry."""
    every = entries if isinstance(entries, list) else list(entries.values())
    return {
        e.path: (e.kind, e.mode, e.uid, e.gid, e.size, e.device, e.digest, e.text, e.target, e.same_as, e.xattrs)
        for e in every
    }


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ext2", ()),
        ("ext3", ("-b", "1024")),
        ("ext3", ("-I", "128")),
        ("ext4", ()),
        ("ext4", ("-b", "1024", "-O", "inline_data")),
    ],
)
def test_an_image_is_read_as_its_folder(folder: Path, tmp_path: Path, kind: str, more: tuple[str, ...]) -> None:
    image = image_of(folder, tmp_path / "image", kind, *more)
    wanted = bare(dict(read_folder(os.fsencode(folder)).entries))
    with image.open("rb") as file:
        assert is_ext(file.read(2048))
        found = read_ext(file, "image")
    assert found.unseen == ()
    seen = bare(found.entries)
    del seen[b""], wanted[b""]  # mke2fs gives the root its own mode
    assert seen == wanted


def test_an_image_inside_a_file_and_a_folder_inside_the_image(folder: Path, tmp_path: Path) -> None:
    image = image_of(folder, tmp_path / "image", "ext3")
    raw = io.BytesIO(b"SIF" * 1000 + image.read_bytes() + b"what comes after")
    found = read_ext(raw, "sif", offset=3000, size=image.stat().st_size, top=b"upper")
    wanted = bare(dict(read_folder(os.fsencode(folder / "upper")).entries))
    assert bare(found.entries) == wanted
    with pytest.raises(BrokenMachinery, match="no folder 'lower'"):
        read_ext(raw, "sif", offset=3000, top=b"lower")


@pytest.mark.parametrize("raw", [b"", b"x" * 4096, bytes(1 << 20)])
def test_what_is_no_image_is_told(raw: bytes) -> None:
    assert not is_ext(raw[:2048])
    with pytest.raises(BrokenMachinery, match="no ext superblock") as raised:
        read_ext(io.BytesIO(raw), "a file")
    assert raised.value.remedy


def test_a_cut_image_is_told(folder: Path, tmp_path: Path) -> None:
    whole = image_of(folder, tmp_path / "image", "ext3").read_bytes()
    with pytest.raises(BrokenMachinery, match="blocks of"):
        read_ext(io.BytesIO(whole[: len(whole) // 3]), "cut")


def test_a_journal_that_was_not_replayed_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    raw = bytearray(image_of(tmp_path / "empty", tmp_path / "image", "ext3").read_bytes())
    raw[1024 + 96] |= 0x4  # feature_incompat: needs recovery
    assert "journal" in read_ext(io.BytesIO(bytes(raw)), "image").unseen[0]


def test_damage_ends_in_an_error_or_in_unknown_entries(folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    shutil.copytree(folder / "upper/d", small / "upper/d", symlinks=True)
    (small / "upper/d/holes").unlink()
    (small / "upper/text").write_bytes(b"text" * 500)
    raw = image_of(small, tmp_path / "image", "ext3", "-b", "1024", "-N", "64").read_bytes()
    used = [at for at in range(0, len(raw), 64) if any(raw[at : at + 64])]
    dice = random.Random(20261124)
    kinds: set[str] = set()
    for _ in range(250):
        wrong = bytearray(raw)
        for _ in range(dice.choice((1, 4, 30))):
            wrong[dice.choice(used) + dice.randrange(64)] = dice.randrange(256)
        try:
            found = read_ext(io.BytesIO(bytes(wrong)), "damaged")
            kinds.add("unknown" if any(e.kind is Kind.UNKNOWN for e in found.entries) else "read")
        except BrokenMachinery:
            kinds.add("error")
    assert kinds >= {"read", "error"}


def test_a_name_whose_other_names_lie_elsewhere_is_no_group(tmp_path: Path) -> None:
    for name in ("upper", "work", "tree"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    (tmp_path / "tree/upper/f").touch()
    os.link(tmp_path / "tree/upper/f", tmp_path / "tree/work/g")
    with image_of(tmp_path / "tree", tmp_path / "image", "ext3").open("rb") as file:
        alone = {entry.path: (entry.same_as, entry.links) for entry in read_ext(file, "image", top=b"upper").entries}
        whole = {entry.path: (entry.same_as, entry.links) for entry in read_ext(file, "image").entries}
    assert alone[b"f"] == (None, 1)
    assert whole[b"upper/f"] == whole[b"work/g"] == (b"upper/f", 2)


@pytest.mark.parametrize(("inside", "unknown"), [(b"d", b"d/?"), (b"", b"?")])
def test_a_folder_that_cannot_be_listed_holds_one_unknown_entry(inside: bytes, unknown: bytes, tmp_path: Path) -> None:
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/needle-of-").touch()
    (tmp_path / "tree/d/needle-of-d").touch()
    raw = bytearray(image_of(tmp_path / "tree", tmp_path / "image", "ext2", "-b", "1024").read_bytes())
    name = b"needle-of-" + inside
    at = next(place for place in range(len(raw)) if raw.startswith(name, place) and raw[place - 2] == len(name))
    raw[at // 1024 * 1024 + 4] = 7  # the length of the entry ".", which is a multiple of 4
    found = read_ext(io.BytesIO(bytes(raw)), "image")
    assert [entry.path for entry in found.entries if entry.kind is Kind.UNKNOWN] == [unknown]
    assert f"{inside.decode() or '/'} could not be listed" in found.unseen[0]


def test_an_overlay_in_an_image_is_two_folders_at_its_top(folder: Path, tmp_path: Path) -> None:
    opened = open_tree(image_of(folder, tmp_path / "image", "ext3"))
    assert b"short" in opened.layers[0].snapshot
    (tmp_path / "tree/upper").mkdir(parents=True)
    (tmp_path / "tree/work").touch()
    opened = open_tree(image_of(tmp_path / "tree", tmp_path / "other", "ext3"))
    assert {b"upper", b"work"} <= opened.layers[0].snapshot.entries.keys()
