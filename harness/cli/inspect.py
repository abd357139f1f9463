"""``inspect``: markers and findings of any tree."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import EXIT_AS_EXPECTED, EXIT_FINDING, UsageError
from harness.findings import Finding
from harness.names import escape
from harness.snapshot.folder import read_folder
from harness.snapshot.jsonl import to_json
from harness.snapshot.model import Snapshot
from harness.snapshot.mtree import mtree
from harness.snapshot.tar import read_tar
from harness.whiteouts.codes import CODES
from harness.whiteouts.encodings import ENCODINGS
from harness.whiteouts.markers import find_markers
from harness.whiteouts.rules.evidence import TreeEvidence
from harness.whiteouts.rules.upper import RULES

_EPILOG = """\
examples:
  whiteout-lab inspect /var/lib/containers/storage/overlay/ID/diff
  whiteout-lab inspect upper --lower base        with the lower layers, rules that need them apply too
  whiteout-lab inspect layer.tar --json

exit codes: 0 nothing found; 1 findings; 2 usage; 3 cannot be read
"""


def register(commands: Any) -> None:
    """Add ``inspect`` to the command line."""
    parser = commands.add_parser(
        "inspect",
        help="the markers in an upper directory or a layer, and what is wrong with them",
        description="List the markers of a tree (a folder, or a tar layer), and the findings of the rules that apply.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="PATH", help="a folder, or an uncompressed or compressed tar")
    parser.add_argument(
        "--lower", action="append", default=[], metavar="PATH", help="a layer below it; the lowest first"
    )
    parser.add_argument("--json", action="store_true", help="JSON: entries, markers, findings, what could not be seen")
    parser.add_argument("--mtree", action="store_true", help="mtree(5), with device= and xattr. keywords")
    parser.set_defaults(handler=show)


def show(arguments: argparse.Namespace) -> int:
    """Print what lies in a tree."""
    gc.disable()  # a snapshot is a hundred thousand small objects that all live to the end: collecting them costs a third
    snapshot = read(arguments.path)
    if arguments.mtree:
        out = sys.stdout
        out.writelines(f"{line}\n" for line in mtree(snapshot))
        return EXIT_AS_EXPECTED
    findings = judge_tree(snapshot, [read(path) for path in arguments.lower])
    if arguments.json:
        _print_json(snapshot, findings)
    else:
        _print_text(arguments.path, snapshot, findings)
    return EXIT_FINDING if findings else EXIT_AS_EXPECTED


def read(path: str) -> Snapshot:
    """A snapshot of a folder or a tar."""
    place = Path(path)
    if place.is_dir():
        return read_folder(os.fsencode(place))
    if not place.exists():
        raise UsageError("there is nothing", where=path, remedy="name a folder or a tar")
    return Snapshot.of(read_tar(place), unseen=())


def judge_tree(upper: Snapshot, layers: list[Snapshot]) -> list[Finding]:
    """The WL1 findings of a tree. Without lower layers, the rules that compare with them are left out."""
    evidence = TreeEvidence(upper, layers)
    needs_layers = {"WL103", "WL106", "WL108"}
    found = [finding for rule in RULES for finding in rule(evidence)]
    return sorted((f for f in found if layers or f.code not in needs_layers), key=lambda f: (f.code, f.path))


def _print_json(snapshot: Snapshot, findings: list[Finding]) -> None:
    markers = [
        {"path": escape(m.path), "at": escape(m.at), "encoding": m.encoding.value, "says": m.says.value}
        for m in find_markers(snapshot)
    ]
    whole = {
        "schema": 1,
        "unseen": snapshot.unseen,
        "markers": markers,
        "findings": findings,
        "entries": [to_json(entry) for entry in snapshot],
    }
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


def _print_text(path: str, snapshot: Snapshot, findings: list[Finding]) -> None:
    markers = find_markers(snapshot)
    print(f"{escape(os.fsencode(path))}: {len(snapshot.entries)} entries, {len(markers)} markers")
    for marker in markers:
        at = f" (in {escape(marker.at)})" if marker.at != marker.path else ""
        print(f"  {marker.says.value:6}  {escape(marker.path) or '/'}{at}  {ENCODINGS[marker.encoding].badge}")
    if not findings:
        print("no findings")
    for finding in findings:
        print(f"  {finding.code} {CODES[finding.code].name}: {finding.message}")
    if snapshot.unseen:
        print(f"not seen: xattrs in {', '.join(snapshot.unseen)}.*; run as root to see them")
