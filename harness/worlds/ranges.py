"""The words by which scenarios speak of tools: ``apptainer+ext3``, ``apptainer*``, ``fuse-overlayfs>=1.8,<2``. Pure.

A name without ``+`` speaks of the plain setup alone; ``*`` takes a ``+`` in.
"""

from __future__ import annotations

import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from harness.worlds.model import version_order
from harness.worlds.renamed import renamed_in

ANY = "any"  # a range: every version
_FITS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_BOUND = r"(==|<=|>=|<|>)([0-9][0-9A-Za-z.~-]{0,63})"
_PATTERN = re.compile(rf"([A-Za-z0-9*?_+-]{{1,64}})((?:{_BOUND}(?:,{_BOUND})*)?)")
_LOOSE = re.compile(r"([=<>!~]{1,3})?[vV]?([0-9][0-9A-Za-z.~-]{0,63})(?:\+\S*)?")  # a bound as people mistype it
_MEANT = {"=": "==", "===": "==", "=>": ">=", "=<": "<=", "<>": "", "!=": "", "~=": "", "": "=="}


@dataclass(frozen=True)
class Pattern:
    """A name, with ``*`` and ``?`` as in a shell, and bounds that all must hold."""

    name: str
    bounds: tuple[tuple[str, str], ...]  # ((">=", "1.8"), ("<", "2"))

    def fits(self, name: str, version: str) -> bool:
        """Whether it speaks of a name at a version; *version* is a number alone, without what tells two builds apart."""
        mine = version_order(version)
        return fnmatch.fnmatchcase(name, self.name) and all(
            _FITS[sign](mine, version_order(other)) for sign, other in self.bounds
        )


@cache
def parse_pattern(text: str) -> Pattern | None:
    """The pattern that a word is as a whole, or None where it is none."""
    found = _PATTERN.fullmatch(text)
    return Pattern(found[1], tuple(re.findall(_BOUND, found[2]))) if found else None


@lru_cache(maxsize=1 << 14)  # a few hundred patterns are asked of each cell
def matches_version(pattern: str, name: str, version: str) -> bool:
    """Whether ``fuse-overlayfs``, ``fuse-overlayfs>=1.8,<2`` or ``fuse-*`` speaks of a name and a version.

    A stack is spoken of by its own name alone, with the version of its main program. What is no pattern speaks of nothing: the loader
    refuses it, and a recording of an older version may still hold it.
    """
    parsed = parse_pattern(pattern)
    return parsed is not None and parsed.fits(name, version)


def parse_range(text: str) -> Pattern | None:
    """The bounds that a range says, of whatever name: ``>=0.7.5,<1.15``, ``==0.4``; ``any`` has none. None where it is no range."""
    if text == ANY:
        return Pattern("*", ())
    parsed = parse_pattern(f"x{text}") if text[:1] in {"<", ">", "="} else None
    return None if parsed is None else Pattern("*", parsed.bounds)


def in_ranges(ranges: Iterable[str], version: str) -> bool:
    """Whether a version, a number alone, lies in one of some ranges."""
    return any((parsed := parse_range(one)) is not None and parsed.fits("", version) for one in ranges)


def one_matches(patterns: Iterable[str], name: str, version: str) -> bool:
    """Whether one of several words speaks of a name and a version; none does where there are none."""
    return any(matches_version(pattern, name, version) for pattern in patterns)


def mistake_in(pattern: str, names: Collection[str]) -> tuple[str, str]:
    """What is wrong with a word that shall speak of tools, and its remedy; two empty strings where nothing is."""
    parsed = parse_pattern(pattern)
    if parsed is None:
        meant = _meant(pattern, names)
        return (
            f"{pattern[:80]!r} is neither a tool nor a range of its versions",
            (f"did you mean {meant!r}? " if meant else "")
            + "write NAME, or NAME and bounds with commas between: 'fuse-overlayfs>=1.8,<2', 'fuse-overlayfs==1.4'",
        )
    if any(fnmatch.fnmatchcase(name, parsed.name) for name in names):
        return "", ""
    if now := renamed_in(parsed.name):
        return f"{parsed.name!r} is now called {' and '.join(now)}", f"write {', '.join(map(repr, now))}"
    return f"there is no tool {parsed.name!r}", choices(parsed.name, names)


def choices(word: str, known: Collection[str]) -> str:
    """The remedy for a word that no table knows: what was perhaps meant, and what there is."""
    near = difflib.get_close_matches(word[:80], known, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}known: {', '.join(known)}"


def _meant(text: str, names: Collection[str]) -> str:
    """A pattern that was perhaps meant, or an empty string: the longest name that the word begins with, and its bounds set right."""
    text = text.strip()[:200]
    name = max((name for name in names if text.startswith(name)), key=len, default="")
    if not name:
        return ""
    bounds = []
    for piece in text[len(name) :].replace(" ", "").lstrip("@:-").split(","):
        if not piece:
            continue
        found = _LOOSE.fullmatch(piece)
        sign = found[1] or "" if found else ""
        sign = _MEANT.get(sign, sign)
        if not found or sign not in _FITS:
            return ""
        bounds.append(f"{sign}{found[2]}")
    guess = name + ",".join(bounds)
    return guess if parse_pattern(guess) else ""
