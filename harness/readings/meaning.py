"""What layers mean by the OCI image specification, and what they may mean where it leaves something open. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.readings.applied import Reading, Refused, Undecided, applied
from harness.readings.points import Point
from harness.scenario.archive import ArchiveLayer


@dataclass(frozen=True)
class Meaning:
    """All that layers may mean: the closest reading first. ``refusal``: why they may be refused, empty where they may not.

    No reading: they must be refused. ``points``: what was open.
    """

    readings: tuple[Reading, ...]
    refusal: str = ""
    points: tuple[Point, ...] = ()


def meaning(layers: Sequence[ArchiveLayer]) -> Meaning:
    """What layers mean, the lowest first. A reader answers a point alike wherever it meets it, so each point is tried once for all."""
    readings: list[Reading] = []
    refusals: list[str] = []
    points: dict[Point, None] = {}
    todo: list[Mapping[Point, str]] = [{}]
    while todo:
        decided = todo.pop(0)
        try:
            reading = applied(layers, decided)
        except Undecided as met:
            points[met.point] = None
            todo += [{**decided, met.point: answer} for answer in met.point.answers]
        except Refused as why:
            refusals.append(str(why))
        else:
            if not any(_same(reading, other) for other in readings):
                readings.append(reading)
    return Meaning(tuple(readings), refusals[0] if refusals else "", tuple(points))


def _same(one: Reading, other: Reading) -> bool:
    return dict(one.tree.entries) == dict(other.tree.entries) and one.unsaid == other.unsaid
