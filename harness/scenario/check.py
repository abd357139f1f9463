"""What a tree and its paths in a scenario file may say. Pure."""

from __future__ import annotations

from harness.errors import ScenarioError
from harness.names import unescape
from harness.scenario.model import Node, Opaque, Tree, Whiteout, as_node

MAX_NAME = 255  # bytes: NAME_MAX of every file system here
MAX_PATH = 4000  # bytes, with room for the folder in front: PATH_MAX is 4096


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
    for part in stripped.split(b"/"):
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


def check_tree(tree: Tree, where: str) -> None:
    """Raises ScenarioError for the first entry that cannot be meant."""
    kinds: dict[bytes, str] = {}
    links: dict[bytes, bytes] = {}
    for text, value in tree.items():
        at = f'{where}."{text}"'
        path = check_path(text, at, root_is_fine=True)
        node = as_node(value)
        kind = _kind(text, node, at)
        if path in kinds:
            raise ScenarioError("the same path twice", where=at, remedy="with and without '/' is one path")
        kinds[path] = kind
        if node.link is not None:
            links[path] = check_path(node.link, f"{at}.link")
        for key in (node.text, node.symlink, *node.xattrs.values()):
            _check_text(key, at)
    for path, kind in kinds.items():
        parent = path.rpartition(b"/")[0]
        while parent:
            if kinds.get(parent, "dir") != "dir":
                raise ScenarioError(
                    f"{path.decode('utf-8', 'replace')!r} lies below a {kinds[parent]}",
                    where=where,
                    remedy="only a directory holds entries",
                )
            parent = parent.rpartition(b"/")[0]
        if kind == "link":
            _check_link(path, links, kinds, where)


def _check_link(path: bytes, links: dict[bytes, bytes], kinds: dict[bytes, str], where: str) -> None:
    at, seen = path, {path}
    while at in links:
        at = links[at]
        if at in seen:
            raise ScenarioError(
                f"a loop of links at {path.decode('utf-8', 'replace')!r}",
                where=where,
                remedy="one of the names must be a file",
            )
        seen.add(at)
    if kinds.get(at, "nothing") in {"nothing", "dir"}:
        raise ScenarioError(
            f"the link {path.decode('utf-8', 'replace')!r} leads to {kinds.get(at, 'nothing')}",
            where=where,
            remedy="link to a file of the same layer",
        )


def _check_text(text: str | None, where: str) -> None:
    if text is not None:
        try:
            unescape(text)
        except ValueError as error:
            raise ScenarioError(str(error), where=where, remedy=r"write a backslash as \\") from error


def path_name(text: str) -> str:
    """The last part of a path as a scenario writes it."""
    return text.rstrip("/").rpartition("/")[2]


def _kind(text: str, node: Node, where: str) -> str:
    said = [key for key in _TYPES if getattr(node, key) not in (None, False)]
    if node.whiteout is Whiteout.XATTR and node.text is not None:
        said.remove("text")  # a file with the xattr that is not empty is no whiteout: kernel commit dad02fad84cb
    folder = text.endswith("/") or text == "."
    if folder and said:
        raise ScenarioError(f"a directory with {said[0]!r}", where=where, remedy="leave the '/' away, or the key")
    if len(said) > 1:
        raise ScenarioError(f"{said[0]!r} and {said[1]!r} together", where=where, remedy="an entry has one type")
    if node.literal and (said not in ([], ["text"]) or folder or not path_name(text).startswith(".wh.")):
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
    return "dir" if folder else (said[0] if said else "text")
