"""``inspect``: markers and findings of any tree, layer or image."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from harness.cli.bounded import bounded
from harness.compare.words import count as counted
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, EXIT_USAGE, UsageError
from harness.judge.codes import CODES
from harness.judge.inspected import Below, Judged, judge_layer
from harness.layers.seen import Seen, seen_by_all
from harness.machine.quote import quote
from harness.names import escape, one_line
from harness.snapshot.image import Layer, Opened, open_tree
from harness.snapshot.jsonl import to_json
from harness.snapshot.mtree import mtree
from harness.whiteouts.encodings import ENCODINGS
from harness.whiteouts.markers import find_markers
from harness.whiteouts.readers import IMPORTER

_MOST_MISSED = 20  # lines
_MOST_NAMED = 5  # paths in one line
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
    judged: list[Judged] = []
    seen: dict[int, tuple[Seen, ...]] = {}  # by the place among those judged
    for number, layer in enumerate(opened.layers):
        if number in chosen:
            if below and below.whole and _sees_all(layer, below) and find_markers(layer.snapshot):
                seen[len(judged)] = seen_by_all(layer.snapshot, below.tree)
            judged.append(judge_layer(layer, below))
        below.add(layer)
    if arguments.json:
        _print_json(opened, judged, seen)
    else:
        _print_text(arguments.path, opened, judged, seen)
        _print_repair(arguments, opened, judged)
    broken = _exit_code([*lower, *(one.layer for one in judged)])
    return broken or (EXIT_FINDING if any(one.findings for one in judged) else EXIT_AS_EXPECTED)


def _sees_all(layer: Layer, below: Below) -> bool:
    """Whether no mark can be there that was not seen."""
    return below.trusted and "trusted" not in layer.snapshot.unseen and not layer.missed


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


def _as_json(one: Judged) -> dict[str, Any]:
    snapshot = one.layer.snapshot
    markers = [
        {"path": escape(m.path), "at": escape(m.at), "encoding": m.encoding.value, "says": m.says.value}
        for m in find_markers(snapshot)
    ]
    return {
        "unread": one.layer.unread,
        "unseen": [*snapshot.unseen, *one.layer.reached, *one.layer.notes],
        "unjudged": dict(one.unjudged),
        "markers": markers,
        "findings": one.findings,
        "entries": [to_json(entry) for entry in snapshot],
    }


def _readers(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """Who would see what: empty where nothing is known of what lies below."""
    return [
        {
            "reader": one.reader.name,
            "same": one.same,
            "back": [escape(path) for path in one.back],
            "marks_shown": [escape(path) for path in one.marks],
            "lost": [escape(path) for path in one.lost],
        }
        for one in seen
    ]


def _print_json(opened: Opened, judged: list[Judged], seen: Mapping[int, tuple[Seen, ...]]) -> None:
    """An object for each layer, under ``layers``; a tree alone is one of them."""
    layers = [
        {"name": one.layer.name, "form": one.layer.form, **_as_json(one), "readers": _readers(seen.get(number, ()))}
        for number, one in enumerate(judged)
    ]
    whole = {"schema": 1, "kind": opened.kind, "notes": opened.notes, "layers": layers}
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


def _print_mtree(layers: list[Layer]) -> None:
    """Each layer of an image begins with a comment that names it."""
    for layer in layers:
        if layer.unread:
            print(f"# {_unread(layer)}")
        else:
            if layer.name:
                print(f"# {one_line(layer.name)}")
            sys.stdout.writelines(f"{line}\n" for line in mtree(layer.snapshot))


def _print_text(
    path: str, opened: Opened, judged: list[Judged], seen: Mapping[int, tuple[Seen, ...]] = MappingProxyType({})
) -> None:
    shown = escape(os.fsencode(path))
    if len(opened.layers) != 1 or opened.notes:
        print(f"{shown}: {opened.kind}, {counted(len(opened.layers), 'layer')}")
        for note in opened.notes:
            print(f"  note: {one_line(note)}")
    for number, one in enumerate(judged):
        if one.layer.unread:
            print(_unread(one.layer))
        else:
            _print_layer(one, _called(one.layer) or f"{shown} ({opened.kind})")
            for line in reader_lines(seen.get(number, ())):
                print(f"  {line}")


def reader_lines(seen: Sequence[Seen]) -> list[str]:
    """Who would see what, a line for each reader that does not see what is meant, and one for the others."""
    if not seen:
        return []
    lines = ["who would see what, by the documented rules of each reader:"]
    same = [one.reader.name for one in seen if one.same]
    lines += [f"  as it is meant: {', '.join(same)}"] if same else []
    for one in seen:
        told = [
            f"{what}: {_some(paths)}"
            for what, paths in (("comes back", one.back), ("a mark is shown", one.marks), ("is lost", one.lost))
            if paths
        ]
        lines += [f"  {one.reader.name}: {'; '.join(told)}"] if told else []
    return lines


def _some(paths: Sequence[bytes]) -> str:
    shown = ", ".join(escape(path) for path in paths[:_MOST_NAMED])
    return shown + (f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else "")


def _print_repair(arguments: argparse.Namespace, opened: Opened, judged: list[Judged]) -> None:
    """The line to type that makes a layer which says the same once."""
    if not any(one.findings for one in judged) or any(one.layer.unread for one in judged):
        return
    words = ["whiteout-lab", "seal", arguments.path]
    words += [word for path in arguments.lower for word in ("--lower", path)]
    if len(opened.layers) > 1:
        number = next(place for place, layer in enumerate(opened.layers, 1) if layer is judged[-1].layer)
        words += ["--layer", str(number)]
    words += ["--for", "oci", "--output", "layer.tar"]
    print(
        one_line(
            "a layer that says the same once, for oci, kernel, userxattr, fuse or all: " + " ".join(map(quote, words))
        )
    )


def _unread(layer: Layer) -> str:
    return f"{one_line(layer.name)}: cannot be read: {one_line(layer.unread)}"


def _called(layer: Layer) -> str:
    return f"{one_line(layer.name)} ({layer.form})" if layer.name else ""


def _print_layer(one: Judged, name: str) -> None:
    snapshot = one.layer.snapshot
    markers = find_markers(snapshot)
    print(f"{name}: {counted(len(snapshot.entries), 'entry', 'entries')}, {counted(len(markers), 'marker')}")
    for note in one.layer.notes:
        print(f"  note: {one_line(note)}")
    tar = one.layer.form == "tar"
    for marker in markers:
        at = f" (in {escape(marker.at)})" if marker.at != marker.path else ""
        idle = ", which marks nothing in a tar layer" if tar and marker.encoding not in IMPORTER.honours else ""
        print(f"  {marker.says.value:6}  {escape(marker.path) or '/'}{at}  {ENCODINGS[marker.encoding].badge}{idle}")
    if not one.findings:
        print("no findings in what was seen" if one.layer.missed or one.layer.reached else "no findings")
    for finding in one.findings:
        print(f"  {finding.code} {CODES[finding.code].name}: {finding.message}")
    if "trusted" in snapshot.unseen:
        print("not seen: xattrs in trusted.*; run as root to see them")
    missed = [words for words in snapshot.unseen if words != "trusted"]
    for words in (*one.layer.reached, *missed[:_MOST_MISSED]):
        print(f"not seen: {one_line(words)}")
    if len(missed) > _MOST_MISSED:
        print(f"not seen: {len(missed) - _MOST_MISSED} more; --json names them all")
    for reason in dict.fromkeys(reason for _, reason in one.unjudged):
        codes = ", ".join(code for code, why in one.unjudged if why == reason)
        print(f"not judged: {codes}: {reason}")
