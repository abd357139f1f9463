"""``why``: a cell, run once more under observation, and how each marker in its upper came to be."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec

from harness.cells.plan import Cell
from harness.cli.colour import Paint, painter
from harness.cli.limits import seconds
from harness.cli.script import find_cell
from harness.cli.working import working
from harness.compare.words import count
from harness.diagnose.account import about
from harness.diagnose.crash import crash_cell, fits, guest_cells
from harness.diagnose.observe import observe
from harness.diagnose.told import Seen, Story, Why, story_lines
from harness.errors import UsageError
from harness.names import one_line
from harness.profile import Profile
from harness.runs.decide import known_defects
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.guests import discover_guests
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool, Unavailable

_EPILOG = """\
The cell runs once more under strace. Of each marker in its upper, of each entry that no step made, and of what is left in the work folder
it is said for which step it was made, which FUSE request was being served, by which system calls, and what had been read before. The
kernel's overlay makes no system calls: of it is said after which step a marker was there, and, as root, what a guest kernel (worlds build
guest-sid) does below its overlay in the same steps.

examples:
  whiteout-lab why 'ghost-marker[fuse-overlayfs-1.14-root]'
  whiteout-lab why 'ghost-marker[fuse-overlayfs-1.14-root]' a/new/.wh..opq
  whiteout-lab why './mine.toml[fuse-overlayfs-1.16-user]' --tool fuse-overlayfs=./fuse-overlayfs
"""
_MARGIN = 10


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``why``."""
    parser.description = "Which step, which request and which system calls made each marker of a cell."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cell", metavar="CELL", help="a cell's id, as list prints it")
    parser.add_argument(
        "path",
        nargs="?",
        default="",
        metavar="PATH",
        help="of this entry of the upper alone, and of what lies below it",
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--json", action="store_true", help="print why.json")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the recording there, and why.json beside it")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="S",
        help="seconds for the cell, were nobody looking (default: 60)",
    )
    parser.set_defaults(handler=why)


def why(arguments: argparse.Namespace) -> int:
    """Observe a cell, and print what was seen."""
    cell = find_cell(arguments.cell, arguments.tool)
    if arguments.keep is not None and arguments.keep.exists():
        raise UsageError("is there already", where=f"--keep {arguments.keep}", remedy="name a new folder")
    seen = observed(cell, arguments.timeout, arguments.keep)
    if arguments.path:
        told = tuple(about(seen.stories, arguments.path))
        if not told:
            raise UsageError(f"nothing in the upper is {arguments.path!r}", where=cell.id, remedy=_there(seen))
        seen = msgspec.structs.replace(seen, stories=told)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(seen), indent=2).decode())
    else:
        paint = painter(sys.stdout)
        print("\n".join([*lines(seen, paint), *below(cell, arguments.timeout, paint)]))
    return 0


def observed(cell: Cell, timeout: float, keep: Path | None = None) -> Why:
    """Observe a cell in a work folder of its own."""
    with working("why", timeout) as context:
        return observe(cell, context, keep or context.work / "recording", known_defects(scenarios=[cell.scenario.name]))


def below(cell: Cell, timeout: float, paint: Paint) -> Iterator[str]:
    """What a guest kernel does below its overlay in the same steps: the kernel that ran the cell makes no calls that could be seen."""
    found = discover_guests(worlds_in_place())
    guests = guest_cells([cell], [one for one in found if isinstance(one, Tool)])
    if not guests:
        missing = next((one for one in found if isinstance(one, Unavailable)), None)
        if missing is not None and not fits(cell) and cell.profile is Profile.ROOT:
            yield ""
            yield paint("dim", f"what a kernel does below its overlay, commit by commit: {missing.remedy}")
        return
    with working("why", timeout) as context:
        crashed = crash_cell(guests[-1], context, ())
    yield ""
    yield paint("bold", f"{guests[-1].tool.label}, a guest, in the same steps") + paint(
        "dim", "  commit by commit below the overlay"
    )
    step = -1
    for point in (one.point for one in crashed.faults):
        if point.step != step:
            step = point.step
            yield paint("dim", one_line(f"  step    {step + 1}, {point.request}"))
        yield one_line(f"          {point.call}")


def _there(seen: Why) -> str:
    paths = [one.path for one in seen.stories][:5]
    return f"there are {', '.join(paths)}" if paths else "it holds nothing but what the steps made"


def lines(seen: Why, paint: Paint) -> Iterator[str]:
    """What is printed: a block for each story."""
    yield paint("bold", one_line(seen.cell)) + paint(
        "dim", f"  once more, under {seen.by}: {count(seen.requests, 'request')} decoded"
    )
    if not seen.stories:
        yield "its upper holds no marker, and nothing that no step made"
    for one in seen.stories:
        yield ""
        yield from _block(one, paint)
    if seen.note:
        yield ""
        yield paint("yellow", one_line(seen.note))
    missing = sum(one.seen is Seen.NOT for one in seen.stories)
    if missing:
        yield ""
        yield paint("yellow", f"of {missing} of {len(seen.stories)} no call was seen")


def _block(one: Story, paint: Paint) -> Iterator[str]:
    found = f"  {paint('red', ', '.join(one.findings))}" if one.findings else ""
    yield paint("bold", one_line(one.path)) + f"  {one_line(one.says)}" + found
    for name, words in story_lines(one):
        yield paint("dim", f"  {name:<{_MARGIN - 2}}") + one_line(words)
    told = textwrap.wrap(
        one_line(one.sentence), 116, initial_indent="  → ", subsequent_indent="    ", break_long_words=False
    )
    yield from told
