"""The trees that a crash cuts apart, in words: what changed in an upper and a work folder from one state of the disk to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from harness.judge.rules.evidence import shown
from harness.snapshot.model import Entry, Kind, Snapshot

Below = Mapping[str, Snapshot]  # "upper", "work": the trees below an overlay

_MOST = 3  # changes that are named


def changed(before: Below, after: Below) -> str:
    """What is otherwise: ``work/work/#2 → upper/a``, ``upper/f made: whiteout``, ``upper/f removed``, ``upper/d: mode 0755 → 0700``."""
    early, late = (dict(_named(trees)) for trees in (before, after))
    swapped = list(_exchanged(early, late))
    found = []
    for one, two in swapped:
        found.append(f"{one} ↔ {two}")
        found += [f"{a}: {words}" for a, b in ((one, two), (two, one)) if (words := _differs(early[b], late[a]))]
    inside = tuple(f"{name}/" for pair in swapped for name in pair)
    early, late = (
        {name: entry for name, entry in tree.items() if f"{name}/" not in inside and not name.startswith(inside)}
        for tree in (early, late)
    )
    gone = {name: entry for name, entry in early.items() if name not in late}
    made = {name: entry for name, entry in late.items() if name not in early}
    for name, entry in _topmost(made).items():
        source = next((one for one, other in _topmost(gone).items() if _alike(entry, other)), None)
        if source is not None:
            gone = {one: other for one, other in gone.items() if one != source and not one.startswith(source + "/")}
            found.append(f"{source} → {name}")
        else:
            found.append(f"{name} made: {_what(entry)}")
    found += [f"{name} removed" for name in _topmost(gone)]
    for name, entry in late.items():
        if name in early and (other := _differs(early[name], entry)):
            found.append(f"{name}: {other}")
    more = len(found) - _MOST
    return "; ".join(found[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _exchanged(early: Mapping[str, Entry], late: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Names of the work folder and of the upper that have what the other one had: renameat2(2) with RENAME_EXCHANGE did it.

    What has become of one of both besides is told of its name.
    """
    other = [name for name, entry in early.items() if name in late and not _alike(entry, late[name])]
    for one in (name for name in other if name.startswith("upper/")):
        for two in (name for name in other if not name.startswith("upper/")):
            if _alike(early[one], late[two]) or _alike(early[two], late[one]):
                yield one, two
                break


def _named(trees: Below) -> Iterator[tuple[str, Entry]]:
    for root, tree in trees.items():
        for entry in tree:
            if entry.path:
                yield f"{root}/{shown(entry.path)}", entry


def _topmost(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {name: entry for name, entry in entries.items() if name.rpartition("/")[0] not in entries}


def _alike(one: Entry, other: Entry) -> bool:
    """Whether both may be one, under two names; what a hard link is to its group is said by names."""
    plain = (msgspec.structs.replace(entry, path=b"", same_as=None, links=1) for entry in (one, other))
    return next(plain) == next(plain)


def _what(entry: Entry) -> str:
    words = "whiteout" if entry.is_whiteout_device else entry.kind.value
    return ", ".join(
        [words, *(_xattr(name, value) for name, value in entry.xattrs.items() if name.startswith(_OVERLAY))]
    )


_OVERLAY = (b"trusted.overlay.", b"user.overlay.")


def _xattr(name: bytes, value: bytes) -> str:
    return f"{shown(name)}={shown(value)}" if len(value) < 16 and value.isascii() else shown(name)


def _differs(before: Entry, after: Entry) -> str:
    if before.kind is not after.kind or before.device != after.device:
        return f"{_what(before)} is {_what(after)} now"
    changes = [_xattr(name, value) for name, value in after.xattrs.items() if before.xattrs.get(name) != value]
    changes += [f"{shown(name)} removed" for name in before.xattrs if name not in after.xattrs]
    if (before.size, before.digest, before.target) != (after.size, after.digest, after.target):
        changes.append(f"{before.size} → {after.size} bytes" if after.kind is Kind.FILE else "content")
    changes += [] if before.mode == after.mode else [f"mode {before.mode:04o} → {after.mode:04o}"]
    changes += [] if (before.uid, before.gid) == (after.uid, after.gid) else [f"owner {after.uid}:{after.gid}"]
    return ", ".join(changes)
