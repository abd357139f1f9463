"""What is taken out of files that leave this machine: who and where somebody is, and keys. Pure; each kind is counted, to be listed.

A value is taken out where it stands as a word of its own, so that ``ci`` is not cut out of ``device``. Text gets ``<host>`` and its like
in its place; a tar keeps its form: there as many ``x`` as the value had bytes, and its headers' checksums are made anew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Names that say nothing about anybody, and that stand in evidence for what they are.
COMMON = frozenset(
    [
        "root",
        "user",
        "users",
        "nobody",
        "daemon",
        "runner",
        "ubuntu",
        "debian",
        "admin",
        "test",
        "tests",
        "guest",
        "vagrant",
        "docker",
        "builder",
        "lab",
        "localhost",
        "localdomain",
        "host",
        "home",
        "linux",
        "work",
        "lower",
        "upper",
        "merged",
        "oracle",
    ]
)
LEAST = 3  # letters: what is shorter is in too many words to be taken out; it is listed as left
_BLOCK = 512  # bytes (POSIX, ustar)
# The fields of a header: name; numbers; link's name; magic; owner's and group's name; device; prefix; what is left.
_FIELDS = ((0, 100), (100, 157), (157, 257), (257, 265), (265, 297), (297, 329), (329, 345), (345, 500), (500, 512))

_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"  # of an address of IPv4
# What is a secret, or an address, by its form alone; the group "keep" stays.
_FORMS: tuple[tuple[str, str], ...] = (
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("public key", r"\bssh-(?:rsa|ed25519|dss) [A-Za-z0-9+/=]{40,}"),
    ("token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abpr]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16})\b"),
    ("token", r"(?P<keep>\b[Bb]earer +)[\w.~+/-]{16,}=*"),
    ("token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"),
    ("password", r"(?P<keep>(?i:\b\w*(?:passw(?:or)?d|secret|token|api_?key)\w*)\s*[=:]\s*[\"']?)[^\s\"',;&<>]{4,}"),
    ("password", r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)"),
    ("mail address", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b"),
    ("network address", r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"),
    ("network address", rf"(?<![\w.+~:-])(?!127\.|0\.0\.0\.0)(?:{_BYTE}\.){{3}}{_BYTE}(?![\w+~-]|\.\d)"),
    ("network address", r"(?<![\w:.])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])"),
    ("network address", r"(?<![\w:.])[0-9a-f]{4}:(?:[0-9a-f]{1,4}:){0,5}(?::[0-9a-f]{1,4}){1,6}(?![\w:])"),
)  # fmt: skip


@dataclass(frozen=True)
class Private:
    """What is taken out of everything. ``values``: kind by value, such as ``{"ada": "user", "/home/ada": "home"}``."""

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def left(self) -> tuple[str, ...]:
        """Values that are too short to be taken out, or are words of everybody's; those alone that are somebody's are told."""
        return tuple(sorted(value for value in self.values if value not in COMMON and len(value) < LEAST))

    @property
    def taken(self) -> list[tuple[str, str]]:
        """Kinds and values, the longest first, so that a home is taken out before the name in it."""
        mine = [(kind, value) for value, kind in self.values.items() if value not in COMMON and len(value) >= LEAST]
        return sorted(mine, key=lambda one: (-len(one[1]), one[1]))


class Redactor:
    """Takes out, and counts what it took, by kind."""

    def __init__(self, private: Private) -> None:
        self.private = private
        self.counts: Counter[str] = Counter()
        forms = [(kind, re.compile(form.encode(), re.DOTALL | re.ASCII)) for kind, form in _FORMS]
        words = [(kind, re.compile(_word(value.encode("utf-8", "surrogateescape")))) for kind, value in private.taken]
        self._patterns = [*forms, *words]

    def text(self, content: bytes) -> bytes:
        """A text without them; a kind stands where a value was."""
        return self._each(content, lambda kind, _: b"<" + kind.encode() + b">")

    def same_length(self, content: bytes) -> bytes:
        """The same for what must keep its length."""
        return self._each(content, lambda _, value: b"x" * len(value))

    def tar(self, content: bytes) -> bytes:
        """An uncompressed tar of the same form; what is none is as it was, but for what ``same_length`` takes out."""
        out = bytearray(content)
        at = 0
        while at + _BLOCK <= len(out):
            header = bytes(out[at : at + _BLOCK])
            size = _size(header)
            if size is None:
                out[at:] = self.same_length(bytes(out[at:]))
                break
            clean = b"".join(map(self.same_length, (header[first:last] for first, last in _FIELDS)))
            if clean != header:
                out[at : at + _BLOCK] = _summed(clean)
            end = min(at + _BLOCK + size, len(out))
            out[at + _BLOCK : end] = self.same_length(bytes(out[at + _BLOCK : end]))
            at += _BLOCK + (size + _BLOCK - 1) // _BLOCK * _BLOCK
        return bytes(out)

    def _each(self, content: bytes, instead: Callable[[str, bytes], bytes]) -> bytes:
        for kind, pattern in self._patterns:

            def put(found: re.Match[bytes], kind: str = kind) -> bytes:
                kept = found.groupdict().get("keep") or b""
                self.counts[kind] += 1
                return kept + instead(kind, found[0][len(kept) :])

            content = pattern.sub(put, content)
        return content


def _word(value: bytes) -> bytes:
    """A pattern for a value as a word of its own. A path may go on below it."""
    return (
        rb"(?<![\w.-])" + re.escape(value) + rb"(?![\w-]|\.\w)"
        if value[:1] != b"/"
        else re.escape(value) + rb"(?![\w.-])"
    )


def _size(header: bytes) -> int | None:
    """How many bytes follow a header of a tar; None for what is none. An end block says 0."""
    if not header.strip(b"\0"):
        return 0
    field = header[124:136].strip(b"\0 ")
    try:
        return int(field or b"0", 8) if header[257:262] == b"ustar" else None
    except ValueError:
        return None


def _summed(header: bytes) -> bytes:
    """A header with its checksum (POSIX, ustar): six octal digits, NUL, space."""
    blank = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


def listing(counts: Mapping[str, int], private: Private) -> list[str]:
    """What was taken out, in words: kinds and how often, never the values; and what could not be."""
    said = [f"{kind}: {number} times" if number > 1 else f"{kind}: once" for kind, number in sorted(counts.items())]
    short = sorted({private.values[value] for value in private.left})
    return [*said, *([f"left, since too short to be told from other words: {', '.join(short)}"] if short else [])]
