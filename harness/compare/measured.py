"""Readers as a truth table shows them: which encodings each honours, by what was seen and not by what is written of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from harness.compare.words import Column, who
from harness.layers.seen import Rules
from harness.readings import truth
from harness.readings.results import Came, Field, Readings, Source, TakerRecord
from harness.whiteouts.encodings import Encoding
from harness.whiteouts.readers import IMPORTER, Reader

_AT = {**dict.fromkeys(truth.GONE, "file"), **dict.fromkeys(truth.OPAQUE, "folder")}
_HOLDS = {Encoding.XATTR_TRUSTED: Encoding.HOLDS_TRUSTED, Encoding.XATTR_USER: Encoding.HOLDS_USER}
_BACK = "WL201"


def measured(readings: Readings | None, when: str) -> Rules | None:
    """The rules that a run's truth table shows; None where it measured none. *when*: as people say it.

    Readers of one program that honour the same are one. Of importers, who are given other layers, the documented rule is taken.
    """
    if readings is None:
        return None
    names = {one.key: one.name for one in readings.givens if one.source is Source.TRUTH}
    if not names:
        return None
    fields = {(names[one.given], one.taker): one for one in readings.fields if one.given in names}
    alike: dict[tuple[str, frozenset[Encoding], bool], list[TakerRecord]] = {}
    for taker in (one for one in readings.takers if one.role == "lower" and not one.tool.setup.startswith("stack")):
        honours = frozenset(_honoured(fields, taker))
        root = any(_hides(fields.get((f"{one} at root", taker.key))) for one in truth.OPAQUE)
        alike.setdefault((taker.tool.title, honours, root), []).append(taker)
    every = [Column.of(one.tool, one.profile) for members in alike.values() for one in members]
    found = [
        Reader(who((Column.of(one.tool, one.profile) for one in members), every)[0], honours, opaque_root=root)
        for (_, honours, root), members in alike.items()
    ]
    return Rules((*found, IMPORTER), f"as measured {when}; an importer by the specification")


def _honoured(fields: dict[tuple[str, str], Field], taker: TakerRecord) -> Iterable[Encoding]:
    for encoding, at in _AT.items():
        if _hides(fields.get((f"{encoding} at {at}", taker.key))):
            yield encoding
            if encoding in _HOLDS:
                yield _HOLDS[encoding]


def _hides(field: Field | None) -> bool:
    """Whether what is marked was not shown, whatever else was otherwise."""
    return (
        field is not None
        and field.came in {Came.SAME, Came.DIFFERS}
        and not any(one.code == _BACK for one in field.findings)
    )
