from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BrokenMachinery
from harness.snapshot.jsonl import from_json, read_jsonl, to_json, write_jsonl
from harness.snapshot.limits import Budget
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import SHORT, clean, entries_of_tar, join_links, read_tar
from tests.entries import HOSTILE, ROOT, file, snapshots

TYPES = {
    Kind.DIR: tarfile.DIRTYPE,
    Kind.LINK: tarfile.SYMTYPE,
    Kind.CHAR: tarfile.CHRTYPE,
    Kind.FIFO: tarfile.FIFOTYPE,
    Kind.FILE: tarfile.REGTYPE,
}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def packed(entries: list[Entry], links: dict[bytes, bytes] | None = None) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for entry in entries:
            info = tarfile.TarInfo(_text(b"./" + entry.path))
            info.type, info.mode, info.uid, info.gid = TYPES[entry.kind], entry.mode, entry.uid, entry.gid
            info.linkname = _text(entry.target or b"")
            info.devmajor, info.devminor = entry.device or (0, 0)
            info.size = entry.size
            info.pax_headers = {f"SCHILY.xattr.{_text(k)}": _text(v) for k, v in entry.xattrs.items()}
            archive.addfile(info, io.BytesIO(entry.text or b""))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(_text(b"./" + path))
            info.type, info.linkname = tarfile.LNKTYPE, _text(b"./" + target)
            archive.addfile(info)
    out.seek(0)
    return out


@given(snapshots(HOSTILE, devices=True, modes=True))
def test_a_tree_comes_back_from_its_tar(snapshot: Snapshot) -> None:
    assert list(entries_of_tar(packed(list(snapshot)), "here")) == list(snapshot)


def test_hard_links_are_joined_by_their_first_name() -> None:
    entries = join_links(list(entries_of_tar(packed([file(b"m", b"x")], {b"a": b"m", b"z": b"m"}), "here")))
    assert {(entry.same_as, entry.links, entry.text) for entry in entries} == {(b"a", 3, b"x")}


def test_xattrs_and_owners_are_kept_byte_by_byte() -> None:
    entry = Entry(b"d", Kind.DIR, 0o755, 12, 34, xattrs={b"trusted.overlay.opaque": b"y", b"user.k": b"\xfe="})
    assert list(entries_of_tar(packed([entry]), "here")) == [entry]


def test_long_content_is_kept_as_its_digest() -> None:
    (short,) = entries_of_tar(packed([file(b"f", b"x" * SHORT)]), "here")
    (long,) = entries_of_tar(packed([file(b"f", b"x" * (SHORT + 1))]), "here")
    assert short.text == b"x" * SHORT
    assert long.text is None
    assert (long.size, long.digest) == (SHORT + 1, file(b"f", b"x" * (SHORT + 1)).digest)


@pytest.mark.parametrize("damage", [b"no tar at all" * 100, b""])
def test_what_is_no_tar_is_broken_machinery(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(damage)
    with pytest.raises(BrokenMachinery, match="no tar") as error:
        read_tar(tmp_path / "x.tar")
    assert error.value.where == str(tmp_path / "x.tar")


def test_a_tar_that_was_cut_is_damaged() -> None:
    whole = packed([file(b"f", b"x" * 5000)]).getvalue()
    with pytest.raises(BrokenMachinery):
        list(entries_of_tar(io.BytesIO(whole[:2000]), "here"))


@pytest.mark.parametrize(("name", "path"), [(b"./a/", b"a"), (b".", b""), (b"a//./b", b"a/b"), (b"/a", b"a")])
def test_names_of_members(name: bytes, path: bytes) -> None:
    assert clean(name) == path


XATTRS = st.dictionaries(st.binary(min_size=1, max_size=8), st.binary(max_size=8), max_size=2)


@given(snapshots(HOSTILE, devices=True, modes=True), XATTRS)
def test_every_entry_comes_back_from_json(snapshot: Snapshot, xattrs: dict[bytes, bytes]) -> None:
    marked = Entry(b"marked", Kind.DIR, 0o700, 1, 2, same_as=b"first", links=2, xattrs=xattrs)
    for entry in (*snapshot, marked):
        assert from_json(msgspec.json.encode(to_json(entry))) == entry


def test_a_snapshot_on_disk_keeps_what_was_listed_and_unseen(tmp_path: Path) -> None:
    entries = [ROOT, file(b"both", b""), file(b"opened \xff", b"x")]
    snapshot = Snapshot.of(entries, listed=[b"both", b"listed\nonly"], unseen=["trusted"])
    write_jsonl(snapshot, tmp_path / "s.jsonl")
    again = read_jsonl(tmp_path / "s.jsonl")
    assert dict(again.entries) == dict(snapshot.entries)
    assert again.listed == snapshot.listed
    assert again.unseen == ("trusted",)
    lines = (tmp_path / "s.jsonl").read_bytes().decode("utf-8").splitlines()
    assert len(lines) == 1 + len(entries)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"unseen":[]}\n{"path":"a"}\n', '{"unseen":[]}\nno json\n'])
def test_a_damaged_snapshot_is_broken_machinery(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(BrokenMachinery):
        read_jsonl(tmp_path / "s.jsonl")


def many(count: int) -> bytearray:
    """A tar of so many files without content, each a header of 512 bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(f"f{number}"))
    return bytearray(out.getvalue())


def test_a_damaged_header_in_the_middle_is_no_end() -> None:
    raw = many(20)
    raw[10 * 512 + 148] ^= 0xFF  # the checksum of the eleventh
    with pytest.raises(BrokenMachinery, match="header at byte 5120") as raised:
        list(entries_of_tar(io.BytesIO(raw), "here"))
    assert raised.value.remedy


def test_an_archive_without_the_two_blocks_at_its_end_is_whole() -> None:
    assert len(list(entries_of_tar(io.BytesIO(many(20)[: 20 * 512]), "here"))) == 20


def test_a_cut_header_is_told() -> None:
    with pytest.raises(BrokenMachinery):
        list(entries_of_tar(io.BytesIO(many(20)[: 20 * 512 - 200]), "here"))


@pytest.mark.parametrize(
    "records",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "much"},
        {"GNU.sparse.size": "10", "GNU.sparse.map": "1,x"},
        {"GNU.sparse.map": "-5,5,-5"},
        {"size": "-5"},
        {"size": "9" * 400},
        {"mtime": "nan"},
    ],
)
def test_nonsense_in_pax_records_is_an_error_or_nothing(records: dict[str, str]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("f")
        member.pax_headers = records
        archive.addfile(member)
    with contextlib.suppress(BrokenMachinery):
        assert [entry.path for entry in entries_of_tar(io.BytesIO(out.getvalue()), "here")] == [b"f"]


@given(st.binary(max_size=3000), st.integers(0, 9 * 512))
def test_no_damage_is_a_traceback(raw: bytes, at: int) -> None:
    whole = many(8)
    whole[at : at + len(raw)] = raw
    with contextlib.suppress(BrokenMachinery):
        list(entries_of_tar(io.BytesIO(whole), "here"))


def test_a_plain_file_costs_what_lies_in_the_archive_and_no_more() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        member = tarfile.TarInfo("f")
        member.size = 9000
        archive.addfile(member, io.BytesIO(bytes(9000)))
    budget = Budget("x", content=12_000)
    raw.seek(0)
    assert [entry.size for entry in entries_of_tar(raw, "x", budget)] == [9000]
