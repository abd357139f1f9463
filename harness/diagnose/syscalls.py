"""Which system calls are watched, where their paths stand, and what they do to a tree. One row each. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from harness.diagnose.strace import Call, descriptor, unquoted
from harness.worlds.inside import CELL


class Does(StrEnum):
    """What a call does to the tree, where it succeeds."""

    MAKES = "makes"  # a name
    MOVES = "moves"  # a name to another
    REMOVES = "removes"  # a name
    CHANGES = "changes"  # what a name has: xattrs, mode, owner, content
    READS = "reads"
    LISTS = "lists"


@dataclass(frozen=True)
class Row:
    """``paths``: argument numbers, ``(folder, name)``; folder -1 where it is the current one, name -1 where a descriptor alone says it.

    The last path is the one that is made, where there are several. ``xattr``: the number of the argument that is an xattr's name.
    """

    does: Does
    paths: tuple[tuple[int, int], ...]
    xattr: int = -1


_AT, _PATH, _FD = ((0, 1),), ((-1, 0),), ((0, -1),)
_TWO_AT, _TWO = ((0, 1), (2, 3)), ((-1, 0), (-1, 1))

SYSCALLS: dict[str, Row] = {
    **dict.fromkeys(("mkdirat", "mknodat"), Row(Does.MAKES, _AT)),
    **dict.fromkeys(("mkdir", "mknod", "creat"), Row(Does.MAKES, _PATH)),
    **dict.fromkeys(("openat", "openat2"), Row(Does.READS, _AT)),  # with O_CREAT it makes: see ``does``
    "open": Row(Does.READS, _PATH),
    "symlinkat": Row(Does.MAKES, ((1, 2),)),
    "symlink": Row(Does.MAKES, ((-1, 1),)),
    "linkat": Row(Does.MAKES, _TWO_AT),
    "link": Row(Does.MAKES, _TWO),
    **dict.fromkeys(("renameat", "renameat2"), Row(Does.MOVES, _TWO_AT)),
    "rename": Row(Does.MOVES, _TWO),
    "unlinkat": Row(Does.REMOVES, _AT),
    **dict.fromkeys(("unlink", "rmdir"), Row(Does.REMOVES, _PATH)),
    **dict.fromkeys(("setxattr", "lsetxattr", "removexattr", "lremovexattr"), Row(Does.CHANGES, _PATH, 1)),
    **dict.fromkeys(("fsetxattr", "fremovexattr"), Row(Does.CHANGES, _FD, 1)),
    **dict.fromkeys(("fchmodat", "fchmodat2", "fchownat", "utimensat"), Row(Does.CHANGES, _AT)),
    **dict.fromkeys(("chmod", "chown", "lchown", "truncate"), Row(Does.CHANGES, _PATH)),
    **dict.fromkeys(("fchmod", "fchown", "ftruncate", "fallocate", "pwrite64", "copy_file_range", "sendfile"), Row(Does.CHANGES, _FD)),
    **dict.fromkeys(("newfstatat", "statx", "faccessat", "faccessat2", "readlinkat", "name_to_handle_at"), Row(Does.READS, _AT)),
    "readlink": Row(Does.READS, _PATH),
    **dict.fromkeys(("getxattr", "lgetxattr"), Row(Does.READS, _PATH, 1)),
    **dict.fromkeys(("listxattr", "llistxattr"), Row(Does.READS, _PATH)),
    "fgetxattr": Row(Does.READS, _FD, 1),
    "flistxattr": Row(Does.READS, _FD),
    "getdents64": Row(Does.LISTS, _FD),
}  # fmt: skip
# fstat, stat, lstat and access are not watched: who loads libraries calls them again and again, and no daemon decides by them alone.
# What carries requests and words, and tells of processes: these have no row.
CARRYING = ("read", "readv", "write", "writev", "splice", "execve", "mount", "move_mount", "fsconfig", "fsopen")
WATCHED = (*SYSCALLS, *CARRYING)

_PROC = re.compile(rb"/proc/(?:self|\d+)/fd/(\d+)(/.*)?\Z", re.DOTALL)
_NAMES = re.compile(r'd_name="((?:\\.|[^"\\])*)"')


class Folders:
    """What the descriptors of each process lead to, as its calls show it."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], bytes] = {}
        self._current: dict[int, bytes] = {}

    def see(self, call: Call) -> None:
        """Keep what a call shows of descriptors."""
        for word in (*call.arguments, call.result):
            found = descriptor(word)
            if found is None:
                continue
            number, path = found
            if number is None:
                self._current[call.process] = path
            else:
                self._open[call.process, number] = path

    def current(self, process: int) -> bytes:
        """The current folder of a process, as far as its calls showed it."""
        return self._current.get(process, CELL.encode())

    def paths(self, call: Call) -> list[bytes]:
        """The paths of a call, absolute as the process sees them, as far as they can be told; without ``.`` and ``//``."""
        row = SYSCALLS[call.name]
        return [path for folder, name in row.paths if (path := self._path(call, folder, name)) is not None]

    def _path(self, call: Call, folder: int, name: int) -> bytes | None:
        words = call.arguments
        if max(folder, name) >= len(words):
            return None
        base: bytes | None = self._current.get(call.process)
        if folder >= 0:
            found = descriptor(words[folder])
            base = found[1] if found else None
        if name < 0:
            return base
        path = unquoted(words[name])
        if path is None or not path:
            return base  # AT_EMPTY_PATH, and utimensat(2) of a descriptor
        through = _PROC.match(path)
        if through is not None:
            there = self._open.get((call.process, int(through[1])))
            return None if there is None else _plain(there + (through[2] or b""))
        if path.startswith(b"/"):
            return _plain(path)
        return None if base is None else _plain(base + b"/" + path)


def _plain(path: bytes) -> bytes:
    return os.path.normpath(path)


def does(call: Call) -> Does:
    """What a call does, or would do."""
    row = SYSCALLS[call.name]
    if call.name.startswith("open") and "O_CREAT" in call.text:
        return Does.MAKES
    return row.does


def xattr(call: Call) -> str:
    """The name of the xattr that a call speaks of; empty where it speaks of none."""
    number = SYSCALLS[call.name].xattr
    name = unquoted(call.arguments[number]) if 0 <= number < len(call.arguments) else None
    return name.decode("utf-8", "surrogateescape") if name else ""


def listed(call: Call) -> Iterator[bytes]:
    """The names that ``getdents64`` gave, without ``.`` and ``..``."""
    for found in _NAMES.finditer(call.text):
        name = unquoted(f'"{found[1]}"')
        if name is not None and name not in {b".", b".."}:
            yield name
