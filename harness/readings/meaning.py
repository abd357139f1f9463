"""What layers mean by the OCI image specification, layer.md, and by nothing else: an applier of described layers. Pure.

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

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from harness.names import unescape
from harness.readings.archives import is_folder
from harness.scenario.archive import ArchiveLayer, Member, as_member
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, PRIVATE_PREFIXES, WH

REFUSE = "refused"


class Point(Enum):
    """What the specification leaves open: a name, why it is open, and the answers that it allows; the first follows its words closest."""

    REPEATED = (
        "a layer MUST NOT hold a path twice, and no sentence says what becomes of one that does",
        ("later", REFUSE),
    )
    ABSOLUTE = "no sentence speaks of absolute names; a tar is unpacked without their slash", ("inside", REFUSE)
    DOTDOT = "no sentence speaks of names with '..'; none may lead outside of the tree", ("inside", REFUSE)
    MARKER = (
        "a whiteout is an empty regular file, and a name with its prefix is nothing else",
        ("whiteout", "nothing", REFUSE),
    )
    DOTS = "'.' and '..' are the base name of no path that could be deleted", ("nothing", REFUSE)
    MARKER_PARENT = "a whiteout says nothing of its own directory where that is not there", ("absent", "made")
    FILE_ABOVE = (
        "a name below a file: it cannot be unpacked, and no entry says that the file goes",
        (REFUSE, "replaced"),
    )
    MARKER_BELOW_FILE = "a whiteout below a file hides nothing", ("nothing", "replaced", REFUSE)
    LINK_ABOVE = (
        "no sentence says whether a symbolic link on the way to an entry is followed",
        ("followed", "replaced", REFUSE),
    )
    MARKER_BELOW_LINK = "nor on the way to a whiteout", ("followed", "nothing", REFUSE)
    LINK_BELOW = (
        "'Extracting a layer with hardlink references to files outside of the layer may fail'",
        ("linked", "copied", REFUSE),
    )
    LINK_BEFORE = "a hard link before its target: a tar is unpacked in its order", (REFUSE, "linked")
    LINK_TO_MARKER = "what a whiteout's content is to another name", ("empty", REFUSE)
    XATTR_FORM = "no sentence says which PAX records xattrs are", ("kept", "left out")
    PRIVATE = (
        "xattrs are kept 'where supported'; a reader that keeps its own marks under these names cannot",
        ("kept", "left out"),
    )
    DEVICE = (
        "devices are made 'where supported'; where they are not, what lay below is gone all the same",
        ("made", "left out", REFUSE),
    )
    NOT_UTF8 = "a PAX record is UTF-8, and this one is not", ("bytes", REFUSE)
    NO_END = "an archive without the two blocks that end it", ("taken", REFUSE)

    @property
    def why(self) -> str:
        """Why it is open, as a sentence without an end."""
        return str(self.value[0])

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that are allowed."""
        return tuple(self.value[1])


@dataclass(frozen=True)
class Reading:
    """A tree that layers may mean. ``unsaid``: directories in it of which nothing says mode and owner."""

    tree: Snapshot
    unsaid: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Meaning:
    """All that layers may mean: the closest reading first. ``refusal``: why they may be refused, empty where they may not.

    No reading: they must be refused. ``points``: what was open.
    """

    readings: tuple[Reading, ...]
    refusal: str = ""
    points: tuple[Point, ...] = ()


class Refused(Exception):
    """These layers mean no tree."""


class _Open(Exception):
    """A point that nobody has decided yet."""

    def __init__(self, point: Point) -> None:
        super().__init__(point.name)
        self.point = point


def meaning(layers: Sequence[ArchiveLayer]) -> Meaning:
    """What layers mean, the lowest first. A reader answers a point alike wherever it meets it, so each point is tried once for all."""
    readings: list[Reading] = []
    refusals: list[str] = []
    points: dict[Point, None] = {}
    todo: list[Mapping[Point, str]] = [{}]
    while todo:
        decided = todo.pop(0)
        try:
            reading = _applied(layers, decided)
        except _Open as met:
            points[met.point] = None
            todo += [{**decided, met.point: answer} for answer in met.point.answers]
        except Refused as why:
            refusals.append(str(why))
        else:
            if not any(_same(reading, other) for other in readings):
                readings.append(reading)
    return Meaning(tuple(readings), refusals[0] if refusals else "", tuple(points))


def _same(one: Reading, other: Reading) -> bool:
    return dict(one.tree.entries) == dict(other.tree.entries) and one.unsaid == other.unsaid


@dataclass
class _Inode:
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


def _implied() -> _Inode:
    """A directory that no member makes."""
    return _Inode(Kind.DIR, 0o755, unsaid=True)


_Tree = dict[bytes, _Inode]


def _applied(layers: Sequence[ArchiveLayer], decided: Mapping[Point, str]) -> Reading:
    tree: _Tree = {b"": _Inode(Kind.DIR, 0o755)}
    for layer in layers:
        _Layer(layer, tree, decided).apply()
    names: dict[int, list[bytes]] = {}
    for path, inode in tree.items():
        names.setdefault(id(inode), []).append(path)
    entries = [_entry(path, inode, sorted(names[id(inode)])) for path, inode in tree.items()]
    return Reading(Snapshot.of(entries), frozenset(path for path, inode in tree.items() if inode.unsaid))


def _entry(path: bytes, inode: _Inode, group: Sequence[bytes]) -> Entry:
    text = inode.text
    return Entry(
        path, inode.kind, inode.mode, inode.uid, inode.gid, size=len(text or b""), device=inode.device,
        digest=hashlib.sha256(text).hexdigest() if text is not None else "", text=text, target=inode.target,
        same_as=group[0] if len(group) > 1 else None, xattrs=inode.xattrs, links=len(group),
    )  # fmt: skip


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
        """The answer to an open point. Raises _Open for one that is not decided, and Refused."""
        if point not in self.decided:
            raise _Open(point)
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
        self.own = {path for path in paths if not _is_marker(path)}
        markers = [(path, one) for path, one in members if _is_marker(path)]
        for path, one in markers:
            self.hide(path, one)
        for path, one in members:
            if not _is_marker(path) and path not in self.early_ones:
                self.add(path, one)
        for path, _ in markers:
            self.leave(path)

    def path(self, text: str) -> bytes:
        """The path inside the tree that a name speaks of."""
        name = unescape(text)
        if self.layer.names == "records" and not _is_utf8(name):
            self.answer(Point.NOT_UTF8)
        if name.startswith(b"/"):
            self.answer(Point.ABSOLUTE)
        parts = name.split(b"/")
        if b".." in parts:
            self.answer(Point.DOTDOT)
        return _within(b"", parts)

    def hide(self, marker: bytes, member: Member) -> None:
        """Apply a whiteout to what lies below."""
        parent, name = _first_marker(marker)
        if name == WH:
            raise Refused("a .wh. file without a base name is invalid")
        plain = marker == _in(parent, name) and _is_plain(member)
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
            self.remove(_in(folder, gone))

    def marker_folder(self, parent: bytes) -> bytes | None:
        """The directory of the tree below that a whiteout in *parent* speaks of, None where there is none."""
        at, waiting, passed = b"", _parts(parent), 0
        while waiting:
            at = _in(at, waiting.pop(0))
            inode = self.below.get(at)
            if inode is None or (inode.kind is not Kind.DIR and at in self.own):
                return None
            if inode.kind is Kind.LINK:
                passed += 1
                if passed > 40 or self.answer(Point.MARKER_BELOW_LINK) == "nothing":  # 40: path_resolution(7)
                    return None
                at, waiting = b"", [*_parts(_led(at, inode)), *waiting]
            elif inode.kind is not Kind.DIR:
                self.answer(Point.MARKER_BELOW_FILE)
                return None
        return at

    def add(self, path: bytes, member: Member) -> None:
        """Add an entry, over whatever stands there."""
        if not path:
            self.tree[b""] = self.made(member) if is_folder(member) else self.refused_root()
            self.written.add(path)
            return
        folder = self.folder(path.rpartition(b"/")[0])
        at = _in(folder, path.rpartition(b"/")[2])
        there = self.tree.get(at)
        if member.hardlink is not None:
            inode = self.linked(self.path(member.hardlink))
        elif (member.char or member.block) and self.answer(Point.DEVICE) == "left out":
            self.remove(at)
            return
        else:
            inode = self.made(member)
        if there is None or there.kind is not Kind.DIR or inode.kind is not Kind.DIR:
            self.remove(at)
        self.tree[at] = inode
        self.written |= {path, at}

    @staticmethod
    def refused_root() -> _Inode:
        raise Refused("the root of a tree is a directory")

    def folder(self, parent: bytes) -> bytes:
        """The directory that an entry lies in, made where it is not there."""
        at, waiting, passed = b"", _parts(parent), 0
        while waiting:
            at = _in(at, waiting.pop(0))
            inode = self.tree.get(at)
            if inode is None:
                self.tree[at] = _implied()
            elif inode.kind is Kind.LINK:
                passed += 1
                if passed > 40:
                    raise Refused("symbolic links without an end")
                if self.answer(Point.LINK_ABOVE) == "replaced":
                    self.tree[at] = _implied()
                else:
                    at, waiting = b"", [*_parts(_led(at, inode)), *waiting]
            elif inode.kind is not Kind.DIR:
                self.answer(Point.FILE_ABOVE)
                self.tree[at] = _implied()
        return at

    def made(self, member: Member) -> _Inode:
        """What a member that is no hard link makes."""
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
        return _Inode(kind, mode, uid, gid, text, member.char or member.block, target, self.xattrs(member))

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

    def linked(self, target: bytes) -> _Inode:
        """What a hard link is a further name of."""
        if _is_marker(target):
            self.answer(Point.LINK_TO_MARKER)
            return _Inode(Kind.FILE, 0o644, text=b"")
        if target in self.written and target in self.tree:
            inode = self.tree[target]
        elif target in self.own:
            self.answer(Point.LINK_BEFORE)
            inode = self.early(target)
        elif target in self.below:
            inode = self.below[target]
            if inode.kind is not Kind.DIR and self.answer(Point.LINK_BELOW) == "copied":
                inode = _Inode(**vars(inode))
        else:
            raise Refused("a hard link to a name that is nowhere")
        if inode.kind is Kind.DIR:
            raise Refused("a hard link to a directory: 'possible with all file types except directories'")
        return inode

    def early(self, target: bytes) -> _Inode:
        """A target that stands later in the archive, made before its turn."""
        member = next(one for one in map(as_member, self.layer.members) if self.path(one.path) == target)
        if member.hardlink is not None:
            raise Refused("hard links to one another")
        self.add(target, member)
        self.early_ones.add(target)
        return self.tree[target]

    def leave(self, marker: bytes) -> None:
        """What becomes of a whiteout's directory where nothing else made it."""
        parent, _ = _first_marker(marker)
        at = b""
        for part in _parts(parent):
            at = _in(at, part)
            inode = self.tree.get(at)
            if inode is None:
                if self.answer(Point.MARKER_PARENT) == "absent":
                    return
                self.tree[at] = _implied()
            elif inode.kind is Kind.LINK:
                return  # whether it is followed was asked when it was applied
            elif inode.kind is not Kind.DIR:
                if self.answer(Point.MARKER_BELOW_FILE) == "nothing":
                    return
                self.tree[at] = _implied()

    def remove(self, path: bytes) -> None:
        """Take a name away, with all that lies below it."""
        self.tree.pop(path, None)
        self.remove_below(path)

    def remove_below(self, path: bytes) -> None:
        for inner in [one for one in self.tree if one and (one.startswith(path + b"/") or not path)]:
            del self.tree[inner]


def _parts(path: bytes) -> list[bytes]:
    return path.split(b"/") if path else []


def _in(folder: bytes, name: bytes) -> bytes:
    """The path of a name in a folder."""
    return folder + b"/" + name if folder else name


def _within(folder: bytes, parts: Iterable[bytes]) -> bytes:
    """Where parts lead from a folder; ``..`` of the root is the root."""
    at = folder
    for part in parts:
        if part == b"..":
            at = at.rpartition(b"/")[0]
        elif part not in {b"", b"."}:
            at = _in(at, part)
    return at


def _led(link: bytes, inode: _Inode) -> bytes:
    """Where a symbolic link leads. The root of the tree is the root of every link, as it is for the container."""
    target = inode.target or b""
    return _within(b"" if target.startswith(b"/") else link.rpartition(b"/")[0], target.split(b"/"))


def _is_marker(path: bytes) -> bool:
    return any(part.startswith(WH) for part in path.split(b"/"))


def _first_marker(path: bytes) -> tuple[bytes, bytes]:
    """The directory and the name of the first part with the prefix: what lies below it is no more than it is."""
    parts = path.split(b"/")
    first = next(i for i, part in enumerate(parts) if part.startswith(WH))
    return b"/".join(parts[:first]), parts[first]


def _is_plain(member: Member) -> bool:
    """Whether a member is an empty regular file."""
    others = (member.text, member.symlink, member.hardlink, member.char, member.block, member.fifo)
    return not any(others) and not is_folder(member) and member.hardlink is None and member.symlink is None


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
