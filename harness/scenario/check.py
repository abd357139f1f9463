"""What a tree and its paths in a scenario file may say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import ScenarioError
from harness.names import unescape
from harness.scenario.convert import BAD
from harness.scenario.mistakes import Mistakes, named
from harness.scenario.model import Node, Opaque, Whiteout, as_node

MAX_NAME = 255  # bytes: NAME_MAX of every file system here
MAX_PATH = 4000  # bytes, with room for the folder in front: PATH_MAX is 4096
MAX_DEPTH = 200  # directories in one another


def check_path(text: str, where: str, *, root_is_fine: bool = False) -> bytes:
    """The bytes of a path that stays inside its tree.

    Raises ScenarioError for an absolute path, ``..``, ``.``, an empty or over-long name, and NUL.
    """
    try:
        path = unescape(text)
    except ValueError as error:
        raise ScenarioError(str(error), where=where, remedy=r"write a backslash as \\") from error
    stripped = path[:-1] if path.endswith(b"/") and len(path) > 1 else path
    if stripped == b"." and root_is_fine:
        return b""
    if b"\0" in path:
        raise ScenarioError("a path with a NUL byte", where=where, remedy="no file system can hold it")
    if path.startswith(b"/"):
        raise ScenarioError(f"absolute path {text!r}", where=where, remedy="paths are relative to the root of the tree")
    if len(path) > MAX_PATH:
        raise ScenarioError(f"a path of {len(path)} bytes", where=where, remedy=f"{MAX_PATH} bytes at most")
    parts = stripped.split(b"/")
    if len(parts) > MAX_DEPTH:
        raise ScenarioError(f"a path of {len(parts)} parts", where=where, remedy=f"{MAX_DEPTH} parts at most")
    for part in parts:
        if part in {b"", b".", b".."}:
            raise ScenarioError(
                f"path {text!r} has the part {part.decode()!r}",
                where=where,
                remedy="name the entry by its plain path inside the tree",
            )
        if len(part) > MAX_NAME:
            raise ScenarioError(
                f"a name of {len(part)} bytes in {text[:60]!r}…", where=where, remedy=f"{MAX_NAME} bytes at most"
            )
    return stripped


_TYPES = ("text", "symlink", "link", "char", "block", "fifo", "whiteout")


def check_tree(tree: Mapping[str, Any], key: str, mistakes: Mistakes) -> None:
    """Add a mistake for each entry that cannot be meant. A value may be ``BAD``: its mistake is there already, and so is its path."""
    kinds: dict[bytes, str] = {}
    links: dict[bytes, bytes] = {}
    for text, value in tree.items():
        where = f"{mistakes.where}: {named(key, text)}"
        with mistakes.taken():
            path = check_path(text, where, root_is_fine=True)
            if path in kinds:
                mistakes.add("the same path twice", named(key, text), "with and without '/' is one path")
            kinds[path] = "unknown"
            if value is not BAD:
                kinds[path] = _check_entry(text, as_node(value), where)
                if (link := as_node(value).link) is not None:
                    links[path] = check_path(link, f"{where}.link")
    for path in kinds:
        if above := _not_a_folder_above(path, kinds):
            mistakes.add(f"{_shown(path)} lies below a {above}", key, "only a directory holds entries")
    _check_links(links, kinds, key, mistakes)


def _check_links(links: Mapping[bytes, bytes], kinds: Mapping[bytes, str], key: str, mistakes: Mistakes) -> None:
    ends: dict[bytes, bytes] = {}
    for path in links:
        if ends.get(path) == b"":
            continue  # on a loop, which is a mistake already
        end = _end(path, links, ends)
        if not end:
            mistakes.add(f"a loop of links at {_shown(path)}", key, "one of the names must be a file")
        elif kinds.get(end, "nothing") in {"nothing", "dir"}:
            what = f"the link {_shown(path)} leads to {kinds.get(end, 'nothing')}"
            mistakes.add(what, key, "link to a file of the same layer")


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "replace"))


def _not_a_folder_above(path: bytes, kinds: Mapping[bytes, str]) -> str:
    """What stands in the way of a path, where that is no directory."""
    parent = path.rpartition(b"/")[0]
    while parent:
        if kinds.get(parent, "dir") not in {"dir", "unknown"}:
            return kinds[parent]
        parent = parent.rpartition(b"/")[0]
    return ""


def _end(path: bytes, links: Mapping[bytes, bytes], ends: dict[bytes, bytes]) -> bytes:
    """Where a chain of links ends, empty where it is a loop. *ends*: what is known already, so that a long chain is walked once."""
    passed: dict[bytes, None] = {}
    while path in links and path not in ends and path not in passed:
        passed[path] = None
        path = links[path]
    end = b"" if path in passed else ends.get(path, path)
    ends.update(dict.fromkeys(passed, end))
    return end


def _check_entry(text: str, node: Node, where: str) -> str:
    """The kind of an entry. Raises ScenarioError for one that cannot be meant."""
    kind = _kind(text, node, where)
    for words in (node.text, node.symlink, *node.xattrs.values()):
        if words is not None:
            check_text(words, where)
    for name, numbers in (("char", node.char), ("block", node.block), ("owner", node.owner)):
        if numbers is not None and not all(0 <= number < 1 << 32 for number in numbers):
            raise ScenarioError(f"{list(numbers)} is no {name}", where=f"{where}.{name}", remedy="from 0 to 2^32 - 1")
    for name in node.xattrs:
        if "\0" in name or not 0 < len(name.encode()) <= MAX_NAME:
            raise ScenarioError(
                "the name of an xattr that none can have", where=f"{where}.xattrs", remedy=f"1 to {MAX_NAME} bytes"
            )
    return kind


def check_text(text: str, where: str) -> None:
    """Raise ScenarioError for a backslash that starts no escape."""
    try:
        unescape(text)
    except ValueError as error:
        raise ScenarioError(str(error), where=where, remedy=r"write a backslash as \\") from error


def path_name(text: str) -> str:
    """The last part of a path as a scenario writes it."""
    return text.rstrip("/").rpartition("/")[2]


def _kind(text: str, node: Node, where: str) -> str:
    types = [key for key in _TYPES if getattr(node, key) not in (None, False)]
    if node.whiteout is Whiteout.XATTR and node.text is not None:
        types.remove("text")  # a file with the xattr that is not empty is no whiteout: kernel commit dad02fad84cb
    folder = text.endswith("/") or text == "."
    if folder and types:
        raise ScenarioError(f"a directory with {types[0]!r}", where=where, remedy="leave the '/' away, or the key")
    if len(types) > 1:
        raise ScenarioError(f"{types[0]!r} and {types[1]!r} together", where=where, remedy="an entry has one type")
    if node.literal and (types not in ([], ["text"]) or folder or not path_name(text).startswith(".wh.")):
        raise ScenarioError(
            "'literal' on what is no file whose name begins with .wh.",
            where=where,
            remedy="leave it away: every other name means itself",
        )
    if node.opaque and not folder:
        raise ScenarioError("'opaque' on what is no directory", where=where, remedy="end the key with '/'")
    if Opaque.HOLDS in node.opaque and len(node.opaque) > 1:
        raise ScenarioError("'holds' beside another mark", where=where, remedy="one xattr holds one value: x or y")
    if node.whiteout and (node.mode or node.owner or (node.xattrs and node.whiteout is not Whiteout.XATTR)):
        raise ScenarioError(
            "a whiteout with mode, owner or xattrs", where=where, remedy="build it by hand: char = [0, 0]"
        )
    return "dir" if folder else (types[0] if types else "text")
