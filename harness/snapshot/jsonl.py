"""A snapshot on disk: sorted JSON Lines, one entry each, names and values in the escaped text form."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import BrokenMachinery
from harness.names import escape, unescape
from harness.snapshot.model import Entry, Kind, Snapshot

_encoder = msgspec.json.Encoder()


def to_json(entry: Entry) -> dict[str, Any]:
    """An entry as a JSON object; keys that say nothing are left out."""
    out: dict[str, Any] = {"path": escape(entry.path), "type": entry.kind.value, "mode": f"{entry.mode:04o}"}
    if entry.uid or entry.gid:
        out["owner"] = [entry.uid, entry.gid]
    if entry.kind is Kind.FILE:
        out["size"] = entry.size
        out["sha256"] = entry.digest
    if entry.text is not None:
        out["text"] = escape(entry.text)
    if entry.device is not None:
        out["device"] = entry.device
    if entry.target is not None:
        out["target"] = escape(entry.target)
    if entry.same_as is not None:
        out["same_as"] = escape(entry.same_as)
        out["links"] = entry.links
    if entry.xattrs:
        out["xattrs"] = {escape(k): escape(v) for k, v in sorted(entry.xattrs.items())}
    return out


class _Line(msgspec.Struct):
    """An entry as a line has it: the keys of :func:`to_json`, each with its type."""

    path: str
    type: Kind
    mode: str
    owner: tuple[int, int] = (0, 0)
    size: int = 0
    sha256: str = ""
    text: str | None = None
    device: tuple[int, int] | None = None
    target: str | None = None
    same_as: str | None = None
    links: int = 1
    xattrs: dict[str, str] = {}


class _Head(msgspec.Struct):
    """The first line: see :func:`write_jsonl`."""

    unseen: tuple[str, ...]
    listed_only: tuple[str, ...] | None = None
    not_listed: tuple[str, ...] = ()


_line = msgspec.json.Decoder(_Line)
_head = msgspec.json.Decoder(_Head)


def from_json(line: bytes) -> Entry:
    """The entry that a line says. Raises MsgspecError and ValueError for one that says none."""
    row = _line.decode(line)
    return Entry(
        unescape(row.path), row.type, int(row.mode, 8), row.owner[0], row.owner[1], row.size,
        row.device, row.sha256, _maybe(row.text), _maybe(row.target), _maybe(row.same_as),
        {unescape(k): unescape(v) for k, v in row.xattrs.items()}, row.links,
    )  # fmt: skip


def _maybe(text: str | None) -> bytes | None:
    return None if text is None else unescape(text)


def write_jsonl(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot: a first line of its own about what was listed and unseen, then the entries in byte order."""
    head: dict[str, Any] = {"unseen": list(snapshot.unseen)}
    if snapshot.listed is not None:
        extra = sorted(escape(name) for name in snapshot.listed - snapshot.entries.keys())
        missing = sorted(escape(name) for name in snapshot.entries.keys() - snapshot.listed if name)
        head |= {"listed_only": extra, "not_listed": missing}
    with path.open("wb") as file:
        file.write(_encoder.encode(head) + b"\n")
        write_entries(snapshot, file.write)


def write_entries(entries: Iterable[Entry], write: Any) -> None:
    """Encode entries through *write*, a thousand lines at a time."""
    lines: list[bytes] = []
    for entry in entries:
        lines.append(_encoder.encode(to_json(entry)))
        if len(lines) == 1000:
            write(b"\n".join(lines) + b"\n")
            lines.clear()
    if lines:
        write(b"\n".join(lines) + b"\n")


def read_jsonl(path: Path) -> Snapshot:
    """Read a snapshot back. Raises BrokenMachinery when it cannot be read, or is damaged."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    return parse_jsonl(raw, str(path))


def parse_jsonl(raw: bytes, where: str) -> Snapshot:
    """The snapshot that the bytes of a file are. Raises BrokenMachinery when they are none. *where*: for its words."""
    try:
        first, _, rest = raw.partition(b"\n")
        head = _head.decode(first)
        entries = [from_json(line) for line in rest.split(b"\n") if line]
        listed = None
        if head.listed_only is not None:
            names = {e.path for e in entries if e.path} - {unescape(n) for n in head.not_listed}
            listed = names | {unescape(n) for n in head.listed_only}
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: what is no UTF-8, or no number
        raise BrokenMachinery(f"is no snapshot: {error}", where=where) from error
    return Snapshot.of(entries, listed=listed, unseen=head.unseen)
