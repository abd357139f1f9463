r"""The names that ``readdir`` gave, as GNU tar tells them while it packs a tree (``tar -cv --quoting-style=escape``).

What it packs it names on its output; what it was given by ``readdir`` and could not look at or open it names among its errors. Both
are written with C escapes (``\n``, ``\377``), so a line is a name and nothing else.
"""

from __future__ import annotations

import re

_C = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
# "File removed before we read it" is tar's word for ENOENT at the lstat(2) of a name that it was just given.
_REFUSED = re.compile(
    rb"^[^\n:]*tar: (\./[^\n]*): (?:Warning: )?(?:Cannot (?:stat|open|read|readlink)|File removed before we read it)",
    re.MULTILINE,
)


def unescape_c(text: bytes) -> bytes:
    """A name from its C-escaped form."""

    def one(match: re.Match[bytes]) -> bytes:
        body = match.group(1)
        return bytes([int(body, 8)]) if len(body) == 3 else _C.get(body, body)

    return _ESCAPE.sub(one, text)


def packed_names(output: bytes) -> list[bytes]:
    """The paths that tar packed, the root left out. A name that is given twice stands twice."""
    return [path for line in output.split(b"\n") if (path := _clean(line))]


def refused_names(errors: bytes) -> list[bytes]:
    """The paths that tar was given and could not look at, or not open."""
    return [path for line in _REFUSED.findall(errors) if (path := _clean(line))]


def _clean(line: bytes) -> bytes:
    """``./a/`` is ``a``; the root, ``./``, is nothing."""
    return b"" if line in {b".", b"./"} else unescape_c(line).removeprefix(b"./").rstrip(b"/")
