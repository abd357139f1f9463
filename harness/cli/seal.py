"""``whiteout-lab seal``: any upper as a layer that says each deletion once, in the encoding of those who will read it."""

from __future__ import annotations

import argparse
import contextlib
import gc
import gzip
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from harness.cli.bounded import bounded
from harness.compare.words import count
from harness.errors import EXIT_AS_EXPECTED, BrokenMachinery, UsageError
from harness.layers.sealing import Sealed, seal
from harness.layers.targets import TARGETS, Target
from harness.layers.writing import Item, items, write_folder, write_tar
from harness.machine.behind import behind
from harness.machine.guarded import MARKER, mark, remove_tree
from harness.machine.process import feeding, reaper
from harness.names import one_line
from harness.snapshot.contents import contents
from harness.snapshot.image import Layer, open_tree
from harness.whiteouts.markers import markers_of
from harness.whiteouts.union import merge

_TARS = (".tar", ".tar.gz", ".tgz")
_SQUASHED = (".sqfs", ".squashfs")
_LONGEST = 1800.0  # seconds to pack a squashfs
_MOST = 20  # dropped entries that are told; --verbose tells all

_EPILOG = """\
An upper may hold one deletion in several encodings, marks of marks, and marks that hide nothing: each reader understands another part of
them. The sealed layer says what the upper means, once. With --lower, what hides nothing is left out too. What a layer cannot say is an
error: somebody's own .wh. name in an OCI layer, content that is in a layer below (metacopy, redirect).

examples:
  whiteout-lab seal upper --for oci --output layer.tar                a layer for podman, docker, umoci, and every other importer
  whiteout-lab seal overlay.img --lower base --for kernel -o sealed   an ext3 overlay as a folder for the kernel's overlay
  whiteout-lab seal image.sif --layer 2 --for all -o sealed.tar

exit codes: 0 sealed; 2 it cannot be, with the place and a remedy; 3 it cannot be read
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``seal``."""
    parser.description = (
        "Make a layer of an upper directory, an image or a layer, in which every deletion is said once."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "path", metavar="PATH", type=Path, help="a folder, an ext3 image, a squashfs, a tar, a SIF, an OCI image"
    )
    parser.add_argument(
        "--lower", action="append", default=[], metavar="PATH", type=Path, help="a layer below it; the lowest first"
    )
    parser.add_argument(
        "--layer", type=int, metavar="N", help="this layer of an image; the lowest is 1 (default: the uppermost)"
    )
    parser.add_argument(
        "--for", dest="target", required=True, choices=sorted(TARGETS),
        help="who reads it: " + "; ".join(f"{name}: {one.says}" for name, one in TARGETS.items()),
    )  # fmt: skip
    parser.add_argument(
        "--output",
        "-o",
        required=True,
        type=Path,
        metavar="PATH",
        help="a new file .tar, .tar.gz or .sqfs, or a new folder; - is a tar on standard output",
    )
    parser.add_argument(
        "--unprivileged", action="store_true",
        help="the upper was written without privilege: marks in trusted.*, which this user cannot see, are not in it",
    )  # fmt: skip
    parser.add_argument("--verbose", "-v", action="store_true", help="tell of all that is left out")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Seal it, and say what was left out."""
    gc.disable()  # as for inspect: a hundred thousand small objects that all live to the end
    target = TARGETS[arguments.target]
    output: Path = arguments.output
    if output != Path("-") and os.path.lexists(output):
        raise UsageError("is there already", where=str(output), remedy="name a new file or folder with --output")
    with bounded(str(arguments.path)):
        layer, lowers = _read(arguments)
        below = merge([one.snapshot for one in lowers]) if lowers else None
        sealed = seal(layer.snapshot, below, target)
        _write(sealed, layer, output)
    for line in said(sealed, target, arguments.verbose):
        print(one_line(line), file=sys.stderr)
    return EXIT_AS_EXPECTED


def said(sealed: Sealed, target: Target, verbose: bool) -> Iterator[str]:
    """What was done, as lines."""
    entries = count(len(sealed.entries.entries), "entry", "entries")
    marks = sum(len(markers_of(one)) for one in sealed.entries if one.xattrs or one.path in sealed.made)
    yield f"sealed for {target.name}: {entries}, {count(marks, 'mark')}"
    shown = sealed.dropped if verbose else sealed.dropped[:_MOST]
    yield from (f"  left out: {one.at}: {one.why}" for one in shown)
    if len(shown) < len(sealed.dropped):
        yield f"  left out: {len(sealed.dropped) - len(shown)} more (--verbose)"


def _read(arguments: argparse.Namespace) -> tuple[Layer, list[Layer]]:
    """The layer that is sealed, and those below it, the lowest first. Raises UsageError, BrokenMachinery."""
    opened = open_tree(arguments.path, digests=False)
    number = len(opened.layers) if arguments.layer is None else arguments.layer
    if not 1 <= number <= len(opened.layers):
        raise UsageError(
            f"there is no layer {number}", where=str(arguments.path), remedy=f"it has {len(opened.layers)}"
        )
    layer = opened.layers[number - 1]
    lowers = [one for path in arguments.lower for one in open_tree(path, digests=False).layers]
    lowers += opened.layers[: number - 1] if len(opened.layers) > 1 else []
    for one in (layer, *lowers):
        if one.unread or one.missed or one.reached:
            why = (
                one.unread or "; ".join(one.reached) or next(iter(one.snapshot.unseen), "some of it could not be read")
            )
            raise BrokenMachinery(
                f"cannot be read as a whole: {why}",
                where=one.name or str(arguments.path),
                remedy="run this as root, or mend it",
            )
        if "trusted" in one.snapshot.unseen and not arguments.unprivileged:
            raise UsageError(
                "marks in trusted.* cannot be seen by this user, and may be there",
                where=one.name or str(arguments.path),
                remedy="run this as root; or say --unprivileged, where no privileged overlay wrote it",
            )
    return layer, lowers


def _write(sealed: Sealed, layer: Layer, output: Path) -> None:
    """Whole or not at all. Raises UsageError, BrokenMachinery."""
    assert layer.source is not None
    source = layer.source
    every = items(sealed, lambda: contents(source), repeats=source.form == "tar")
    if output == Path("-"):
        write_tar(every, sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
        return
    try:
        with _beside(output) as made:
            if output.name.endswith(_TARS):
                with made.open("xb", buffering=1 << 20) as file:
                    _pack(every, file, plain=output.name.endswith(".tar"))
            elif output.name.endswith(_SQUASHED):
                # sqfstar gives the root a mode of its own, and makes another image each time
                with feeding(["tar2sqfs", "--quiet", made], timeout=_LONGEST) as packer:
                    write_tar(every, packer.write)
            else:
                write_folder(every, made)
    except OSError as error:
        raise BrokenMachinery(f"cannot be written: {error.strerror}", where=str(output)) from error


def _pack(every: Iterable[Item], file: BinaryIO, *, plain: bool) -> None:
    if plain:
        with behind(file.write) as write:
            write_tar(every, write)
        return
    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        write_tar(every, packed.write)


@contextlib.contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """Where the output is made, beside its place: there is all of it then, or nothing, whatever ends this program."""
    beside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    mark(beside)
    made = beside / "layer"
    try:
        with reaper(beside, beside / MARKER):
            yield made
            if made.is_dir():
                made.rename(output)
            else:
                made.chmod(0o644)
                os.link(made, output)  # unlike a rename it takes the place of nothing
            remove_tree(beside)
    finally:
        remove_tree(beside)
