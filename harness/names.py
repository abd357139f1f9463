r"""Names from a file tree: bytes, and hostile everywhere.

In memory a name is ``bytes``. Wherever it leaves the program (JSON, HTML, terminal, scenario files)
it stands in one text form, *escaped*: valid UTF-8 that is printable stands for itself, a backslash is ``\\``,
a newline ``\n``, a tab ``\t``, a carriage return ``\r``, and every other byte ``\xNN``. The form is reversible and holds
no control character, no escape sequence, and no character that turns the direction of writing.
"""

from __future__ import annotations

import re

_SHORT = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.|$)", re.DOTALL)
_PLAIN = re.compile(rb"[ !-\[\]-~]*")


def escape(name: bytes) -> str:
    r"""The text form of a name: ``b"caf\xe9"`` becomes ``caf\xe9``."""
    if _PLAIN.fullmatch(name):
        return name.decode("ascii")
    out: list[str] = []
    for character in name.decode("utf-8", "surrogateescape"):
        if character in _SHORT:
            out.append(_SHORT[character])
        elif character.isprintable():
            out.append(character)
        else:
            out.extend(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
    return "".join(out)


def unescape(text: str) -> bytes:
    """The name that a text form stands for; the inverse of :func:`escape`.

    Raises ValueError for a backslash that starts no known escape.
    """

    def one(match: re.Match[bytes]) -> bytes:
        body = match.group(1)
        if body[:1] == b"x" and len(body) == 3:
            return bytes([int(body[1:], 16)])
        known = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"\\": b"\\"}
        if body not in known:
            raise ValueError(f"unknown escape \\{body.decode('utf-8', 'replace')} in {text!r}")
        return known[body]

    return _ESCAPE.sub(one, text.encode("utf-8"))


def is_plain(name: bytes) -> bool:
    """Whether a name is shown as it is, without any escape."""
    return escape(name).encode("utf-8") == name


def printable(text: str) -> str:
    """Text for a terminal: line breaks stay, every other character that is not printable is escaped."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def one_line(text: str) -> str:
    """The same for what is one line, or a part of one: a line break is escaped too, so that no name starts a line of its own."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escape(c.encode("utf-8", "surrogateescape")) for c in text)


def indented(text: str) -> str:
    """The same for what may have several lines: those after the first stand further in than any line that we begin."""
    return printable(text).replace("\n", "\n    ")
