"""Requests of the FUSE protocol, as a daemon reads them from ``/dev/fuse``, and what it answers. Pure.

Source: ``include/uapi/linux/fuse.h`` of the kernel, protocol 7.31 to 7.45. Its numbers are in the machine's own order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_IN = struct.Struct("=IIQQIIII")  # length, opcode, unique, node, user, group, process, padding
_OUT = struct.Struct("=IiQ")  # length, error, unique
_ENTRY = 128  # bytes of fuse_entry_out, which begins with the number of the node
_DIRENT = struct.Struct("=QQII")  # inode, offset, length of the name, type
ROOT = 1  # the node of the mount's root

OPCODES = {
    1: "LOOKUP", 2: "FORGET", 3: "GETATTR", 4: "SETATTR", 5: "READLINK", 6: "SYMLINK", 8: "MKNOD", 9: "MKDIR", 10: "UNLINK",
    11: "RMDIR",
    12: "RENAME", 13: "LINK", 14: "OPEN", 15: "READ", 16: "WRITE", 17: "STATFS", 18: "RELEASE", 20: "FSYNC", 21: "SETXATTR", 22: "GETXATTR",
    23: "LISTXATTR", 24: "REMOVEXATTR", 25: "FLUSH", 26: "INIT", 27: "OPENDIR", 28: "READDIR", 29: "RELEASEDIR", 30: "FSYNCDIR",
    31: "GETLK",
    32: "SETLK", 33: "SETLKW", 34: "ACCESS", 35: "CREATE", 36: "INTERRUPT", 37: "BMAP", 38: "DESTROY", 39: "IOCTL", 40: "POLL",
    41: "NOTIFY_REPLY", 42: "BATCH_FORGET", 43: "FALLOCATE", 44: "READDIRPLUS", 45: "RENAME2", 46: "LSEEK", 47: "COPY_FILE_RANGE",
    48: "SETUPMAPPING", 49: "REMOVEMAPPING", 50: "SYNCFS", 51: "TMPFILE", 52: "STATX",
}  # fmt: skip
# How many bytes stand between the header and the first name.
_BEFORE_NAMES = {
    "LOOKUP": 0, "SYMLINK": 0, "UNLINK": 0, "RMDIR": 0, "REMOVEXATTR": 0, "MKDIR": 8, "RENAME": 8, "LINK": 8, "GETXATTR": 8,
    "MKNOD": 16, "CREATE": 16, "RENAME2": 16,
}  # fmt: skip
_TWO_NAMES = frozenset({"RENAME", "RENAME2"})  # the other node is the first number behind the header
_ENTERS = frozenset({"LOOKUP", "MKDIR", "MKNOD", "SYMLINK", "LINK", "CREATE"})  # answered by the node of the name


@dataclass(frozen=True)
class Request:
    """What the kernel asks of a daemon. ``names``: those that it speaks of, below ``node``; of a rename the second is below ``other``."""

    opcode: str
    unique: int
    node: int
    process: int
    names: tuple[bytes, ...] = ()
    other: int = 0


def read_request(raw: bytes) -> Request | None:
    """The request that a daemon has read; None for what is none, such as a cut one."""
    if len(raw) < _IN.size:
        return None
    length, number, unique, node, _, _, process, _ = _IN.unpack_from(raw)
    opcode = OPCODES.get(number)
    if opcode is None or length < _IN.size:
        return None
    body, other = raw[_IN.size : length], 0
    names: tuple[bytes, ...] = ()
    before = _BEFORE_NAMES.get(opcode)
    if before is not None and len(body) > before:
        most = 2 if opcode in _TWO_NAMES or opcode == "SYMLINK" else 1
        names = tuple(body[before:].split(b"\0")[:most])
        if before and opcode in {*_TWO_NAMES, "LINK"}:
            (other,) = struct.unpack_from("=Q", body)
    return Request(opcode, unique, node, process, names, other)


@dataclass(frozen=True)
class Reply:
    """What a daemon answers. ``error``: an errno, 0 for none."""

    unique: int
    error: int
    body: bytes


def read_reply(raw: bytes) -> Reply | None:
    """The answer to a request; None for what is none, such as a notification."""
    if len(raw) < _OUT.size:
        return None
    _, error, unique = _OUT.unpack_from(raw)
    return Reply(unique, -error, raw[_OUT.size :]) if unique else None


class Nodes:
    """The paths of a daemon's nodes, as its answers tell them."""

    def __init__(self) -> None:
        self._paths: dict[int, bytes] = {ROOT: b""}

    def path(self, request: Request) -> bytes | None:
        """What a request is about, from the mount's root; None where its node was not seen to be named."""
        return self._below(request.node, request.names[0] if request.names and request.opcode != "GETXATTR" else b"")

    def target(self, request: Request) -> bytes | None:
        """Where a rename leads."""
        return (
            self._below(request.other, request.names[1])
            if request.opcode in _TWO_NAMES and len(request.names) > 1
            else None
        )

    def _below(self, node: int, name: bytes) -> bytes | None:
        parent = self._paths.get(node)
        return None if parent is None else b"/".join(part for part in (parent, name) if part)

    def learn(self, request: Request, reply: Reply) -> None:
        """Keep what an answer says of nodes."""
        if reply.error:
            return
        path = self.path(request)
        if path is None:
            return
        if request.opcode in _ENTERS and len(reply.body) >= 8:
            self._keep(reply.body, path)
        elif request.opcode == "READDIRPLUS":
            for entry, name in _entries(reply.body):
                self._keep(entry, b"/".join(part for part in (path, name) if part))
        elif request.opcode in _TWO_NAMES:
            self._move(path, self.target(request))

    def _keep(self, entry: bytes, path: bytes) -> None:
        (node,) = struct.unpack_from("=Q", entry)
        if node:
            self._paths[node] = path

    def _move(self, source: bytes, target: bytes | None) -> None:
        if target is not None:
            for node, path in self._paths.items():
                if path == source or path.startswith(source + b"/"):
                    self._paths[node] = target + path[len(source) :]


def _entries(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a READDIRPLUS answer, as far as it was written."""
    at = 0
    while at + _ENTRY + _DIRENT.size <= len(body):
        _, _, length, _ = _DIRENT.unpack_from(body, at + _ENTRY)
        start = at + _ENTRY + _DIRENT.size
        name = body[start : start + length]
        if len(name) == length and name not in {b".", b".."}:
            yield body[at : at + 8], name
        at = start + -(-length // 8) * 8
