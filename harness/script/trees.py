"""The shell commands that build a tree from a snapshot: grouped, so that few processes are needed, and readable."""

from __future__ import annotations

from collections.abc import Iterator

from harness.machine.quote import quote_bytes
from harness.snapshot.model import Entry, Kind, Snapshot


def folders(folder: str, snapshot: Snapshot) -> list[bytes]:
    """The directories of a tree below *folder*, that one first, as words of the shell: for one ``mkdir -p`` over many trees."""
    return [_at(folder.encode(), entry) for entry in snapshot if entry.kind is Kind.DIR]


def build(folder: str, snapshot: Snapshot) -> list[bytes]:
    """Shell lines that fill the directories that :func:`folders` names. Needs a umask of 022."""
    base = folder.encode()
    firsts = [e for e in snapshot if e.same_as in (None, e.path) or e.same_as not in snapshot]
    lines = [_make(entry, _at(base, entry)) for entry in firsts if entry.kind is not Kind.DIR]
    lines.extend(
        b"ln -- " + _at(base, snapshot.entries[entry.same_as]) + b" " + _at(base, entry)
        for entry in snapshot
        if entry.same_as not in (None, entry.path) and entry.same_as in snapshot
    )
    lines.extend(_attributes(base, firsts))
    return lines


def _at(base: bytes, entry: Entry) -> bytes:
    return quote_bytes(base + b"/" + entry.path if entry.path else base)


def _make(entry: Entry, where: bytes) -> bytes:
    if entry.kind is Kind.FILE:
        return (b"printf %s " + quote_bytes(entry.text) if entry.text else b":") + b" >" + where
    if entry.kind is Kind.LINK:
        return b"ln -s -- " + quote_bytes(entry.target or b"") + b" " + where
    if entry.kind is Kind.FIFO:
        return b"mkfifo " + where
    letter = b"c" if entry.kind is Kind.CHAR else b"b"
    mode = b"-m 0 " if entry.is_whiteout_device else b""
    return b"mknod " + mode + where + b" %s %d %d" % (letter, *(entry.device or (0, 0)))


def _attributes(base: bytes, entries: list[Entry]) -> Iterator[bytes]:
    for entry in entries:
        if (entry.uid, entry.gid) != (0, 0):
            yield b"chown -h %d:%d " % (entry.uid, entry.gid) + _at(base, entry)
        for name, value in sorted(entry.xattrs.items()):
            yield b"setfattr -h -n " + quote_bytes(name) + b" -v 0x" + value.hex().encode() + b" " + _at(base, entry)
    # modes last and the deepest first: a directory without permissions closes what lies in it
    for entry in reversed(entries):
        usual = 0o755 if entry.kind is Kind.DIR else 0o644
        if entry.mode != usual and entry.kind is not Kind.LINK and not entry.is_whiteout_device:
            yield b"chmod %04o " % entry.mode + _at(base, entry)
