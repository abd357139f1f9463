"""``inspect``: markers and findings of any tree, layer or image."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, UsageError
from harness.findings import Finding, Station
from harness.names import escape, printable
from harness.snapshot.image import Layer, Opened, open_tree
from harness.snapshot.jsonl import to_json
from harness.snapshot.model import Snapshot
from harness.snapshot.mtree import mtree
from harness.whiteouts.codes import CODES
from harness.whiteouts.encodings import ENCODINGS
from harness.whiteouts.markers import find_markers
from harness.whiteouts.rules.evidence import TreeEvidence
from harness.whiteouts.rules.layer import HONOURED, layer_findings
from harness.whiteouts.rules.upper import RULES

_EPILOG = """\
examples:
  whiteout-lab inspect /var/lib/containers/storage/overlay/ID/diff
  whiteout-lab inspect upper --lower base        with the lower layers, rules that need them apply too
  whiteout-lab inspect layer.tar --json
  whiteout-lab inspect overlay.img               an ext3 image, without mounting it
  whiteout-lab inspect image.sif --layer 2       one layer of a SIF, an OCI-SIF, an OCI layout or archive, a docker save

exit codes: 0 nothing found; 1 findings; 2 usage; 3 it, or a layer of it, cannot be read
"""


def register(commands: Any) -> None:
    """Add ``inspect`` to the command line."""
    parser = commands.add_parser(
        "inspect",
        help="the markers in an upper directory, a layer or an image, and what is wrong with them",
        description="List the markers of a folder, a tar layer, a squashfs, an ext image, or of every layer of a SIF or an OCI image, and "
        "the findings of the rules that apply. A layer of an image is judged with those below it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="PATH", help="a folder, a file, or an image; told by what is in it")
    parser.add_argument(
        "--lower", action="append", default=[], metavar="PATH", help="a layer below it; the lowest first"
    )
    parser.add_argument("--layer", type=int, metavar="N", help="one layer of an image alone; the lowest is 1")
    parser.add_argument("--json", action="store_true", help="JSON: entries, markers, findings, what could not be seen")
    parser.add_argument("--mtree", action="store_true", help="mtree(5), with device= and xattr. keywords")
    parser.set_defaults(handler=show)


@dataclass(frozen=True)
class Judged:
    """A layer with what was found in it."""

    layer: Layer
    findings: tuple[Finding, ...]


def show(arguments: argparse.Namespace) -> int:
    """Print what lies in a tree."""
    gc.disable()  # a snapshot is a hundred thousand small objects that all live to the end: collecting them costs a third
    opened = open_tree(Path(arguments.path))
    chosen = _chosen(opened, arguments)
    unread = any(opened.layers[n].unread for n in chosen)
    if arguments.mtree:
        _print_mtree([opened.layers[n] for n in chosen])
        return EXIT_BROKEN if unread else EXIT_AS_EXPECTED
    lower = [layer for path in arguments.lower for layer in open_tree(Path(path)).layers]
    judged = [
        Judged(opened.layers[n], tuple(judge_layer(opened.layers[n], [*lower, *opened.layers[:n]]))) for n in chosen
    ]
    if arguments.json:
        _print_json(opened, judged)
    else:
        _print_text(arguments.path, opened, judged)
    if unread:
        return EXIT_BROKEN
    return EXIT_FINDING if any(one.findings for one in judged) else EXIT_AS_EXPECTED


def _chosen(opened: Opened, arguments: argparse.Namespace) -> list[int]:
    count = len(opened.layers)
    if arguments.layer is None:
        return list(range(count))
    if not 1 <= arguments.layer <= count:
        raise UsageError(
            f"there is no layer {arguments.layer}", where=arguments.path, remedy=f"it has {count}: 1 to {count}"
        )
    return [arguments.layer - 1]


def judge_layer(layer: Layer, below: list[Layer]) -> list[Finding]:
    """The findings of a layer: WL1 of its tree, and WL3 of a tar or a squashfs. One that could not be read has none."""
    if layer.unread:
        return []
    whole = not any(one.unread for one in below)  # what a layer deletes may lie in the one that could not be read
    found = judge_tree(layer.snapshot, [one.snapshot for one in below] if whole else [])
    encodings = {marker.encoding for marker in find_markers(layer.snapshot)}
    # an OCI layer is for importers, who read these marks
    if layer.form == "tar" and encodings <= HONOURED[Station.PUSHED]:
        found = [one for one in found if one.code != "WL108"]
    if layer.form in {"tar", "squashfs"}:
        found += layer_findings(layer.raw, form=layer.form)
    return sorted(found, key=lambda f: (f.code, f.path))


def judge_tree(upper: Snapshot, layers: list[Snapshot]) -> list[Finding]:
    """The WL1 findings of a tree. Without lower layers, the rules that compare with them are left out."""
    evidence = TreeEvidence(upper, layers)
    needs_layers = {"WL103", "WL106", "WL108"}
    found = [finding for rule in RULES for finding in rule(evidence)]
    return sorted((f for f in found if layers or f.code not in needs_layers), key=lambda f: (f.code, f.path))


def _as_json(one: Judged) -> dict[str, Any]:
    snapshot = one.layer.snapshot
    markers = [
        {"path": escape(m.path), "at": escape(m.at), "encoding": m.encoding.value, "says": m.says.value}
        for m in find_markers(snapshot)
    ]
    return {
        "unread": one.layer.unread,
        "unseen": [*snapshot.unseen, *one.layer.notes],
        "markers": markers,
        "findings": one.findings,
        "entries": [to_json(entry) for entry in snapshot],
    }


def _print_json(opened: Opened, judged: list[Judged]) -> None:
    """An object for each layer, under ``layers``; a tree alone is one of them."""
    layers = [{"name": one.layer.name, "form": one.layer.form, **_as_json(one)} for one in judged]
    whole = {"schema": 1, "kind": opened.kind, "notes": opened.notes, "layers": layers}
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


def _print_mtree(layers: list[Layer]) -> None:
    """Each layer of an image begins with a comment that names it."""
    for layer in layers:
        if layer.unread:
            print(f"# {_unread(layer)}")
        else:
            if layer.name:
                print(f"# {printable(layer.name)}")
            sys.stdout.writelines(f"{line}\n" for line in mtree(layer.snapshot))


def _print_text(path: str, opened: Opened, judged: list[Judged]) -> None:
    shown = escape(os.fsencode(path))
    if len(opened.layers) != 1 or opened.notes:
        print(f"{shown}: {opened.kind}, {len(opened.layers)} layers")
        for note in opened.notes:
            print(f"  note: {printable(note)}")
    for one in judged:
        if one.layer.unread:
            print(_unread(one.layer))
        else:
            _print_layer(one, _called(one.layer) or f"{shown} ({opened.kind})")


def _unread(layer: Layer) -> str:
    return f"{printable(layer.name)}: cannot be read: {printable(layer.unread)}"


def _called(layer: Layer) -> str:
    return f"{printable(layer.name)} ({layer.form})" if layer.name else ""


def _print_layer(one: Judged, name: str) -> None:
    snapshot = one.layer.snapshot
    markers = find_markers(snapshot)
    print(f"{name}: {len(snapshot.entries)} entries, {len(markers)} markers")
    for note in one.layer.notes:
        print(f"  note: {printable(note)}")
    for marker in markers:
        at = f" (in {escape(marker.at)})" if marker.at != marker.path else ""
        print(f"  {marker.says.value:6}  {escape(marker.path) or '/'}{at}  {ENCODINGS[marker.encoding].badge}")
    if not one.findings:
        print("no findings")
    for finding in one.findings:
        print(f"  {finding.code} {CODES[finding.code].name}: {finding.message}")
    if "trusted" in snapshot.unseen:
        print("not seen: xattrs in trusted.*; run as root to see them")
    for words in snapshot.unseen:
        if words != "trusted":
            print(f"not seen: {printable(words)}")
