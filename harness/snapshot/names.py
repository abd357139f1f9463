r"""The names that ``readdir`` gave, from the output of ``LC_ALL=C ls -abUR1 FOLDER``.

``-b`` writes every byte that is not graphic as ``\NNN`` or a C escape and a space as ``\ ``, so lines are names and nothing else.
"""

from __future__ import annotations

import re

_C = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


def unescape_c(text: bytes) -> bytes:
    """A name from its C-escaped form."""

    def one(match: re.Match[bytes]) -> bytes:
        body = match.group(1)
        return bytes([int(body, 8)]) if len(body) == 3 else _C.get(body, body)

    return _ESCAPE.sub(one, text)


def parse_names(output: bytes, top: bytes = b"") -> list[bytes]:
    """Every path that was listed, relative to the listed folder, ``.`` and ``..`` left out. A name may stand twice.

    *top*: the folder, where the output lists more than one; else the first.
    """
    found: list[bytes] = []
    prefix, fresh, inside = b"", True, False
    for line in output.split(b"\n"):
        if fresh and line.endswith(b":"):
            folder = unescape_c(line[:-1])
            top = top or folder
            inside = folder == top or folder.startswith(top + b"/")
            prefix = folder[len(top) :].lstrip(b"/")
            fresh = False
        elif not line:
            fresh = True
        elif inside and line not in {b".", b".."}:
            name = unescape_c(line)
            found.append(prefix + b"/" + name if prefix else name)
    return found
