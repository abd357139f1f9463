"""Digests of parts of files that are nearly all holes, and of copies of them: no hole is read, and no content is hashed twice.

An overlay image of 64 MiB holds half a megabyte. A digest over it must go over its zeros; but two copies that have the same bytes at the
same places, and holes elsewhere, have one digest, and that they are such is seen from those bytes alone.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_STEP = 1 << 20  # bytes
_ZEROS = memoryview(bytes(_STEP))
_SPARSE = 2  # a file is, when what it takes on disk is less than its size by this factor


@dataclass(frozen=True)
class _Part:
    """Bytes of an open file; fewer where it was cut."""

    file: int
    start: int
    end: int

    def data(self) -> Iterator[tuple[int, bytes]]:
        """What is no hole, a step at a time, and where it is, counted from the beginning of the part."""
        at = self.start
        while at < self.end:
            try:
                at = os.lseek(self.file, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # there is none after it
                    return
                raise
            until = min(os.lseek(self.file, at, os.SEEK_HOLE), self.end)
            while at < until:
                data = os.pread(self.file, min(_STEP, until - at), at)
                if not data:
                    return
                yield at - self.start, data
                at += len(data)

    def digest(self, algorithm: str) -> str:
        """Of all of it; a hole is zeros."""
        digest, done = hashlib.new(algorithm), 0
        for at, data in (*self.data(), (self.end - self.start, b"")):
            for hole in range(done, at, _STEP):
                digest.update(_ZEROS[: at - hole])
            digest.update(data)
            done = at + len(data)
        return f"{algorithm}:{digest.hexdigest()}"

    def between_holes(self) -> bytes:
        """A digest of which bytes are where: two parts have the same only if their content is the same."""
        digest = hashlib.sha256(struct.pack("<Q", self.end - self.start))
        for at, data in self.data():
            digest.update(struct.pack("<QQ", at, len(data)))
            digest.update(data)
        return digest.digest()


@dataclass
class Digests:
    """Digests, and those that are known, by algorithm and by what lies between the holes."""

    _known: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def of(self, path: Path, offset: int, size: int, algorithm: str) -> str:
        """What the digest of a part of a file really is. *algorithm*: as hashlib calls it. Raises OSError."""
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            part = _Part(file.fileno(), offset, max(offset, min(offset + size, status.st_size)))
            if status.st_blocks * 512 * _SPARSE > status.st_size:
                return part.digest(algorithm)
            key = (algorithm, part.between_holes())
            if key not in self._known:
                self._known[key] = part.digest(algorithm)
            return self._known[key]
