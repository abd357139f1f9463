"""What an image says of its own layers on its journey, as a table of the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from harness.compare.words import count
from harness.evidence.recording import LayerRecord, Manifest
from harness.report.markup import fill
from harness.report.tables import Table, TableRow

_SHORT = 19  # characters: "sha256:" and twelve digits
_FORMS = ("ext3", "squashfs", "tar")


def manifest_table(manifests: Sequence[Manifest]) -> Table | None:
    """A row for each layer, a column for each manifest; None when none was recorded."""
    if not manifests:
        return None
    heads = tuple((one.state, one.unread or count(len(one.layers), "layer")) for one in manifests)
    rows = []
    for number in range(max(len(one.layers) for one in manifests)):
        first: dict[str, str] = {}  # digest -> the state that has it first
        fields = []
        for one in manifests:
            layer = one.layers[number] if number < len(one.layers) else None
            fields.append(_field(layer, first.get(layer.digest, "") if layer else ""))
            if layer is not None:
                first.setdefault(layer.digest, one.state)
        rows.append(TableRow(str(number + 1), str(number + 1), 0, tuple(fields)))
    return Table(heads, tuple(rows), corner="Layer")


def _field(layer: LayerRecord | None, same_as: str) -> Markup:
    if layer is None:
        return Markup("–")
    form = next((form for form in _FORMS if form in layer.media_type), layer.media_type)
    shown = fill(
        '{} <span class="d">{}…</span> <span class="d">{}</span>', form, layer.digest[:_SHORT], _size(layer.size)
    )
    if layer.true is False:
        return shown + Markup(' <span class="stop s-lost">not its digest</span>')
    return shown + fill(' <span class="stop s-carried">as {}</span>', same_as) if same_as else shown


def _size(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB" if size >= 1 << 20 else f"{size / 1024:.1f} KiB"
