"""An archive from its front to its end: uncompressed, counted, and with headers that are whole and no bigger than a header can be.

``tarfile`` believes what a header says: of its own size, of a map of holes, of its end. Here it is looked at first.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from itertools import pairwise
from typing import IO, Any, Self, cast

from harness.snapshot.limits import MOST_HEADER, Budget

_OPENERS: tuple[tuple[bytes, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
    (b"\x5d\0\0\x80", lzma.LZMAFile),
)
_STEP = 1 << 20
_TOO_BIG = 1 << 62


class Forward:
    """A file that ``tarfile`` may read and skip forward. Every byte that is read of it is taken from the budget.

    *plain*: it is not compressed, and what is skipped is not read.
    """

    def __init__(self, file: IO[bytes], budget: Budget, *, plain: bool = False) -> None:
        self.budget = budget
        self._plain = plain
        self._file = file if plain else _uncompressed(file)
        self._at = 0
        self._end_of_header: int | None = None

    def tell(self) -> int:
        return self._at

    def seek(self, to: int) -> int:
        if to < self._at:
            raise ValueError(f"it leads back from byte {self._at} to byte {to}")
        if self._plain:
            self._at = self._file.seek(to)
        while self._at < to and self.read(min(_STEP, to - self._at)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        if self._end_of_header is not None and self._at + size > self._end_of_header:
            raise self.budget.over(f"one of its headers is longer than {MOST_HEADER} bytes")
        found = self._file.read(size)
        self.budget.take(len(found))
        self._at += len(found)
        return found

    def enter_header(self) -> bool:
        """From here on a header is read; False when this is inside one already."""
        if self._end_of_header is not None:
            return False
        self._end_of_header = self._at + MOST_HEADER
        return True

    def leave_header(self) -> None:
        """What comes now is content."""
        self._end_of_header = None


def _uncompressed(file: IO[bytes]) -> IO[bytes]:
    ahead = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", file), _STEP)
    head = ahead.peek(6)[:6]
    for magic, opened in _OPENERS:
        if head.startswith(magic):
            uncompressed: IO[bytes] = opened(ahead)
            return uncompressed
    return ahead


class Member(tarfile.TarInfo):
    """A member whose header must be whole. By itself tarfile ends an archive at a damaged header as if it were the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        stream = archive.fileobj if isinstance(archive.fileobj, Forward) else None
        outermost = stream is not None and stream.enter_header()
        try:
            member = super().fromtarfile(archive)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"the header at byte {archive.offset}: {error}") from error
        except RecursionError as error:
            raise tarfile.ReadError(f"the header at byte {archive.offset}: headers of headers without end") from error
        finally:
            if stream is not None and outermost:
                stream.leave_header()
        holes: list[tuple[int, int]] = getattr(member, "sparse", None) or []
        numbers = (member.size, member.uid, member.gid, member.devmajor, member.devminor)
        if member.size < 0 or any(abs(number) >= _TOO_BIG for number in numbers):
            raise tarfile.ReadError(f"the header at byte {member.offset}: an impossible size, owner or device")
        if any(at < 0 or size < 0 for at, size in holes) or any(a + n > b for (a, n), (b, _) in pairwise(holes)):
            raise tarfile.ReadError(f"the header at byte {member.offset}: an impossible map of holes")
        if stream is not None and not holes and member.size > stream.budget.content:
            raise stream.budget.over(
                f"a member of {member.size} bytes is more than what it takes on disk can stand for"
            )
        return member
