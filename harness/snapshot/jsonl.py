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
_decoder = msgspec.json.Decoder()


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


def from_json(data: dict[str, Any]) -> Entry:
    """The entry that a JSON object says."""
    owner = data.get("owner", (0, 0))
    return Entry(
        unescape(data["path"]), Kind(data["type"]), int(data["mode"], 8), owner[0], owner[1], data.get("size", 0),
        tuple(data["device"]) if "device" in data else None, data.get("sha256", ""),
        unescape(data["text"]) if "text" in data else None,
        unescape(data["target"]) if "target" in data else None,
        unescape(data["same_as"]) if "same_as" in data else None,
        {unescape(k): unescape(v) for k, v in data.get("xattrs", {}).items()}, data.get("links", 1),
    )  # fmt: skip


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
    """Read a snapshot back. Raises BrokenMachinery when it is damaged."""
    try:
        with path.open("rb") as file:
            head = _decoder.decode(file.readline())
            unseen = head["unseen"]
            entries = [from_json(_decoder.decode(line)) for line in file]
    except OSError as error:
        raise BrokenMachinery(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise BrokenMachinery(f"is no snapshot: {error}", where=str(path)) from error
    listed = None
    if "listed_only" in head:
        names = {e.path for e in entries if e.path} - {unescape(n) for n in head["not_listed"]}
        listed = names | {unescape(n) for n in head["listed_only"]}
    return Snapshot.of(entries, listed=listed, unseen=unseen)
