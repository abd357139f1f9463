"""Names of an archive's members as ways in a tree. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from harness.whiteouts.encodings import WH


def parts_of(path: bytes) -> list[bytes]:
    """Its names; the root has none."""
    return path.split(b"/") if path else []


def in_folder(folder: bytes, name: bytes) -> bytes:
    """The path of a name in a folder."""
    return folder + b"/" + name if folder else name


def within(folder: bytes, parts: Iterable[bytes]) -> bytes:
    """Where parts lead from a folder; ``..`` of the root is the root."""
    at = folder
    for part in parts:
        if part == b"..":
            at = at.rpartition(b"/")[0]
        elif part not in {b"", b"."}:
            at = in_folder(at, part)
    return at


def is_marker(path: bytes) -> bool:
    """Whether a part of it begins with the prefix: then it is no name that a tree can have."""
    return any(part.startswith(WH) for part in path.split(b"/"))


def first_marker(path: bytes) -> tuple[bytes, bytes]:
    """The directory and the name of the first part with the prefix: what lies below it is no more than it is."""
    parts = path.split(b"/")
    first = next(i for i, part in enumerate(parts) if part.startswith(WH))
    return b"/".join(parts[:first]), parts[first]


def is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
