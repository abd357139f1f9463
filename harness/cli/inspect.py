"""``inspect``: markers and findings of any tree, layer or image."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.cli.bounded import bounded
from harness.cli.colour import painter
from harness.cli.inspect_words import image_lines, layer_lines, unread_line
from harness.compare.measured import measured
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, EXIT_USAGE, BrokenMachinery, UsageError
from harness.judge.defects.likely import Likely
from harness.judge.inspected import Below
from harness.layers.seen import DOCUMENTED, Rules
from harness.layers.told import Told, explained, told_of
from harness.machine.quote import quote
from harness.names import escape, one_line
from harness.readings.results import NAME as READINGS
from harness.readings.results import read_readings
from harness.runs.folders import reports_folder
from harness.runs.results import read_results
from harness.snapshot.image import Layer, Opened, open_tree
from harness.snapshot.jsonl import to_json
from harness.snapshot.mtree import mtree

_EPILOG = """\
examples:
  whiteout-lab inspect /var/lib/containers/storage/overlay/ID/diff
  whiteout-lab inspect upper --lower base        with the lower layers, rules that need them apply too
  whiteout-lab inspect layer.tar --json
  whiteout-lab inspect overlay.img               an ext3 image, without mounting it
  whiteout-lab inspect image.sif --layer 2       one layer of a SIF, an OCI-SIF, an OCI layout or archive, a docker save

exit codes: 0 nothing found; 1 findings; 2 usage, or a limit of reading was reached; 3 it, a layer of it, or something in it cannot be read
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``inspect``."""
    parser.description = (
        "List the markers of a folder, a tar layer, a squashfs, an ext image, or of every layer of a SIF or an OCI image, and "
        "the findings of the rules that apply. A layer of an image is judged with those below it."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("path", metavar="PATH", help="a folder, a file, or an image; told by what is in it")
    parser.add_argument(
        "--lower", action="append", default=[], metavar="PATH", help="a layer below it; the lowest first"
    )
    parser.add_argument("--layer", type=int, metavar="N", help="one layer of an image alone; the lowest is 1")
    parser.add_argument("--json", action="store_true", help="JSON: entries, markers, findings, what could not be seen")
    parser.add_argument("--mtree", action="store_true", help="mtree(5), with device= and xattr. keywords")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page too")
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print what lies in a tree."""
    gc.disable()  # a snapshot is a hundred thousand small objects that all live to the end: collecting them costs a third
    with bounded(arguments.path):
        return _show(arguments)


def _show(arguments: argparse.Namespace) -> int:
    opened = open_tree(Path(arguments.path))
    chosen = _chosen(opened, arguments)
    if arguments.mtree:
        _print_mtree([opened.layers[n] for n in chosen])
        return _exit_code([opened.layers[n] for n in chosen])
    below = Below()
    lower = [layer for path in arguments.lower for layer in open_tree(Path(path)).layers]
    for layer in lower:
        below.add(layer)
    rules = _rules()
    every: list[Told] = []
    for number, layer in enumerate(opened.layers):
        if number in chosen:
            every.append(told_of(layer, below, rules))
        below.add(layer)
    every = _explained(every)
    repair = _repair(arguments, opened, every)
    if arguments.json:
        _print_json(opened, every, repair)
    else:
        _print_text(arguments.path, opened, every)
        if repair:
            print(f"a layer that says the same once, for oci, kernel, userxattr, fuse or all: {one_line(repair)}")
    if arguments.html is not None:
        from harness.report.inspect_page import write_page  # noqa: PLC0415 - it brings the templates

        write_page(escape(os.fsencode(arguments.path)), opened, every, repair, arguments.html)
    broken = _exit_code([*lower, *(one.layer for one in every)])
    return broken or (EXIT_FINDING if any(one.judged.findings for one in every) else EXIT_AS_EXPECTED)


def _rules() -> Rules:
    """Who honours what: as the newest run measured it, where it did; else by the documents."""
    latest = reports_folder() / "latest"
    if not (latest / READINGS).exists():
        return DOCUMENTED
    with contextlib.suppress(BrokenMachinery):  # a run that is damaged is told of where it is looked at
        when = read_results(latest).run.started[:10]
        return measured(read_readings(latest), f"by the newest run ({when})") or DOCUMENTED
    return DOCUMENTED


def _explained(every: list[Told]) -> list[Told]:
    """With the defects that leave what was found; they are read where something was."""
    if not any(one.judged.findings for one in every):
        return every
    from harness.runs.decide import known_defects  # noqa: PLC0415 - it brings every driver

    defects = known_defects()
    return [explained(one, defects) for one in every]


def _exit_code(layers: Sequence[Layer]) -> int:
    """What was not seen comes before what was found."""
    if any(one.missed or (one.unread and not one.reached) for one in layers):
        return EXIT_BROKEN
    return EXIT_USAGE if any(one.reached for one in layers) else EXIT_AS_EXPECTED


def _chosen(opened: Opened, arguments: argparse.Namespace) -> list[int]:
    count = len(opened.layers)
    if arguments.layer is None:
        return list(range(count))
    if not 1 <= arguments.layer <= count:
        raise UsageError(
            f"there is no layer {arguments.layer}", where=arguments.path, remedy=f"it has {count}: 1 to {count}"
        )
    return [arguments.layer - 1]


def _as_json(told: Told) -> dict[str, Any]:
    layer, judged = told.layer, told.judged
    markers = [
        {
            "path": escape(one.path),
            "at": escape(one.at),
            "encoding": one.encoding.value,
            "says": one.says.value,
            "hides": {"count": hides.count, "names": [escape(path) for path in hides.names]} if hides else None,
        }
        for one in told.markers
        for hides in [told.hides.get(one)]
    ]
    return {
        "name": layer.name,
        "form": layer.form,
        "unread": layer.unread,
        "unseen": [*layer.snapshot.unseen, *layer.reached, *layer.notes],
        "unjudged": dict(judged.unjudged),
        "markers": markers,
        "findings": judged.findings,
        "defects": [_defect(one) for one in told.likely],
        "entries": [to_json(entry) for entry in layer.snapshot],
        "readers": _readers(told),
        "readers_known": told.rules.source,
    }


def _defect(one: Likely) -> dict[str, Any]:
    """A defect that leaves such findings: these by their keys."""
    defect = one.defect
    return {
        "name": defect.name,
        "title": defect.title,
        "program": defect.program,
        "versions": defect.versions,
        "link": defect.link,
        "findings": [finding.key for finding in one.findings],
    }


def _readers(told: Told) -> list[dict[str, Any]]:
    """Who would see what: empty where nothing is known of what lies below."""
    return [
        {
            "reader": one.reader.name,
            "same": one.same,
            "back": [escape(path) for path in one.back],
            "marks_shown": [escape(path) for path in one.marks],
            "lost": [escape(path) for path in one.lost],
        }
        for one in told.seen
    ]


def _print_json(opened: Opened, every: Sequence[Told], repair: str) -> None:
    """An object for each layer, under ``layers``; a tree alone is one of them."""
    layers = [_as_json(one) for one in every]
    whole = {"schema": 1, "kind": opened.kind, "notes": opened.notes, "repair": repair, "layers": layers}
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


def _print_mtree(layers: list[Layer]) -> None:
    """Each layer of an image begins with a comment that names it."""
    for layer in layers:
        if layer.unread:
            print(f"# {unread_line(layer)}")
        else:
            if layer.name:
                print(f"# {one_line(layer.name)}")
            sys.stdout.writelines(f"{line}\n" for line in mtree(layer.snapshot))


def _print_text(path: str, opened: Opened, every: Sequence[Told]) -> None:
    paint = painter(sys.stdout)
    shown = escape(os.fsencode(path))
    for line in image_lines(shown, opened):
        print(line)
    for told in every:
        for line in layer_lines(told, f"{shown} ({opened.kind})", paint):
            print(line)


def _repair(arguments: argparse.Namespace, opened: Opened, every: Sequence[Told]) -> str:
    """The line to type that makes a layer which says the same once; empty where nothing was found, or not all was read."""
    if not any(one.judged.findings for one in every) or any(one.layer.unread for one in every):
        return ""
    words = ["whiteout-lab", "seal", arguments.path]
    words += [word for path in arguments.lower for word in ("--lower", path)]
    if len(opened.layers) > 1:
        number = next(place for place, layer in enumerate(opened.layers, 1) if layer is every[-1].layer)
        words += ["--layer", str(number)]
    words += ["--for", "oci", "--output", "layer.tar"]
    return " ".join(map(quote, words))
