"""What strace(1) wrote, read back: system calls in the order in which they ended. Pure.

The format is that of ``strace -f -y -o FILE``: a process number, a call whose descriptors carry their paths (``5</mnt/upper>``), ``=`` and
what came of it; a call that others came between stands in two lines, ``<unfinished ...>`` and ``<... NAME resumed>``. Strings are as in C,
with octal escapes; a cut one ends with ``"...``. No library was found that reads it and keeps strings with quotes and brackets whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

_LINE = re.compile(r"(\d+) +(?:<\.\.\. \w+ resumed>(.*)|(\w+)\((.*))\Z", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
# What may hold a comma, a bracket or a quote that divides nothing: a string, and the path of a descriptor.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"(?:\.\.\.)?|<[^>]*>|[\[\]{}(),]', re.DOTALL)
_NESTS = re.compile(r"[\[\]{}()]")
_ARGUMENT = re.compile(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^,])+', re.DOTALL)
_END = re.compile(r"\) *= ")
_DESCRIPTOR = re.compile(r"(?:(\d+)|AT_FDCWD)<([^>]*)>\Z")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}
_ERRNO = re.compile(r"-1 (E[A-Z0-9]+)")


@dataclass(frozen=True)
class Call:
    """One system call. ``at``: its place in the order of all. ``text``: its arguments as they stand; ``result``: what came of it."""

    at: int
    process: int
    name: str
    text: str
    result: str

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """The arguments, each as it stands."""
        return tuple(one.strip() for one in _split(self.text))

    @property
    def errno(self) -> str:
        """``ENOENT``; empty where it succeeded, and where it never came back."""
        found = _ERRNO.match(self.result)
        return found[1] if found else ""

    @property
    def ok(self) -> bool:
        """Whether it came back without an error."""
        return not self.result.startswith(("-1", "?"))


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace, as they ended. A line that says none, or is cut, says nothing; a call without an end has the result ``?``."""
    begun: dict[int, tuple[str, str]] = {}
    number = 0
    for line in lines:
        found = _LINE.match(line.rstrip("\n"))
        if found is None:
            continue
        process = int(found[1])
        if found[3] is not None:
            if found[4].endswith(_UNFINISHED):
                begun[process] = found[3], found[4][: -len(_UNFINISHED)]
                continue
            name, rest = found[3], found[4]
        elif process in begun:
            name, first = begun.pop(process)
            rest = first + found[2]
        else:
            continue  # its beginning was cut
        ended = _ended(rest)
        if ended is not None:
            yield Call(number, process, name, *ended)
            number += 1
    for process, (name, text) in begun.items():
        yield Call(number, process, name, text, "?")
        number += 1


def _ended(rest: str) -> tuple[str, str] | None:
    """Arguments and result; None where the line is cut."""
    ends = _END.findall(rest)
    if len(ends) == 1:  # nearly always
        text, _, result = rest.partition(ends[0])
        return text, result.strip()
    depth = 0
    for token in _TOKEN.finditer(rest):
        one = token[0]
        if one in "([{":
            depth += 1
        elif one in ")]}":
            if not depth:
                equals = rest.find("=", token.end())
                return None if equals < 0 else (rest[: token.start()], rest[equals + 1 :].strip())
            depth -= 1
    return None


def _split(text: str) -> Iterable[str]:
    """Arguments, at the commas between them."""
    nested = _NESTS.search(text) or ",," in text or text[:1] == "," or text[-1:] == "," or text.isspace()
    return _split_nested(text) if nested else _ARGUMENT.findall(text)  # half of them hold no brackets: at once


def _split_nested(text: str) -> Iterator[str]:
    depth = start = 0
    for token in _TOKEN.finditer(text):
        one = token[0]
        if one == "," and not depth:
            yield text[start : token.start()]
            start = token.end()
        depth += (one in "([{") - (one in ")]}")
    if text[start:].strip() or start:
        yield text[start:]


def unquoted(argument: str) -> bytes | None:
    """The bytes of a string argument, as far as it was written; None for what is no string (``NULL``, an address)."""
    if not argument.startswith('"'):
        return None
    inner = argument[1 : argument.rindex('"')].encode("latin-1")
    return _ESCAPE.sub(_unescaped, inner)


def _octal() -> Iterator[tuple[bytes, bytes]]:
    for number in range(256):
        for form in ("%o", "%02o", "%03o"):
            yield (form % number).encode(), bytes([number])


_BYTES = dict(_octal())  # nearly all: the headers of requests are told so


def _unescaped(found: re.Match[bytes]) -> bytes:
    one = found[1]
    known = _BYTES.get(one)
    if known is not None:
        return known
    if one[:1] in b"01234567":  # strace writes no \8, but what is cut or no trace of its may have one
        return bytes([int(one, 8) & 0xFF])
    if one[:1] == b"x" and len(one) == 3:
        return bytes([int(one[1:], 16)])
    return _LETTERS.get(one, one)


def descriptor(argument: str) -> tuple[int | None, bytes] | None:
    """The number (None for ``AT_FDCWD``) and the path of a descriptor, ``5</mnt/upper>``; None for what is none."""
    found = _DESCRIPTOR.match(argument)
    if found is None:
        return None
    return int(found[1]) if found[1] else None, _ESCAPE.sub(_unescaped, found[2].encode("latin-1"))


def strings_in(text: str) -> list[bytes]:
    """All strings of an argument, in their order: the words of ``execve``, the parts of an ``iovec``."""
    return [
        unquoted(token[0].removesuffix("...")) or b"" for token in _TOKEN.finditer(text) if token[0].startswith('"')
    ]
