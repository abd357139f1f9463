"""Layers applied one after the other, as the OCI image specification (layer.md) says it, and nothing else. Pure.

No program is followed here, and no file system. The sentences that decide, in the order in which they are used:

* "A whiteout filename consists of the prefix .wh. plus the basename of the path to be deleted." "A .wh. file, without a basename to
  delete, is invalid and implementations SHOULD return an error."
* "Whiteout files MUST only apply to resources in lower/parent layers." So a layer's whiteouts are applied to the tree below first, and
  its entries are added then, whatever the order of the archive: as it says of the opaque one, "regardless of the ordering".
* "Once a whiteout is applied, the whiteout itself MUST also be hidden."
* "If the entry and the existing path are both directories, then the existing path's attributes MUST be replaced by those of the entry
  in the changeset. In all other cases": the path is removed, and made anew.
* "In the absence of any whiteout files in a layer changeset, the archive is extracted like a regular tar archive."

Where no sentence decides, the place is an open ``Point``, and every answer to it that breaks no sentence is followed to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.names import unescape
from harness.readings.archives import is_folder
from harness.readings.inodes import Inode, entry_of, implied, made
from harness.readings.points import REFUSE, Point
from harness.readings.ways import first_marker, in_folder, is_marker, is_utf8, parts_of, within
from harness.scenario.archive import ArchiveLayer, Member, as_member
from harness.snapshot.model import Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, PRIVATE_PREFIXES, WH


@dataclass(frozen=True)
class Reading:
    """A tree that layers may mean. ``unsaid``: directories in it of which nothing says mode and owner."""

    tree: Snapshot
    unsaid: frozenset[bytes] = frozenset()


class Refused(Exception):
    """These layers mean no tree."""


class Undecided(Exception):
    """A point that nobody has decided yet."""

    def __init__(self, point: Point) -> None:
        super().__init__(point.name)
        self.point = point


_Tree = dict[bytes, Inode]


def applied(layers: Sequence[ArchiveLayer], decided: Mapping[Point, str]) -> Reading:
    """The tree that layers make, the lowest first, by one choice of answers. Raises Undecided, Refused."""
    tree: _Tree = {b"": Inode(Kind.DIR, 0o755)}
    for layer in layers:
        _Layer(layer, tree, decided).apply()
    names: dict[int, list[bytes]] = {}
    for path, inode in tree.items():
        names.setdefault(id(inode), []).append(path)
    entries = [entry_of(path, inode, sorted(names[id(inode)])) for path, inode in tree.items()]
    return Reading(Snapshot.of(entries), frozenset(path for path, inode in tree.items() if inode.unsaid))


class _Layer:
    """One layer on its way into a tree, by one choice of answers."""

    def __init__(self, layer: ArchiveLayer, tree: _Tree, decided: Mapping[Point, str]) -> None:
        self.layer = layer
        self.tree = tree
        self.below = dict(tree)  # as it was: what a link may still speak of
        self.decided = decided
        self.own: set[bytes] = set()  # what it has entries of
        self.written: set[bytes] = set()  # of these, up to now
        self.early_ones: set[bytes] = set()  # and before their turn

    def answer(self, point: Point) -> str:
        """The answer to an open point. Raises Undecided for one that is not decided, and Refused."""
        if point not in self.decided:
            raise Undecided(point)
        if self.decided[point] == REFUSE:
            raise Refused(point.why)
        return self.decided[point]

    def apply(self) -> None:
        """Whiteouts first, then the entries in their order, then what whiteouts leave."""
        members = [(self.path(one.path), one) for one in map(as_member, self.layer.members)]
        if not self.layer.ends:
            self.answer(Point.NO_END)
        if any(one.size is not None for _, one in members):
            raise Refused("a file that is longer than its archive: this is no tar")
        paths = [path for path, _ in members]
        if len(set(paths)) < len(paths):
            self.answer(Point.REPEATED)
        self.own = {path for path in paths if not is_marker(path)}
        markers = [(path, one) for path, one in members if is_marker(path)]
        for path, one in markers:
            self.hide(path, one)
        for path, one in members:
            if not is_marker(path) and path not in self.early_ones:
                self.add(path, one)
        for path, _ in markers:
            self.leave(path)

    def path(self, text: str) -> bytes:
        """The path inside the tree that a name speaks of."""
        name = unescape(text)
        if self.layer.names == "records" and not is_utf8(name):
            self.answer(Point.NOT_UTF8)
        if name.startswith(b"/"):
            self.answer(Point.ABSOLUTE)
        parts = name.split(b"/")
        if b".." in parts:
            self.answer(Point.DOTDOT)
        return within(b"", parts)

    def hide(self, marker: bytes, member: Member) -> None:
        """Apply a whiteout to what lies below."""
        parent, name = first_marker(marker)
        if name == WH:
            raise Refused("a .wh. file without a base name is invalid")
        plain = marker == in_folder(parent, name) and _is_plain(member)
        if not plain and self.answer(Point.MARKER) == "nothing":
            return
        gone = name[len(WH) :]
        if gone in {b".", b".."}:
            self.answer(Point.DOTS)
            return
        folder = self.marker_folder(parent)
        if folder is None:
            return
        if name == OPAQUE_NAME:
            self.remove_below(folder)
        else:
            self.remove(in_folder(folder, gone))

    def marker_folder(self, parent: bytes) -> bytes | None:
        """The directory of the tree below that a whiteout in *parent* speaks of, None where there is none."""
        at, waiting, passed = b"", parts_of(parent), 0
        while waiting:
            at = in_folder(at, waiting.pop(0))
            inode = self.below.get(at)
            if inode is None or (inode.kind is not Kind.DIR and at in self.own):
                return None
            if inode.kind is Kind.LINK:
                passed += 1
                if passed > 40 or self.answer(Point.MARKER_BELOW_LINK) != "followed":  # 40: path_resolution(7)
                    return None
                at, waiting = b"", [*parts_of(_led(at, inode)), *waiting]
            elif inode.kind is not Kind.DIR:
                self.answer(Point.MARKER_BELOW_FILE)
                return None
        return at

    def add(self, path: bytes, member: Member) -> None:
        """Add an entry, over whatever stands there."""
        if not path:
            self.tree[b""] = made(member, self.xattrs(member)) if is_folder(member) else self.refused_root()
            self.written.add(path)
            return
        folder = self.folder(path.rpartition(b"/")[0])
        at = in_folder(folder, path.rpartition(b"/")[2])
        there = self.tree.get(at)
        if member.hardlink is not None:
            inode = self.linked(self.path(member.hardlink))
        elif (member.char or member.block) and self.answer(Point.DEVICE) == "left out":
            self.remove(at)
            return
        else:
            inode = made(member, self.xattrs(member))
        if there is None or there.kind is not Kind.DIR or inode.kind is not Kind.DIR:
            self.remove(at)
        self.tree[at] = inode
        self.written |= {path, at}

    @staticmethod
    def refused_root() -> Inode:
        raise Refused("the root of a tree is a directory")

    def folder(self, parent: bytes) -> bytes:
        """The directory that an entry lies in, made where it is not there."""
        at, waiting, passed = b"", parts_of(parent), 0
        while waiting:
            at = in_folder(at, waiting.pop(0))
            inode = self.tree.get(at)
            if inode is None:
                self.tree[at] = implied()
            elif inode.kind is Kind.LINK:
                passed += 1
                if passed > 40:
                    raise Refused("symbolic links without an end")
                if self.answer(Point.LINK_ABOVE) == "replaced":
                    self.tree[at] = implied()
                else:
                    at, waiting = b"", [*parts_of(_led(at, inode)), *waiting]
            elif inode.kind is not Kind.DIR:
                self.answer(Point.FILE_ABOVE)
                self.tree[at] = implied()
            elif not passed:
                self.pass_by(at)
        return at

    def pass_by(self, folder: bytes) -> None:
        """What becomes of a lower directory of which this layer says nothing but that something lies in it."""
        inode = self.tree[folder]
        as_it_was = folder not in self.own and inode is self.below.get(folder) and not inode.unsaid
        if as_it_was and self.answer(Point.PARENT) == "made anew":
            self.tree[folder] = implied()

    def xattrs(self, member: Member) -> dict[bytes, bytes]:
        """The xattrs of a member that its entry has."""
        kept = {name.encode(): unescape(value) for name, value in member.xattrs.items()}
        if kept and self.layer.xattrs == "libarchive" and self.answer(Point.XATTR_FORM) == "left out":
            return {}
        private = [name for name in kept if name.startswith(PRIVATE_PREFIXES)]
        if private and self.answer(Point.PRIVATE) == "left out":
            for name in private:
                del kept[name]
        return kept

    def linked(self, target: bytes) -> Inode:
        """What a hard link is a further name of."""
        if is_marker(target):
            self.answer(Point.LINK_TO_MARKER)
            return Inode(Kind.FILE, 0o644, text=b"")
        if target in self.written and target in self.tree:
            inode = self.tree[target]
        elif target in self.own:
            self.answer(Point.LINK_BEFORE)
            inode = self.early(target)
        elif target in self.below:
            inode = self.below[target]
            if inode.kind is not Kind.DIR and self.answer(Point.LINK_BELOW) == "copied":
                inode = Inode(**vars(inode))
        else:
            raise Refused("a hard link to a name that is nowhere")
        if inode.kind is Kind.DIR:
            raise Refused("a hard link to a directory: 'possible with all file types except directories'")
        return inode

    def early(self, target: bytes) -> Inode:
        """A target that stands later in the archive, made before its turn."""
        member = next(one for one in map(as_member, self.layer.members) if self.path(one.path) == target)
        if member.hardlink is not None:
            raise Refused("hard links to one another")
        self.add(target, member)
        self.early_ones.add(target)
        return self.tree[target]

    def leave(self, marker: bytes) -> None:
        """What becomes of a whiteout's directory where nothing else made it."""
        parent, _ = first_marker(marker)
        at = b""
        for part in parts_of(parent):
            at = in_folder(at, part)
            inode = self.tree.get(at)
            if inode is None:
                if self.answer(Point.MARKER_PARENT) == "absent":
                    return
                self.tree[at] = implied()
            elif inode.kind is Kind.LINK:
                if self.answer(Point.MARKER_BELOW_LINK) != "replaced":
                    return
                self.tree[at] = implied()
            elif inode.kind is not Kind.DIR:
                if self.answer(Point.MARKER_BELOW_FILE) == "nothing":
                    return
                self.tree[at] = implied()
            else:
                self.pass_by(at)

    def remove(self, path: bytes) -> None:
        """Take a name away, with all that lies below it."""
        self.tree.pop(path, None)
        self.remove_below(path)

    def remove_below(self, path: bytes) -> None:
        for inner in [one for one in self.tree if one and (one.startswith(path + b"/") or not path)]:
            del self.tree[inner]


def _led(link: bytes, inode: Inode) -> bytes:
    """Where a symbolic link leads. The root of the tree is the root of every link, as it is for the container."""
    target = inode.target or b""
    return within(b"" if target.startswith(b"/") else link.rpartition(b"/")[0], target.split(b"/"))


def _is_plain(member: Member) -> bool:
    """Whether a member is an empty regular file."""
    others = (member.text, member.symlink, member.hardlink, member.char, member.block, member.fifo)
    return not any(others) and not is_folder(member) and member.hardlink is None and member.symlink is None
