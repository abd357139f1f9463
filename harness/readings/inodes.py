"""What a member of an archive makes of its name, as far as the specification tells files apart. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.names import unescape
from harness.readings.archives import is_folder
from harness.scenario.archive import Member
from harness.snapshot.model import Entry, Kind


@dataclass
class Inode:
    """What a name stands for; two names of one file share it."""

    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    text: bytes | None = None
    device: tuple[int, int] | None = None
    target: bytes | None = None
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    unsaid: bool = False


def implied() -> Inode:
    """A directory that no member makes."""
    return Inode(Kind.DIR, 0o755, unsaid=True)


def entry_of(path: bytes, inode: Inode, group: Sequence[bytes]) -> Entry:
    """A name as a snapshot has it. *group*: every name of the inode, in byte order."""
    text = inode.text
    return Entry(
        path, inode.kind, inode.mode, inode.uid, inode.gid, size=len(text or b""), device=inode.device,
        digest=hashlib.sha256(text).hexdigest() if text is not None else "", text=text, target=inode.target,
        same_as=group[0] if len(group) > 1 else None, xattrs=inode.xattrs, links=len(group),
    )  # fmt: skip


def made(member: Member, xattrs: dict[bytes, bytes]) -> Inode:
    """What a member that is no hard link makes. *xattrs*: those that it has."""
    text = None
    if is_folder(member):
        kind = Kind.DIR
    elif member.symlink is not None:
        kind = Kind.LINK
    elif member.char or member.block:
        kind = Kind.CHAR if member.char else Kind.BLOCK
    elif member.fifo:
        kind = Kind.FIFO
    else:
        kind, text = Kind.FILE, unescape(member.text or "")
    mode = int(member.mode, 8) if member.mode else {Kind.DIR: 0o755, Kind.LINK: 0o777}.get(kind, 0o644)
    target = unescape(member.symlink) if member.symlink is not None else None
    uid, gid = member.owner or (0, 0)
    return Inode(kind, mode, uid, gid, text, member.char or member.block, target, xattrs)
