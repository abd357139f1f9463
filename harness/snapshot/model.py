"""A snapshot: the canonical list of a tree's entries, and of what could not be seen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Mapping  # noqa: UP035 - msgspec resolves it at run time

import msgspec


class Kind(StrEnum):
    """The type of an entry, in the words of mtree(5) where it has one."""

    DIR = "dir"
    FILE = "file"
    LINK = "link"  # symbolic
    CHAR = "char"
    BLOCK = "block"
    FIFO = "fifo"
    SOCKET = "socket"
    UNKNOWN = "unknown"  # listed, but could not be opened or looked at


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One name of a tree. ``path`` is relative to the root, without ``./``; the root itself is ``b""``."""

    path: bytes
    kind: Kind
    mode: int = 0  # permission bits, 0o7777 at most
    uid: int = 0
    gid: int = 0
    size: int = 0  # bytes, of regular files alone
    device: tuple[int, int] | None = None  # major, minor
    digest: str = ""  # sha256 of the content, hexadecimal, of regular files alone
    text: bytes | None = None  # the content itself where it is short: what a person compares
    target: bytes | None = None  # of a symbolic link
    same_as: bytes | None = None  # the first path, in byte order, of the hard-link group
    xattrs: dict[bytes, bytes] = {}
    links: int = 1
    literal: bool = False  # in a scenario's layer: a user's own file whose name begins with .wh., which marks nothing

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]

    @property
    def parent(self) -> bytes:
        return self.path.rpartition(b"/")[0]

    @property
    def is_whiteout_device(self) -> bool:
        return self.kind is Kind.CHAR and self.device == (0, 0)


@dataclass(frozen=True)
class Snapshot:
    """Entries by path, in byte order; the root is among them.

    ``listed``: the names that ``readdir`` gave, when they were taken apart from the entries: a name that is listed and a name
    that can be opened are two facts. ``unseen``: xattr namespaces that could not be read, and what else was not looked at.
    """

    entries: Mapping[bytes, Entry]
    listed: frozenset[bytes] | None = None
    unseen: tuple[str, ...] = ()

    @staticmethod
    def of(entries: Iterable[Entry], *, listed: Iterable[bytes] | None = None, unseen: Iterable[str] = ()) -> Snapshot:
        """Sort entries into a snapshot. A path that stands twice keeps its last entry, as unpacking would."""
        by_path = {entry.path: entry for entry in entries}
        paths = sorted(by_path)
        if list(by_path) != paths:
            by_path = {path: by_path[path] for path in paths}
        return Snapshot(MappingProxyType(by_path), frozenset(listed) if listed is not None else None, tuple(unseen))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __contains__(self, path: object) -> bool:
        return path in self.entries

    def get(self, path: bytes) -> Entry | None:
        return self.entries.get(path)

    def below(self, folder: bytes) -> Iterator[Entry]:
        """Every entry below a folder, itself left out."""
        paths = self._paths  # in byte order all that lies below a folder stands together
        first = bisect_left(paths, folder + b"/") if folder else bisect_left(paths, b"\0")
        last = bisect_left(paths, folder + b"0") if folder else len(paths)  # "0" comes after "/"
        return (self.entries[path] for path in paths[first:last])

    def inside(self, folder: bytes) -> tuple[Entry, ...]:
        """The entries that lie directly in a folder."""
        return self._inside.get(folder, ())

    @cached_property
    def _paths(self) -> list[bytes]:
        return list(self.entries)

    @cached_property
    def _inside(self) -> dict[bytes, tuple[Entry, ...]]:
        """The entries by their folder: made once, so that a walk over the tree looks at each entry once."""
        folders: dict[bytes, list[Entry]] = {}
        for entry in self:
            if entry.path:
                folders.setdefault(entry.parent, []).append(entry)
        return {folder: tuple(entries) for folder, entries in folders.items()}


def ancestors(path: bytes) -> Iterator[bytes]:
    """The folders above a path, the nearest first, the root last; the root has none."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path


EMPTY = Snapshot.of([Entry(b"", Kind.DIR, 0o755)])
