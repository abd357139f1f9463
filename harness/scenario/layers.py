"""A layer of a scenario as a snapshot: what the script will build, known before anything runs."""

from __future__ import annotations

import hashlib

from harness.names import unescape
from harness.profile import Profile
from harness.scenario.check import check_path
from harness.scenario.model import Node, Opaque, Tree, Whiteout, as_node
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.whiteouts.encodings import OPAQUE_NAME, WH


def native(profile: Profile) -> bytes:
    """The xattr namespace in which the kernel's overlay keeps its marks for a profile."""
    return b"trusted." if profile is Profile.ROOT else b"user."


def layer(tree: Tree, profile: Profile) -> Snapshot:
    """The entries that a tree says, with the directories above them."""
    entries: dict[bytes, Entry] = {b"": Entry(b"", Kind.DIR, 0o755)}
    links: dict[bytes, bytes] = {}
    for text, value in tree.items():
        node = as_node(value)
        path = check_path(text, "tree", root_is_fine=True)
        if node.link is not None:
            links[path] = check_path(node.link, "tree")
            continue
        folder = text.endswith("/") or path == b""
        for entry in _entries(path, node, folder=folder, profile=profile):
            entries[entry.path] = entry
    for path in list(entries) + list(links):
        parent = path.rpartition(b"/")[0]
        while parent and parent not in entries:
            entries[parent] = Entry(parent, Kind.DIR, 0o755)
            parent = parent.rpartition(b"/")[0]
    groups: dict[bytes, set[bytes]] = {}
    for path, first in _ends(links).items():
        groups.setdefault(first, {first}).add(path)
    for first, names in groups.items():
        origin, group = entries[first], sorted(names)
        for name in group:
            entries[name] = Entry(
                name, origin.kind, origin.mode, origin.uid, origin.gid, origin.size, origin.device, origin.digest,
                origin.text, origin.target, group[0], origin.xattrs, len(group),
            )  # fmt: skip
    return Snapshot.of(entries.values())


def _ends(links: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Where each chain of links ends; a long chain is walked once."""
    ends: dict[bytes, bytes] = {}
    for path in links:
        passed, at = [], path
        while at in links and at not in ends:
            passed.append(at)
            at = links[at]
        ends.update(dict.fromkeys(passed, ends.get(at, at)))
    return ends


def _entries(path: bytes, node: Node, *, folder: bool, profile: Profile) -> list[Entry]:
    mode = int(node.mode, 8) if node.mode else (0o755 if folder else 0o644)
    uid, gid = node.owner or (0, 0)
    xattrs = {name.encode(): unescape(value) for name, value in node.xattrs.items()}
    overlay = native(profile) + b"overlay."
    if node.whiteout is Whiteout.DEVICE:
        return [Entry(path, Kind.CHAR, 0, uid, gid, device=(0, 0), xattrs=xattrs)]
    if node.whiteout is Whiteout.FILE:
        parent, _, name = path.rpartition(b"/")
        return [_file((parent + b"/" if parent else b"") + WH + name, b"", mode, (uid, gid), {})]
    if node.whiteout is Whiteout.XATTR:
        return [_file(path, unescape(node.text or ""), mode, (uid, gid), {**xattrs, overlay + b"whiteout": b"y"})]
    if folder:
        marks = {
            Opaque.NATIVE: (overlay + b"opaque", b"y"),
            Opaque.HOLDS: (overlay + b"opaque", b"x"),
            Opaque.TRUSTED: (b"trusted.overlay.opaque", b"y"),
            Opaque.USER: (b"user.overlay.opaque", b"y"),
            Opaque.FUSE: (b"user.fuseoverlayfs.opaque", b"y"),
        }
        xattrs |= dict(marks[mark] for mark in node.opaque if mark in marks)
        out = [Entry(path, Kind.DIR, mode, uid, gid, xattrs=xattrs)]
        if Opaque.FILE in node.opaque:
            out.append(_file((path + b"/" if path else b"") + OPAQUE_NAME, b"", 0o644, (uid, gid), {}))
        return out
    if node.symlink is not None:
        target = unescape(node.symlink)
        return [Entry(path, Kind.LINK, 0o777, uid, gid, target=target, xattrs=xattrs)]
    if node.char or node.block:
        kind = Kind.CHAR if node.char else Kind.BLOCK
        return [Entry(path, kind, mode, uid, gid, device=node.char or node.block, xattrs=xattrs)]
    if node.fifo:
        return [Entry(path, Kind.FIFO, mode, uid, gid, xattrs=xattrs)]
    return [_file(path, unescape(node.text or ""), mode, (uid, gid), xattrs, literal=node.literal)]


def _file(
    path: bytes, text: bytes, mode: int, owner: tuple[int, int], xattrs: dict[bytes, bytes], *, literal: bool = False
) -> Entry:
    digest = hashlib.sha256(text).hexdigest()
    return Entry(
        path, Kind.FILE, mode, *owner, size=len(text), digest=digest, text=text, xattrs=xattrs, literal=literal
    )
