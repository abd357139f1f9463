"""Why a program on an image's way gave up, read from its last words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.judge.errnos import error_of
from harness.judge.facts.layer import Cause

_SAYING = {"duplicates of file paths": Cause.DUPLICATE_PATH, "loop device": Cause.LOOP_DEVICE}
_CHANGING = re.compile(r"[0-9a-f]{12,}|\d{6,}|time=\"[^\"]*\" ")
_COLOUR = re.compile(r"\\x1b\[[0-9;]*m")
_PATH_OR_WORD = re.compile(r"(?<!\w)/[^\s:;,'\"()]*|\w+(?:[-.:+]\w+)*")
_LONGEST = 200


def last_lines(text: str) -> list[str]:
    """The last two lines of a program's words: of those that say why it gave up, else of those that are no warnings."""
    lines = [line for one in text.splitlines() if (line := _COLOUR.sub("", one).strip())]
    said = [line for line in lines if line.startswith("FATAL")] or [
        line for line in lines if not line.startswith("WARNING")
    ]
    return (said or lines)[-2:]


def essence(lines: Sequence[str]) -> str:
    """Lines as one, without what differs from run to run."""
    return _CHANGING.sub("…", " ".join(lines))[-400:]


def cause_of(lines: Sequence[str]) -> str:
    """Why, as a word that is the same from night to night."""
    said = "\n".join(lines)
    return next((cause for words, cause in _SAYING.items() if words in said), None) or error_of(said) or Cause.OTHER


def lasting(line: str) -> str:
    """A line without paths, digests, numbers, times: what is a path or has a digit may be another one tomorrow."""
    plain = _CHANGING.sub("…", line)
    return _PATH_OR_WORD.sub(lambda one: "…" if set(one[0]) & set("/0123456789") else one[0], plain)[:_LONGEST]
