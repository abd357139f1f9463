"""What a packer made of an upper, judged: the layer by itself, and the tree that it makes over what lies below. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.findings import Finding
from harness.judge.rules.evidence import RawLayer
from harness.judge.rules.layer import layer_findings
from harness.judge.rules.packed import RULES, PackedEvidence
from harness.places import PUSHED, SEALED, PlaceName
from harness.readings.given import Given
from harness.snapshot.model import Entry


def place_packed(form: str, by: str) -> PlaceName:
    """Where a layer of a form stands; *by*: the program that made it, empty where nobody is named."""
    base = SEALED if form == "squashfs" else PUSHED
    return PlaceName(f"{base}@{by}") if by else base


def judge_packed(given: Given, raw: Sequence[Entry], form: str, *, by: str = "") -> list[Finding]:
    """The findings of a layer. *raw*: its entries in the order of its archive, doubles too; *form*: ``tar`` or ``squashfs``.

    *by*: the program that made it, for the place: ``pushed@bsdtar``. Raises BrokenMachinery where what was given is no archive.
    """
    place = place_packed(form, by)
    *lowers, upper = given.trees
    evidence = PackedEvidence(lowers, upper, given.meant, RawLayer(raw, form, place))
    of_layer = layer_findings(raw, form=form, place=place)
    broken = {one.path for one in of_layer if one.code == "WL306"}  # that it is no mark, and so a file, is told by that
    found = [one for rule in RULES for one in rule(evidence) if not (one.code == "WL308" and one.path in broken)]
    return sorted([*of_layer, *found], key=lambda one: (one.code, one.path))
