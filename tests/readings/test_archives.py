"""Described layers as archives: the same bytes every time, and what other programs read of them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.machine.process import run, which
from harness.names import escape, unescape
from harness.readings.archives import archive
from harness.scenario.archive import ArchiveLayer, Member, as_member
from harness.scenario.archive_load import load_cases
from harness.snapshot.model import Kind
from harness.snapshot.tar import clean, entries_of_tar
from harness.snapshot.tar_write import END
from tests.readings.layered import layer, plain_layers

FOLDER = Path(__file__).parents[2] / "scenarios/corpus"
CASES = load_cases(FOLDER)
WHOLE = [
    pytest.param(one, id=f"{case.name}-{number}")
    for case in CASES
    for number, one in enumerate(case.layers)
    if all(as_member(member).size is None for member in one.members)
]


def members(raw: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8", errors="surrogateescape") as file:
        return file.getmembers()


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("one", WHOLE)
def test_python_reads_every_member_as_it_is_described(one: ArchiveLayer) -> None:
    raw = archive(one)
    assert raw == archive(one)
    assert len(raw) % 512 == 0
    assert raw.endswith(END) is one.ends
    if not raw:
        return
    said = [as_member(member) for member in one.members]
    there = members(raw)
    assert [_raw(info.name) for info in there] == [unescape(member.path).rstrip(b"/") for member in said]
    for info, member in zip(there, said, strict=True):
        assert info.isdir() is member.path.endswith("/")
        assert info.issym() is (member.symlink is not None)
        assert info.islnk() is (member.hardlink is not None)
        assert info.isfifo() is member.fifo
        assert _raw(info.linkname) == unescape(member.symlink or member.hardlink or "")
        assert (info.uid, info.gid) == (member.owner or (0, 0))
        assert (info.devmajor, info.devminor) == (member.char or member.block or (0, 0))
        assert info.mtime == 0


def _unlawful(one: ArchiveLayer) -> bool:
    """Whether a PAX record is no UTF-8, of which bsdtar tells."""
    return one.names == "records" and not all(unescape(as_member(member).path).isascii() for member in one.members)


@pytest.mark.real
@pytest.mark.parametrize("program", ["tar", "bsdtar"])
def test_other_programs_list_every_member(program: str, tmp_path: Path) -> None:
    if which(program) is None:
        pytest.skip(f"{program} is not installed")
    for case in CASES:
        for number, one in enumerate(case.layers):
            said = [as_member(member) for member in one.members]
            if not one.ends or any(member.size is not None for member in said) or _unlawful(one):
                continue
            path = tmp_path / f"{case.name}-{number}.tar"
            path.write_bytes(archive(one))
            done = run([program, "-tf", path], env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
            assert done.code == 0, f"{path.name}: {done.err}"
            lines = done.out.splitlines()
            assert len(lines) == len(one.members), f"{path.name}: {done.out}"


@given(plain_layers())
def test_what_is_written_is_read_back(one: ArchiveLayer) -> None:
    there = list(entries_of_tar(io.BytesIO(archive(one)), "it"))
    said = [as_member(member) for member in one.members]
    assert [entry.path for entry in there] == [clean(unescape(member.path)) for member in said]
    for entry, member in zip(there, said, strict=True):
        assert entry.mode == int(member.mode or "0644", 8)
        assert entry.text == (unescape(member.text or "") if entry.kind is Kind.FILE else None)
        assert entry.target == (unescape(member.symlink) if member.symlink is not None else None)


@given(
    st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name),
    st.sampled_from(["pax", "gnu", "records"]),
)
def test_names_of_any_bytes_and_length_are_kept(name: bytes, form: str) -> None:
    name = name.rstrip(b"/") or b"x"
    (info,) = members(archive(layer(Member(escape(name), symlink=escape(name)), names=form)))
    assert (_raw(info.name), _raw(info.linkname)) == (name, name)


@pytest.mark.parametrize("form", ["pax", "gnu", "records"])
@pytest.mark.parametrize("length", [100, 101])
def test_a_name_stands_where_the_layer_says(form: str, length: int) -> None:
    raw = archive(layer("n" * length, names=form))
    assert (b"././@LongLink" in raw) is (form == "gnu" and length > 100)
    assert (b"path=n" in raw) is (form == "records" or (form == "pax" and length > 100))
    assert (b"ustar  \0" in raw) is (form == "gnu")


def test_xattrs_and_large_owners_stand_in_records() -> None:
    one = Member("x", xattrs={"user.a": "b\\xff"}, owner=(0o10000000, 0o7777777))
    (info,) = members(archive(layer(one)))
    assert info.pax_headers["SCHILY.xattr.user.a"] == "b\udcff"
    assert (info.uid, info.gid) == (0o10000000, 0o7777777)
    assert "gid" not in info.pax_headers
    (info,) = members(archive(layer(one, xattrs="libarchive")))
    assert info.pax_headers["LIBARCHIVE.xattr.user.a"] == "Yv8"
    assert not [key for key in info.pax_headers if key.startswith("SCHILY")]


def test_a_size_that_lies_ends_in_the_middle() -> None:
    with pytest.raises(tarfile.ReadError):
        members(archive(layer(Member("x", text="ten bytes\n", size=1 << 20))))
