"""Digests of files with holes are those of their content; copies are hashed once, and only copies."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from harness.snapshot.digests import Digests, _Part

SIZE = 5 << 20


def sparse(path: Path, *pieces: tuple[int, bytes], size: int = SIZE) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for at, data in pieces:
            file.seek(at)
            file.write(data)
    return path


def plain(path: Path, offset: int = 0, size: int = SIZE) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()[offset : offset + size]).hexdigest()


PIECES = (
    (), ((0, b"head"),), ((SIZE - 4, b"tail"),), ((1 << 20, b"x" * 5000), (3_000_001, b"y")), ((0, b"z" * SIZE),),
    ((4096, bytes(9000)),),
)  # fmt: skip


@pytest.mark.parametrize("pieces", PIECES)
def test_a_digest_is_that_of_the_content(tmp_path: Path, pieces: tuple[tuple[int, bytes], ...]) -> None:
    path = sparse(tmp_path / "image", *pieces)
    digests, chance = Digests(), random.Random(5)
    parts = [(0, SIZE), (4096, SIZE - 4096), (SIZE, 0), (7, 1), *((chance.randrange(SIZE), 10_000) for _ in range(20))]
    for offset, size in parts:
        assert digests.of(path, offset, size, "sha256") == plain(path, offset, size)
    assert digests.of(path, 0, SIZE, "sha512") == "sha512:" + hashlib.sha512(path.read_bytes()).hexdigest()


def test_copies_are_hashed_once_and_others_are_not_taken_for_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    real = _Part.digest

    def noted(part: _Part, algorithm: str) -> str:
        hashed.append(part.start)
        return real(part, algorithm)

    monkeypatch.setattr(_Part, "digest", noted)
    data = bytes(range(256)) * 16  # a whole block: what surrounds it is a hole
    one = sparse(tmp_path / "one", (1 << 20, data))
    moved = sparse(tmp_path / "moved", (2 << 20, data))
    longer = sparse(tmp_path / "longer", (1 << 20, data), size=SIZE + 4096)
    written = sparse(tmp_path / "written", (1 << 20, data[::-1]))
    behind = sparse(tmp_path / "behind", ((1 << 20) + 8192, data), size=SIZE + 8192)  # the same, behind a header
    digests = Digests()
    for path, offset, size, times in (
        (one, 0, SIZE, 1), (one, 0, SIZE, 1), (behind, 8192, SIZE, 1), (moved, 0, SIZE, 2), (longer, 0, SIZE + 4096, 3),
        (written, 0, SIZE, 4),
    ):  # fmt: skip
        assert digests.of(path, offset, size, "sha256") == plain(path, offset, size)
        assert len(hashed) == times


def test_a_file_that_was_cut_has_the_digest_of_what_is_there(tmp_path: Path) -> None:
    path = sparse(tmp_path / "image", (0, b"head"), size=3 << 20)
    assert Digests().of(path, 0, SIZE, "sha256") == plain(path)
    assert Digests().of(path, SIZE, SIZE, "sha256") == "sha256:" + hashlib.sha256().hexdigest()
