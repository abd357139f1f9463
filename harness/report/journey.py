"""The row of stations on an image's way, as tables of the report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.classes import Seen
from harness.compare.journey import AFTER, STATIONS, Stop, ways
from harness.compare.words import Column
from harness.evidence.recording import Recording
from harness.places import Station
from harness.report import markup
from harness.report.manifests import manifest_table
from harness.report.tables import Table, TableRow, flags_of
from harness.scenario.model import Handover


@dataclass(frozen=True)
class WayTable:
    """One way: whose it is, its stations with the form of every mark under each, and what came of it."""

    tools: str
    table: Table
    answer: str
    conclusion: tuple[str, ...]
    manifests: Table | None = None  # what the image says of its layers


_HEADS = {station: (head, below) for station, head, below in STATIONS}


def way_tables(
    seen: Sequence[Seen], columns: Sequence[Column], recordings: Mapping[str, Recording]
) -> tuple[WayTable, ...]:
    """The ways of a scenario's cells; none where no tool makes images. *recordings*: by the cell's id."""
    made = []
    for way in ways(seen, columns):
        recording = recordings[way.first.id]
        flags = {station: flags_of(way.first, (station,)) for station in way.heads}
        rows = tuple(
            TableRow(
                path,
                path,
                0,
                tuple(
                    _field(stop, flags[station].get(path, ())) for station, stop in zip(way.heads, stops, strict=True)
                ),
            )
            for path, stops in way.rows
        )
        heads = tuple(
            (f"{number}. {_HEADS[station][0]}", _below(station, way.first, recording.scenario.handover))
            for number, station in enumerate(way.heads, 1)
        )
        made.append(
            WayTable(
                way.tools,
                Table(heads, rows),
                way.answer,
                way.conclusion,
                manifest_table(recording.manifests),
            )
        )
    return tuple(made)


def taken_by(handover: Handover) -> str:
    """Who goes on with the image: ``as root``, ``in OCI mode``."""
    modes = {"oci": "OCI", "native": "native"}
    said = [
        f"as {handover.profile}" if handover.profile else "",
        f"in {modes[handover.mode]} mode" if handover.mode else "",
    ]
    return ", ".join(one for one in said if one)


def _below(station: Station, seen: Seen, handover: Handover | None) -> str:
    """What stands under the head of a station: what is looked at, whose turn it is, and which engine merged it."""
    engine = seen.engines.get(station, "")
    said = [_HEADS[station][1], taken_by(handover) if handover is not None and station in AFTER else ""]
    return ", ".join(one for one in (*said, f"by {engine}" if engine else "") if one)


def _field(stop: Stop, flags: tuple[tuple[str, bool], ...]) -> Markup:
    shown = markup.look(stop.look, flags)
    if any(code == "WL301" for code, _ in flags):
        shown = markup.fill('{} <span class="d">more than once</span>', shown)
    if not stop.word:
        return shown
    return markup.fill('{} <span class="stop s-{}">{}</span>', shown, stop.word.partition(" ")[0], stop.word)
