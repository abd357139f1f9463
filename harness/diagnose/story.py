"""How an entry of an upper came to be: the calls that made it, carried it into place and marked it, and what was read before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from harness.diagnose.syscalls import Does, listed, xattr
from harness.diagnose.trace import Done
from harness.whiteouts.encodings import ENCODINGS, WH, Says
from harness.whiteouts.markers import Marker

UPPER, WORK, LOWER = b"upper", b"work", b"lower"
_MOST_READS = 3
_XATTRS = {row.xattr for row in ENCODINGS.values() if row.xattr}


@dataclass(frozen=True)
class Came:
    """``made``: the calls, in their order; ``decided``: the one that is the marker itself; ``read``: what was read of ``name`` before.

    ``refused``: what the same request had tried of the same name before, in vain.
    """

    made: tuple[Done, ...]
    decided: Done
    read: tuple[Done, ...] = ()
    refused: tuple[Done, ...] = ()
    name: bytes = b""


def below(root: bytes, path: bytes) -> bytes:
    """A path in a root."""
    return root + b"/" + path if path else root


def rooted(path: bytes) -> tuple[bytes, bytes]:
    """A path as root and rest: ``lower/1/a/f`` is ``lower/1`` and ``a/f``."""
    root, _, rest = path.partition(b"/")
    if root == LOWER:
        number, _, rest = rest.partition(b"/")
        root += b"/" + number
    return root, rest


def came(done: Sequence[Done], path: bytes, mark: bytes = b"") -> Came | None:
    """How *path* (``upper/a``) came to be, by calls in their order. None: no call was seen to make it.

    *mark*: an xattr of it that is meant.
    """
    made: list[Done] = []
    now = path
    for one in reversed(done):
        if not one.call.ok:
            continue
        moved = _moved(one, now)
        if moved != now:
            made.append(one)
            now = moved
        elif _leaves(one, now) or (one.does is Does.MAKES and one.makes == now):
            made.append(one)
            if _surely(one):
                break
        elif one.does is Does.REMOVES and one.makes == now:
            break
        elif mark and one.does is Does.CHANGES and one.makes == now and xattr(one.call).encode() == mark:
            made.append(one)
    made.reverse()
    last = [one for one in made if one.does is Does.CHANGES][-1:]
    decided = last or [one for one in made if not mark and (one.does is Does.MAKES or _leaves(one, now))]
    if not decided or "remove" in decided[0].call.name:
        return None
    return Came(tuple(made), decided[0])


def _surely(one: Done) -> bool:
    """Whether the name was not there before: open(2) without O_EXCL may have found it."""
    return not one.call.name.startswith("open") or "O_EXCL" in one.call.text


def _moved(one: Done, now: bytes) -> bytes:
    """Where a name was before a call: the same, but for a rename."""
    if one.does is not Does.MOVES:
        return now
    source, target = one.paths[0], one.paths[-1]
    if now == target or now.startswith(target + b"/"):
        return source + now[len(target) :]
    if "RENAME_EXCHANGE" in one.call.text and (now == source or now.startswith(source + b"/")):
        return target + now[len(source) :]
    return now


def _leaves(one: Done, path: bytes) -> bool:
    """Whether a rename leaves a whiteout at its source, and that is it."""
    return one.does is Does.MOVES and "RENAME_WHITEOUT" in one.call.text and one.paths[0] == path


def of_marker(done: Sequence[Done], marker: Marker, upper: bytes = UPPER) -> Came | None:
    """How a marker came to be, and what was read that it follows from. *upper*: where the upper that it lies in begins."""
    found = came(done, below(upper, marker.at), ENCODINGS[marker.encoding].xattr)
    if found is None:
        return None
    folder, _, name = rooted(below(upper, marker.path))[1].rpartition(b"/")
    folders = {folder}
    then = found.decided.paths[0] if found.decided.does is Does.MOVES else found.decided.makes
    if marker.says is Says.GONE and rooted(then)[0] == UPPER:  # the directory that it lies in may have been moved since
        folders.add(rooted(then)[1].rpartition(b"/")[0])
    before = [one for one in done if one.call.at < found.decided.call.at and rooted(one.makes)[0] != WORK]
    read = tuple(reads_of(before, folders, name, found.decided))
    refused = tuple(refused_of(done, {below(upper, marker.path), then}, found.decided))
    return Came(found.made, found.decided, read, refused, name)


def refused_of(done: Sequence[Done], paths: Set[bytes], decided: Done) -> Iterator[Done]:
    """What the same request had tried of some paths before, in vain: another way to say the same, from which it fell back.

    A name that was there, or was not, is no refusal; nor is an xattr that is no mark.
    """
    for one in done:
        if one.served is None or one.served != decided.served or one.call.at >= decided.call.at:
            continue
        if one.call.errno in {"", "EEXIST", "ENOENT"}:
            continue
        marks = one.does is Does.CHANGES and xattr(one.call).encode() in _XATTRS
        if (marks or one.does in {Does.MAKES, Does.MOVES}) and not paths.isdisjoint(one.paths):
            yield one


def reads_of(before: Sequence[Done], folders: Collection[bytes], name: bytes, decided: Done) -> list[Done]:
    """What was read of a name in some folders, or of the whiteout of it: in the same request, or in the last one that read something of it.

    What tells that it is there counts before what tells that it is not; and that before a listing in which it is not.
    """
    names = {name, WH + name}
    paths = {below(folder, one) if folder else one for folder in folders for one in names}
    asked = [one for one in before if one.does is Does.READS and rooted(one.makes)[1] in paths and not xattr(one.call)]
    lists = [one for one in before if one.does is Does.LISTS and rooted(one.makes)[1] in folders and one.call.ok]
    told = [one for one in lists if not names.isdisjoint(listed(one.call))]
    there = sorted([*(one for one in asked if one.call.ok), *told], key=lambda one: one.call.at)
    others = [one for one in lists if any(True for _ in listed(one.call)) and rooted(one.makes)[0] != UPPER]
    for some in (there, asked, others):
        served = (
            decided.served if any(one.served == decided.served for one in some) else some[-1].served if some else None
        )
        last = [one for one in some if one.served == served]
        if last:
            return list({(one.call.name, one.makes): one for one in last}.values())[-_MOST_READS:]
    return []
