"""Words for a POSIX shell. Any byte but NUL passes."""

from __future__ import annotations

import re

_SAFE = re.compile(rb"[A-Za-z0-9_@%+=:,./-]+")


def quote_bytes(word: bytes) -> bytes:
    """A word as the shell reads it back, byte by byte."""
    if _SAFE.fullmatch(word):
        return word
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def quote(word: str) -> str:
    """The same for text that stands in the script's own part."""
    return quote_bytes(word.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
