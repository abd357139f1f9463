"""The places on an image's journey, as tables of the report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.compare.classes import Seen
from harness.compare.journey import Stop, journeys
from harness.compare.words import Column
from harness.evidence.recording import Recording
from harness.places import Place
from harness.report import markup
from harness.report.manifests import manifest_table
from harness.report.tables import Table, TableRow, flags_of
from harness.scenario.model import Handover


@dataclass(frozen=True)
class JourneyTable:
    """One journey: whose it is, its places with the form of every mark under each, and what came of it."""

    tools: str
    table: Table
    answer: str
    conclusion: tuple[str, ...]
    manifests: Table | None = None  # what the image says of its layers


def journey_tables(
    seen: Sequence[Seen], columns: Sequence[Column], recordings: Mapping[str, Recording]
) -> tuple[JourneyTable, ...]:
    """The journeys of a scenario's cells; none where no tool makes images. *recordings*: by the cell's id."""
    made = []
    for journey in journeys(seen, columns):
        recording = recordings[journey.first.id]
        flags = {place: flags_of(journey.first, (place.name,)) for place in journey.heads}
        rows = tuple(
            TableRow(
                path,
                path,
                0,
                tuple(
                    _field(stop, flags[place].get(path, ())) for place, stop in zip(journey.heads, stops, strict=True)
                ),
            )
            for path, stops in journey.rows
        )
        heads = tuple(
            (f"{number}. {place.head}", _below(place, journey.first, recording.scenario.handover))
            for number, place in enumerate(journey.heads, 1)
        )
        made.append(
            JourneyTable(
                journey.tools,
                Table(heads, rows),
                journey.answer,
                journey.conclusion,
                manifest_table(recording.manifests),
            )
        )
    return tuple(made)


def taken_by(handover: Handover) -> str:
    """Who goes on with the image: ``as root``, ``in OCI mode``."""
    modes = {"oci": "OCI", "native": "native"}
    parts = [
        f"as {handover.profile}" if handover.profile else "",
        f"in {modes[handover.mode]} mode" if handover.mode else "",
    ]
    return ", ".join(one for one in parts if one)


def _below(place: Place, seen: Seen, handover: Handover | None) -> str:
    """What stands under the head of a place: what is looked at, whose turn it is, and which overlay merged it."""
    backend = seen.backends.get(place.name, "")
    parts = [place.note, taken_by(handover) if handover is not None and place.later else ""]
    return ", ".join(one for one in (*parts, f"by {backend}" if backend else "") if one)


def _field(stop: Stop, flags: tuple[tuple[str, bool], ...]) -> Markup:
    shown = markup.look(stop.look, flags)
    if any(code == "WL301" for code, _ in flags):
        shown = markup.fill('{} <span class="d">more than once</span>', shown)
    if not stop.word:
        return shown
    return markup.fill('{} <span class="stop s-{}">{}</span>', shown, stop.word.partition(" ")[0], stop.word)
