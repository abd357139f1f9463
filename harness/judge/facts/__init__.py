"""The facts of findings: typed, one type for each code. Sentences, keys and the signs of defects are made of them. Pure.

A finding's ``message`` is made of its facts by the row of its rule (``harness.judge.rules``); nothing takes a sentence apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import get_args
from urllib.parse import quote

from harness.judge.facts.base import Differing, FactsBase, Flat
from harness.judge.facts.fault import HalfDone, NotAgain, Unsaid
from harness.judge.facts.layer import (
    AgainstTheSpec,
    Duplicate,
    LinkToMarker,
    MarkLost,
    Misread,
    NotTheSpec,
    PackedOtherwise,
    ReachedOutside,
    Refused,
    WhenConverted,
)
from harness.judge.facts.upper import (
    MarkerOfAMarker,
    MixedEncodings,
    NameAndWhiteout,
    NeedlessOpaque,
    NeedlessWhiteout,
    UnportableXattr,
    UnreadableMark,
    WhiteoutInOpaque,
)
from harness.judge.facts.view import (
    Changed,
    Died,
    Lost,
    MarkerVisible,
    MountRefused,
    Phantom,
    Resurrected,
    StepResult,
    Unstable,
)
from harness.names import escape
from harness.places import UPPER
from harness.whiteouts.markers import Marker

Facts = (
    MarkerOfAMarker | WhiteoutInOpaque | NeedlessWhiteout | NameAndWhiteout | MixedEncodings | NeedlessOpaque
    | UnportableXattr | UnreadableMark
    | Resurrected | Lost | Phantom | MarkerVisible | Changed | Unstable | StepResult | Died | MountRefused
    | Duplicate | MarkLost | LinkToMarker | Refused | Misread | NotTheSpec | WhenConverted
    | PackedOtherwise | AgainstTheSpec | ReachedOutside
    | HalfDone | Unsaid | NotAgain
)  # fmt: skip

BY_CODE: Mapping[str, type[FactsBase]] = {kind.code: kind for kind in get_args(Facts)}
# For each code the names of its facts, as a sign of a defect may name them, each with one line that says what it is.
FACT_NAMES: Mapping[str, Mapping[str, str]] = {code: kind.names() for code, kind in BY_CODE.items()}


def as_table(facts: Facts) -> dict[str, Flat]:
    """The flat facts of a finding by name: text, numbers, yes or no, lists of text. What there is none of is left out."""
    return facts.flat()


def key_of(code: str, place: str, path: str, facts: Facts | None) -> str:
    """What says that it is the same finding as last night: ``WL207 steps a/d action=rmdir error=ENOTEMPTY index=1 …``.

    Words with one space between them: the code, the place, the path, and the facts that last, as NAME=VALUE, by name. In each word every
    byte but ASCII letters, digits and ``_.-~/:`` is ``%XX``; the elements of a list have a comma between them. Facts that are not there
    (an old ``results.json`` has none) are left out.
    """
    lasting = facts.lasting() if facts is not None else {}
    return " ".join([code, place, _word(path), *(f"{name}={_value(lasting[name])}" for name in sorted(lasting))])


def mark_line(marker: Marker) -> str:
    """A mark in an upper, in the form of a key: ``mark upper a/new/.wh..opq encoding=device``."""
    return f"mark {UPPER} {_word(escape(marker.at) or '/')} encoding={marker.encoding}"


def _value(value: Flat) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(_word(one) for one in value) if isinstance(value, list) else _word(str(value))


@lru_cache(maxsize=8192)  # the findings of a run say the same words again and again
def _word(text: str) -> str:
    return quote(text, safe="/:", errors="backslashreplace")


__all__ = ["BY_CODE", "FACT_NAMES", "Differing", "Facts", "Flat", "as_table", "key_of", "mark_line"]
