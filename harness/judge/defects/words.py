"""Defects in words: their ranges of versions, their signs, whether a version has one, since when, and where it is mended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.judge.codes import CODES
from harness.judge.defects.model import Defect, Sign
from harness.worlds.ranges import in_ranges, parse_range

_BOUNDS = {">=": "from {} on", ">": "after {}", "<": "before {}", "<=": "up to {}", "==": "{}"}


def bounds(one: str) -> tuple[tuple[str, str], ...]:
    """The bounds of a range: ``((">=", "0.7.5"), ("<", "2"))``; none of ``any``."""
    parsed = parse_range(one)
    return parsed.bounds if parsed is not None else ()


def ranges_text(ranges: Iterable[str]) -> str:
    """``from 0.7.5 on, before 2``; ``every version``."""
    parts = [
        ", ".join(_BOUNDS[sign].format(number) for sign, number in bounds(one)) or "every version" for one in ranges
    ]
    return "; ".join(parts)


def since(defect: Defect, version: str) -> str:
    """Since when a version that a defect covers has it: ``since 0.7.5``."""
    for one in defect.versions:
        if in_ranges((one,), version):
            for sign, number in bounds(one):
                if sign in {">=", ">"}:
                    return f"since {number}" if sign == ">=" else f"after {number}"
            return "in this version" if "==" in one else "from the first version on"
    return ""


def mended(defect: Defect, version: str) -> str:
    """Whether what a version has is gone in a later one, and in which: ``fixed in 1.15``."""
    for one in defect.versions:
        if in_ranges((one,), version):
            for sign, number in bounds(one):
                if sign == "<":
                    return f"fixed in {number}"
                if sign in {"<=", "=="}:
                    return f"fixed after {number}"
    return "by design" if defect.kind == "limit" else "not fixed"


def sign_text(sign: Sign) -> str:
    """One sign: ``WL301 duplicate-in-layer, in singularity-ce+oci, as root, at paths *.wh..wh..opq``."""
    return ", ".join(_sign(sign))


def _sign(sign: Sign) -> Iterator[str]:
    yield " or ".join(f"{code} {CODES[code].name}" if code in CODES else code for code in sign.codes)
    if sign.tools:
        yield f"in {' or '.join(sign.tools)}"
    if sign.versions:
        yield ranges_text(sign.versions)
    if sign.profiles:
        yield f"as {' or '.join(sign.profiles)}"
    if sign.places:
        yield f"at {' or '.join(sign.places)}"
    if sign.paths:
        yield f"at paths such as {' or '.join(sign.paths)}"
    if sign.facts:
        yield "where " + " and ".join(f"{name} is {_value(value)}" for name, value in sign.facts.items())
    if sign.scenarios:
        yield f"in the scenario{'s' * (len(sign.scenarios) > 1)} {', '.join(sign.scenarios)}"
    if sign.sometimes:
        yield "in some runs and not in others"


def _value(value: str | int | bool) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def where_told(defect: Defect) -> str:
    """Where one can read about it, or that nobody had reported it."""
    return defect.link or f"seen by this project on {defect.seen}, not reported when written"
