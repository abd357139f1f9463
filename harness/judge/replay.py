"""The steps on a tree in memory: what a plain directory would hold had some of them failed. Pure.

It knows as much of POSIX as it takes to say what follows from a step that failed, and no more: where it does not know it raises
``Unmodelled``, and whoever asks must believe nothing. What it gives for the oracle's own results is held against the oracle's tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from harness.names import unescape
from harness.scenario.steps import (
    OBSERVING,
    Chmod,
    Chown,
    Copy,
    Link,
    Mkdir,
    Mkfifo,
    Mknod,
    Move,
    Remount,
    Remove,
    Removexattr,
    Rename,
    Rmdir,
    Setxattr,
    Step,
    Symlink,
    Touch,
    Truncate,
    Unlink,
    Write,
)
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import SHORT


class Unmodelled(Exception):
    """More than the model knows."""


@dataclass(eq=False)
class Node:
    """An inode. Two names of one file are one node."""

    kind: Kind
    mode: int
    owner: tuple[int, int] = (0, 0)
    text: bytes | None = b""  # None: not kept, since it was long
    digest: str = ""
    size: int = 0
    device: tuple[int, int] | None = None
    target: bytes | None = None
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    names: dict[bytes, Node] = field(default_factory=dict)  # of a directory

    def write(self, text: bytes) -> None:
        self.text, self.size, self.digest = text, len(text), hashlib.sha256(text).hexdigest()

    def copy(self, made: dict[int, Node]) -> Node:
        """A copy with all below it; names of one file stay names of one file."""
        if id(self) not in made:
            made[id(self)] = Node(
                self.kind, self.mode, self.owner, self.text, self.digest, self.size, self.device, self.target,
                dict(self.xattrs),
            )  # fmt: skip
            made[id(self)].names = {name: node.copy(made) for name, node in self.names.items()}
        return made[id(self)]


Effect = Callable[[], None]


class Tree:
    """A tree on which steps are done. Raises Unmodelled for one with what it does not know."""

    def __init__(self, snapshot: Snapshot) -> None:
        nodes: dict[bytes, Node] = {}
        groups: dict[bytes, Node] = {}
        for entry in snapshot:
            node = groups.get(entry.same_as) if entry.same_as is not None else None
            if node is None:
                node = _node(entry)
                if entry.same_as is not None:
                    groups[entry.same_as] = node
            nodes[entry.path] = node
            if entry.path:
                nodes[entry.parent].names[entry.name] = node
        self.root = nodes[b""]

    def snapshot(self, who: tuple[int, int] = (0, 0)) -> Snapshot:
        """The tree as it is now. *who* did the steps, as owner and group: what is 0:0 in a scenario is theirs."""
        found = list(_walk(b"", self.root))
        by_node: dict[int, list[bytes]] = {}
        for path, node in found:
            by_node.setdefault(id(node), []).append(path)
        made = (_entry(path, node, by_node[id(node)]) for path, node in found)
        return Snapshot.of(
            msgspec.structs.replace(one, uid=who[0], gid=who[1]) if (one.uid, one.gid) == (0, 0) else one
            for one in made
        )

    def names(self, path: str) -> list[bytes] | None:
        """What readdir gives; None where there is no directory."""
        node = self._find(_parts(path))
        return sorted(node.names) if node is not None and node.kind is Kind.DIR else None

    def has(self, path: str) -> bool:
        return self._find(_parts(path)) is not None

    def effect(self, step: Step) -> Effect | None:
        """What the step would do; None when it would fail."""
        if isinstance(step, (Remount, *OBSERVING)):
            return lambda: None
        return self._made(step) if isinstance(step, Mkdir | Mkfifo | Mknod | Symlink) else self._other(step)

    def _made(self, step: Mkdir | Mkfifo | Mknod | Symlink) -> Effect | None:
        parent, name, there = self._place(step.path)
        if parent is None or there is not None:
            return None
        if isinstance(step, Mkdir):
            node = Node(Kind.DIR, int(step.mode, 8) if step.mode else 0o755)
        elif isinstance(step, Symlink):
            node = Node(Kind.LINK, 0o777, target=unescape(step.target))
        elif isinstance(step, Mknod):
            node = Node(Kind.CHAR, 0o644, device=step.device)
        else:
            node = Node(Kind.FIFO, 0o644)
        return lambda: parent.names.__setitem__(name, node)

    def _other(self, step: Step) -> Effect | None:
        if isinstance(step, Write | Touch):
            return self._write(step)
        if isinstance(step, Rename | Move | Copy | Link):
            return self._two(step)
        assert not isinstance(step, Remount)
        parent, name, there = self._place(step.path)
        if isinstance(step, Truncate) and there is None:
            if parent is None:
                raise Unmodelled  # by why there is none
            return lambda: None  # truncate -c does not mind
        if parent is None or there is None:
            return None
        if isinstance(step, Rmdir | Unlink | Remove):
            folder = there.kind is Kind.DIR
            if (isinstance(step, Rmdir) and (not folder or there.names)) or (isinstance(step, Unlink) and folder):
                return None
            return lambda: parent.names.__delitem__(name)
        return _changed(step, there)

    def _write(self, step: Write | Touch) -> Effect | None:
        parent, name, there = self._place(step.path)
        if parent is None:
            return None
        if isinstance(step, Touch) and there is not None and there.kind is not Kind.LINK:
            return lambda: None
        if there is not None and there.kind is Kind.DIR:
            return None
        if there is not None and there.kind is not Kind.FILE:
            raise Unmodelled
        text = unescape(step.text) if isinstance(step, Write) else b""
        before = there.text if there is not None and isinstance(step, Write) and step.append else b""
        if before is None:
            raise Unmodelled

        def write() -> None:
            node = parent.names.setdefault(name, Node(Kind.FILE, 0o644))
            node.write(before + text)

        return write

    def _two(self, step: Rename | Move | Copy | Link) -> Effect | None:
        parent, name, there = self._place(step.path)
        onto, other, replaced = self._place(step.to)
        if parent is None or there is None or onto is None:
            return None
        if isinstance(step, Link):
            if replaced is not None or there.kind is Kind.DIR:
                return None
            return lambda: onto.names.__setitem__(other, there)
        inside = any(node is onto for _, node in _walk(b"", there))
        if isinstance(step, Copy):
            if inside or replaced is not None:
                raise Unmodelled
            made = there.copy({})
            return lambda: onto.names.__setitem__(other, made)
        into = isinstance(step, Move) and replaced is not None and replaced.kind in {Kind.DIR, Kind.LINK}
        if into or inside or replaced is there:
            raise Unmodelled  # mv as users type it goes into a directory, through a link too
        if replaced is not None:
            folders = (there.kind is Kind.DIR, replaced.kind is Kind.DIR)
            if folders[0] is not folders[1] or replaced.names:
                return None

        def move() -> None:
            del parent.names[name]
            onto.names[other] = there

        return move

    def _find(self, parts: list[bytes]) -> Node | None:
        node: Node | None = self.root
        for part in parts:
            if node is None or node.kind is Kind.LINK:
                raise Unmodelled
            if node.kind is not Kind.DIR:
                return None
            node = node.names.get(part)
            if node is None:
                return None
        return node

    def _place(self, path: str) -> tuple[Node | None, bytes, Node | None]:
        """The directory that holds a path, its name there, and what stands there; no directory: nothing can."""
        parts = _parts(path)
        if not parts:
            raise Unmodelled
        parent = self._find(parts[:-1])
        if parent is not None and parent.kind is Kind.LINK:
            raise Unmodelled
        if parent is None or parent.kind is not Kind.DIR:
            return None, parts[-1], None
        return parent, parts[-1], parent.names.get(parts[-1])


def _changed(step: Step, node: Node) -> Effect:
    """A change of what a node is like."""
    if node.kind is Kind.LINK and not isinstance(step, Chown):
        raise Unmodelled
    if isinstance(step, Chmod):
        mode = int(step.mode, 8)
        return lambda: setattr(node, "mode", mode)
    if isinstance(step, Chown):
        owner = step.owner
        return lambda: setattr(node, "owner", owner)
    if isinstance(step, Setxattr):
        name, value = step.name.encode(), unescape(step.value)
        return lambda: node.xattrs.__setitem__(name, value)
    if isinstance(step, Removexattr) and step.name.encode() in node.xattrs:
        gone = step.name.encode()
        return lambda: node.xattrs.__delitem__(gone)
    if isinstance(step, Truncate) and node.kind is Kind.FILE and node.text is not None:
        text = node.text[: step.size].ljust(step.size, b"\0") if step.size <= SHORT else None
        if text is not None:
            return lambda: node.write(text)
    raise Unmodelled


def _parts(path: str) -> list[bytes]:
    return [part for part in unescape(path).split(b"/") if part not in {b"", b"."}]


def _walk(path: bytes, node: Node) -> Iterator[tuple[bytes, Node]]:
    left = [(path, node)]
    while left:
        at, one = left.pop()
        yield at, one
        left += [(at + b"/" + name if at else name, below) for name, below in one.names.items()]


def _node(entry: Entry) -> Node:
    if entry.kind is Kind.UNKNOWN:
        raise Unmodelled
    return Node(
        entry.kind, entry.mode, (entry.uid, entry.gid), entry.text, entry.digest, entry.size, entry.device, entry.target,
        dict(entry.xattrs),
    )  # fmt: skip


def _entry(path: bytes, node: Node, group: list[bytes]) -> Entry:
    file = node.kind is Kind.FILE
    short = file and node.text is not None and len(node.text) <= SHORT
    return Entry(
        path, node.kind, node.mode, *node.owner, node.size if file else 0, node.device, node.digest if file else "",
        node.text if short else None, node.target, min(group) if len(group) > 1 else None, node.xattrs, len(group),
    )  # fmt: skip
