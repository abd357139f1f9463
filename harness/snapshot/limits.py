"""What reading may cost. A file of a few kilobytes can stand for terabytes, for millions of names, or for one header that fills the memory.

What a reader gives to a file grows with what the file takes on disk: honest trees are far below it. Sizes are in bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import IO

from harness.errors import LimitReached
from harness.names import escape
from harness.snapshot.model import Entry

MOST_LAYERS = 500  # of an image; programs that run containers stop at 128 to 500
MOST_HEADER = 1 << 20  # of one member of a tar, with all that extends it
MOST_ENTRIES = 2_000_000
MOST_HELD = 512 << 20  # names, link targets, xattrs and short contents
FREE = 1 << 30  # content, whatever it takes on disk
TIMES = 100  # and so many times what it takes on disk: compression and holes
_REMEDY = "what is so big or so deep is a trap, or not for this program"


@dataclass
class Budget:
    """What one path may still cost, over all its layers. ``reached``: in plain words, what was left out since it would cost more.

    ``digests``: whether somebody wants to know what files hold; otherwise they are not read, and have no digest.
    """

    where: str = ""
    digests: bool = field(default=True, kw_only=True)
    content: int = FREE
    entries: int = MOST_ENTRIES
    held: int = MOST_HELD
    reached: list[str] = field(default_factory=list)
    _known: set[tuple[int, int]] = field(default_factory=set)

    def allow(self, file: IO[bytes] | os.stat_result) -> None:
        """Give what a file on disk is good for, once; a stream that is none gives nothing."""
        try:
            status = file if isinstance(file, os.stat_result) else os.fstat(file.fileno())
        except OSError:  # io.UnsupportedOperation is one
            return
        if (status.st_dev, status.st_ino) not in self._known:
            self._known.add((status.st_dev, status.st_ino))
            self.content += TIMES * status.st_blocks * 512

    def take(self, size: int) -> None:
        """Content of so many bytes is read. Raises LimitReached."""
        if size > self.content:
            raise self.over("its content is more than what it takes on disk can stand for")
        self.content -= size

    def spares(self, size: int, path: bytes) -> bool:
        """Whether a file's content may be read; where not, that is said."""
        if size <= self.content:
            return True
        self.reached.append(
            f"the content of {escape(path)}, {size} bytes: more than what it takes on disk can stand for"
        )
        return False

    def keep(self, entry: Entry) -> Entry:
        """An entry is kept in memory. Raises LimitReached."""
        self.entries -= 1
        self.held -= len(entry.path) + len(entry.target or b"") + len(entry.text or b"")
        if entry.xattrs:
            self.held -= sum(len(name) + len(value) for name, value in entry.xattrs.items())
        if self.entries < 0:
            raise self.over(f"it has more than {MOST_ENTRIES} entries")
        if self.held < 0:
            raise self.over(f"its names and xattrs are more than {MOST_HELD} bytes")
        return entry

    def over(self, words: str) -> LimitReached:
        """The error of a limit."""
        return LimitReached(f"a limit of reading was reached: {words}", where=self.where, remedy=_REMEDY)
