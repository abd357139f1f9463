"""An upper as a layer in which every deletion is said once, in one encoding: what is written, what is left out, and why. Pure.

What it means is what every encoding together says (``harness.whiteouts.union``). With the layers below, what hides nothing is left out
too. What a layer cannot say without changing the tree is an error, and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from harness.errors import UsageError
from harness.layers.targets import Target
from harness.names import escape
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import (
    AUFS_OWN,
    ENCODINGS,
    FUSE_PREFIX,
    NOISE_XATTRS,
    OPAQUE_NAME,
    OVERLAY_PREFIXES,
    PRIVATE_PREFIXES,
    WH,
    Encoding,
)
from harness.whiteouts.markers import beside
from harness.whiteouts.readers import EVERYONE
from harness.whiteouts.union import ReadLayer, read_layer

_ESCAPED = tuple(prefix + b"overlay." for prefix in OVERLAY_PREFIXES)  # what a user of the mount set (kernel 6.7)
_LONGEST_NAME = 255  # bytes, of most file systems
_LOST_CONTENT = ("metacopy", "redirect")
_OPAQUE = {row.encoding: row.xattr for row in ENCODINGS.values() if row.encoding in {
    Encoding.OPAQUE_TRUSTED, Encoding.OPAQUE_USER, Encoding.OPAQUE_FUSE,
}}  # fmt: skip


@dataclass(frozen=True)
class Dropped:
    """An entry, or a mark of one, that the layer does not have. ``at``: the escaped path."""

    at: str
    why: str


@dataclass(frozen=True)
class Sealed:
    """The layer: its entries by path, in byte order. ``made``: those that are marks, which have no content anywhere."""

    entries: Snapshot
    made: frozenset[bytes]
    dropped: tuple[Dropped, ...]


@dataclass
class _Work:
    """What is known while directories are gone through, the root first."""

    read: ReadLayer
    below: Snapshot | None
    target: Target
    kept: dict[bytes, Entry] = field(default_factory=dict)
    made: dict[bytes, Entry] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)

    def drop(self, path: bytes, why: str) -> None:
        self.dropped.append(Dropped(escape(path) or "/", why))


def seal(upper: Snapshot, below: Snapshot | None, target: Target) -> Sealed:
    """The layer of an *upper*. *below*: the layers below it, merged; None: they are not known.

    Raises UsageError for what cannot be said in the target's encoding, with its place.
    """
    _need_seen(upper)
    own = {
        one.path: msgspec.structs.replace(one, literal=True) for one in upper if WH in one.path and _is_users_own(one)
    }
    if own:
        upper = Snapshot.of(own.get(one.path, one) for one in upper)
    work = _Work(read_layer(upper, EVERYONE, lower=True), below, target)
    left: set[bytes] = set()  # directories that are left out, with all that is in them
    hidden = work.read.hidden
    for entry in upper:
        path = entry.path
        if path in hidden:
            continue
        if left and entry.parent in left:
            left.add(path)
            continue
        _need_parent(entry, upper)
        if WH in path:
            if entry.name in AUFS_OWN:
                left.add(path)
                work.drop(path, "AUFS's own records, which say nothing to another")
                continue
            _check_name(entry, target)
        if entry.kind is Kind.SOCKET:
            work.drop(path, "a socket, which no archive holds")
            continue
        work.kept[path] = _plain(entry, work) if entry.xattrs else entry
    _mark(work, _gone(work))
    entries = Snapshot.of(_joined([*work.kept.values(), *work.made.values()]))
    return Sealed(entries, frozenset(work.made), tuple(sorted(work.dropped, key=lambda one: (one.at, one.why))))


def _need_seen(upper: Snapshot) -> None:
    unknown = next((entry for entry in upper if entry.kind is Kind.UNKNOWN), None)
    if unknown is not None:
        raise UsageError(
            "could not be read, and so cannot be sealed",
            where=escape(unknown.path) or "/",
            remedy="run this as root, or mend the image",
        )


def _need_parent(entry: Entry, upper: Snapshot) -> None:
    """Raises UsageError where a path goes through what is no directory: whoever unpacks that may be led out of the tree."""
    if b".." in entry.path and b".." in entry.path.split(b"/"):
        raise UsageError(
            "leads out of the tree",
            where=escape(entry.path),
            remedy="no overlay wrote this: take the entry out of the archive",
        )
    above = upper.entries.get(entry.parent) if entry.path else None
    if above is not None and above.kind is not Kind.DIR:
        raise UsageError(
            f"lies in {escape(entry.parent)}, which is no directory",
            where=escape(entry.path),
            remedy="no overlay wrote this: take the entry out of the archive",
        )


def _is_users_own(entry: Entry) -> bool:
    """A name ``.wh.x`` that is no whiteout, which is an empty file (image-spec, layer.md): somebody's own."""
    return (
        entry.name.startswith(WH)
        and entry.name != OPAQUE_NAME
        and (entry.kind is not Kind.FILE or entry.size > 0)
        and (not entry.is_whiteout_device)
    )


def _check_name(entry: Entry, target: Target) -> None:
    if target.marks_by_name and entry.name.startswith(WH):
        raise UsageError(
            f"is somebody's own, and to a reader of {target.name} a name that begins with .wh. is a mark",
            where=escape(entry.path),
            remedy="rename it, or seal for a reader to whom it is a name like others: --for kernel, --for userxattr",
        )


def _plain(entry: Entry, work: _Work) -> Entry:
    """An entry without what belongs to the overlay that wrote it. Raises UsageError for what only that overlay can resolve."""
    if not entry.xattrs:
        return entry
    xattrs: dict[bytes, bytes] = {}
    for name, value in entry.xattrs.items():
        if not name.startswith(PRIVATE_PREFIXES):
            xattrs[name] = value
        elif name.startswith(_ESCAPED):
            if work.target.name in {"oci", "fuse"}:
                raise UsageError(
                    f"carries {escape(name)}, a mark of an overlay in the overlay, which this encoding cannot say",
                    where=escape(entry.path) or "/",
                    remedy="seal it for the kernel: --for kernel",
                )
            xattrs[name] = value
        elif name.rpartition(b".")[2].decode("ascii", "replace") in _LOST_CONTENT and not name.startswith(FUSE_PREFIX):
            raise UsageError(
                f"carries {escape(name)}: its content or its place is in a layer below, and not here",
                where=escape(entry.path) or "/",
                remedy="write the upper with metacopy=off and redirect_dir=off, or copy it out through the mount",
            )
        elif name not in NOISE_XATTRS and not name.endswith((b".opaque", b".whiteout")):
            work.drop(entry.path, f"the private xattr {escape(name)}")
    return msgspec.structs.replace(entry, xattrs=xattrs)


def _gone(work: _Work) -> dict[bytes, list[bytes]]:
    """The deleted names by their directory; what is no deletion of anything that a user can see is dropped."""
    found: dict[bytes, list[bytes]] = {}
    for path in sorted(work.read.gone):
        name = path.rpartition(b"/")[2]
        if name.startswith(WH) and not _deletes_a_name(work, path):
            work.drop(path, "it deletes a mark's own name, under which no content is")
        else:
            found.setdefault(path.rpartition(b"/")[0], []).append(path)
    return found


def _deletes_a_name(work: _Work, path: bytes) -> bool:
    """Whether a deleted ``.wh.`` name is somebody's own in a layer below. Raises UsageError where a layer cannot say so."""
    if work.below is None or path not in work.below:
        return False
    if work.target.marks_by_name:
        raise UsageError(
            f"is deleted, and somebody's own: to a reader of {work.target.name} a name that begins with .wh. is a mark",
            where=escape(path),
            remedy="seal for a reader to whom it is a name like others: --for kernel, --for userxattr",
        )
    return True


def _mark(work: _Work, gone: dict[bytes, list[bytes]]) -> None:
    """Directory by directory, the one above first: which marks are needed, and make them."""
    folders = {path for path, entry in work.kept.items() if entry.kind is Kind.DIR}
    every = sorted({b"", *folders, *gone, *work.read.opaque}, key=lambda path: (path.count(b"/"), path))
    covered: set[bytes] = set()  # directories below which nothing shows through any more
    for folder in every:
        above = folder.rpartition(b"/")[0]
        inside = folder != b"" and (above in covered or folder not in folders)
        opaque = folder in work.read.opaque or (folder in work.read.gone and folder in folders)
        if inside:
            covered.add(folder)
            if opaque:
                work.drop(folder, "it is opaque in a directory below which nothing shows through")
        elif _shows_nothing(work, folder):
            covered.add(folder)
            if opaque:
                work.drop(folder, "it is opaque, and no layer below has anything in it")
        elif opaque:
            covered.add(folder)
            _make_opaque(work, folder)
        for path in gone.get(folder, ()):
            _delete(work, path, covered=folder in covered)


def _shows_nothing(work: _Work, folder: bytes) -> bool:
    """Whether no layer below has anything in a directory."""
    if work.below is None:
        return False
    here = work.below.get(folder)
    return here is None or here.kind is not Kind.DIR or next(iter(work.below.inside(folder)), None) is None


def _delete(work: _Work, path: bytes, *, covered: bool) -> None:
    there = work.kept.get(path)
    if there is not None:  # of a directory it says that it is opaque, which is seen to with it
        if there.kind is not Kind.DIR:
            work.drop(path, "it is deleted, and there: the name hides what lies below by itself")
    elif covered:
        work.drop(path, "it is deleted in a directory below which nothing shows through")
    elif work.below is not None and path not in work.below:
        work.drop(path, "it is deleted, and no layer below has it")
    else:
        _whiteout(work, path)


def _whiteout(work: _Work, path: bytes) -> None:
    if work.target.deletion is Encoding.FILE:
        at = beside(path, WH + path.rpartition(b"/")[2])
        if len(at.rpartition(b"/")[2]) > 255:
            raise UsageError(
                f"its whiteout's name would have {len(path.rpartition(b'/')[2]) + len(WH)} bytes, and a name has 255 at most",
                where=escape(path),
                remedy="seal it for the kernel, whose whiteouts have the name itself: --for kernel",
            )
        work.made[at] = Entry(at, Kind.FILE, 0o644, text=b"")
    else:
        work.made[path] = Entry(path, Kind.CHAR, 0, device=(0, 0))


def _make_opaque(work: _Work, folder: bytes) -> None:
    if folder == b"" and not work.target.opaque_root:
        _hide_root(work)
        return
    if work.below is not None and work.target.name_by_name and _can_be_named(work, folder):
        _hide_each(work, folder)
        return
    if Encoding.OPAQUE_FILE in work.target.opaque:
        at = folder + b"/" + OPAQUE_NAME if folder else OPAQUE_NAME
        work.made[at] = Entry(at, Kind.FILE, 0o644, text=b"")
    xattrs = {_OPAQUE[one]: b"y" for one in work.target.opaque if one in _OPAQUE}
    if xattrs:
        entry = work.kept[folder]
        work.kept[folder] = msgspec.structs.replace(entry, xattrs={**entry.xattrs, **xattrs})


def _can_be_named(work: _Work, folder: bytes) -> bool:
    """Whether each name below a directory can have a whiteout: none is too long for it, and none is a mark's."""
    assert work.below is not None
    return all(
        len(entry.name) + len(WH) <= _LONGEST_NAME and not entry.name.startswith(WH)
        for entry in work.below.below(folder)
    )


def _hide_each(work: _Work, folder: bytes) -> None:
    """A whiteout of each name that a directory hides; in directories that are there on both sides, of each name in them."""
    assert work.below is not None
    folders = [folder]
    while folders:
        for entry in work.below.inside(folders.pop()):
            there = work.kept.get(entry.path)
            if there is None:
                _whiteout(work, entry.path)
            elif there.kind is Kind.DIR and entry.kind is Kind.DIR:
                folders.append(entry.path)


def _hide_root(work: _Work) -> None:
    """The root of a layer is opaque, and its readers look for no mark there: each name below is deleted by itself."""
    if work.below is None:
        raise UsageError(
            f"the root is opaque, which a layer for {work.target.name} says name by name",
            where="/",
            remedy="name the layers below: --lower",
        )
    for entry in work.below.inside(b""):
        there = work.kept.get(entry.path)
        if there is None:
            _whiteout(work, entry.path)
        elif there.kind is Kind.DIR and entry.kind is Kind.DIR and not _shows_nothing(work, entry.path):
            _make_opaque(work, entry.path)
    work.drop(b"", "the mark of the root: each name below is deleted by itself")


def _joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Hard links whose first name is not in the layer get another first."""
    every = {entry.path: entry for entry in entries}
    groups: dict[bytes, list[bytes]] = {}
    for path in sorted(path for path, entry in every.items() if entry.same_as is not None):
        groups.setdefault(every[path].same_as or b"", []).append(path)
    if not groups:
        yield from every.values()
        return
    for entry in every.values():
        group = groups.get(entry.same_as, []) if entry.same_as is not None else []
        if len(group) > 1:
            yield msgspec.structs.replace(entry, same_as=group[0], links=len(group))
        elif entry.same_as is not None:
            yield msgspec.structs.replace(entry, same_as=None, links=1)
        else:
            yield entry
