"""``faults``: daemons killed, or told of errors, at each system call that changes something; and what their users then have."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from harness.cells.plan import Cell, cell_of
from harness.cli.colour import Paint, painter
from harness.cli.limits import at_least_one
from harness.cli.looking import Whose, is_tried
from harness.cli.working import a_limit, say, working
from harness.compare.words import count, listing
from harness.diagnose.crash import guest_cells
from harness.diagnose.faults import USUAL, Came, FaultCell, Faults, Point, summed, write_faults
from harness.diagnose.replay import first_wrong, replayed
from harness.diagnose.sweep import Tries, fits, swept
from harness.diagnose.tracer import tracer
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, BrokenMachinery, UsageError
from harness.judge.errnos import ERRNOS
from harness.launch.cell import CellContext
from harness.machine.cache import write_whole
from harness.names import one_line
from harness.profile import Profile
from harness.report.faults import things
from harness.runs.decide import Wanted, decide, obstacles_here
from harness.runs.planfile import PlanFile
from harness.scenario.model import KILLED
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.asked import KERNEL

_LINES = 3  # of one thing
_TIMES = 3  # that a script is tried

_EPILOG = """\
One run under observation shows by which system calls the daemon changes its upper and its work folder; then it is run again for each of
them, killed before it (or told by it of an error), and mounted again. What runs out where files are
opened (EMFILE), and a disk's own errors (EIO), is met by reading too. The kernel's own overlay has no daemon: a kernel that is a program
(worlds build guest-sid) does the steps on a disk of its own, and that machine crashes after each commit of the file system below; its
journal is replayed, and it is mounted again. What users see must be the tree before the step or the one after it, and what the step
says of itself must be so. Without a scenario: those of the founding case.

examples:
  whiteout-lab faults --tool fuse-overlayfs
  whiteout-lab faults ghost-marker-remade --tool fuse-overlayfs=./fuse-overlayfs --fault killed
  whiteout-lab faults ghost-marker --fault EPERM --call mknodat
  whiteout-lab faults restore-by-rename --fault EIO --fault EPERM --profile root
  whiteout-lab faults replaced-file --tool fuse-overlayfs --fault killed --script lost-file.sh
  whiteout-lab faults rm-rf --tool kernel --verbose
  whiteout-lab faults --tool kernel --tool kernel=./linux     a kernel of yours: make ARCH=um, with overlayfs, ext4, hostfs, dm-log-writes
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``faults``."""
    parser.description = (
        "What users have after a daemon was killed or told of an error at any system call, or after a machine crashed."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help="a scenario's name, a file or a folder (default: the founding case)",
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="F",
        help=f"killed, or an error as errno names it (default: as the scenario says, else {', '.join(USUAL)})",
    )
    parser.add_argument(
        "--call", action="append", default=[], metavar="NAME", help="at this system call alone, such as mknodat"
    )
    parser.add_argument(
        "--at",
        default="*",
        metavar="PATTERN",
        help="at calls that fit this shell pattern alone, such as '*.wh.*' (see: --out)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="each fault, with what came of it, and not what is wrong alone"
    )
    parser.add_argument(
        "--jobs", type=at_least_one, default=(os.cpu_count() or 1) + 1, metavar="N", help="runs side by side"
    )
    a_limit(parser)
    parser.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="of the first thing that is wrong, new ones first: a few plain lines that show it, tried three times before they are written",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="a run's folder, or a new one, for faults.json: the report of that run shows it",
    )
    parser.set_defaults(handler=faults)


def faults(arguments: argparse.Namespace) -> int:
    """Sweep, and print what is wrong."""
    kinds = _kinds(arguments.fault)
    if arguments.out is not None:
        _folder(arguments.out)
    profiles = tuple(Profile(one) for one in arguments.profile)
    wanted = Wanted(tuple(arguments.scenarios), tuple(arguments.tool), profiles, faults=str(Whose.ALL))
    plan = decide(wanted, obstacles_here(), say)
    cells, guests = _chosen(plan, founding=not arguments.scenarios)
    if cells:
        tracer()
    calls = frozenset(arguments.call)

    def chosen(point: Point) -> bool:
        return (not calls or point.name in calls) and fnmatchcase(point.call, arguments.at)

    with working("faults", arguments.timeout, plan.environment) as context:
        tries = Tries(cells, guests, kinds, chosen)
        found, troubles = swept(tries, context, arguments.jobs, plan.defects, _progress)
        if arguments.script is not None:
            _write_script(arguments.script, cells, found, context)
    if arguments.out is not None:
        write_faults(found, arguments.out)
    for line in (*(each(found) if arguments.verbose else ()), *lines(found, painter(sys.stdout))):
        print(line)
    for trouble in troubles:
        print(one_line(f"whiteout-lab: {trouble}"), file=sys.stderr)
    if troubles:
        return EXIT_BROKEN
    return EXIT_FINDING if found.new else EXIT_AS_EXPECTED


def _write_script(path: Path, cells: Sequence[Cell], found: Faults, context: CellContext) -> None:
    """The script of the first thing that is wrong, where it shows it."""
    first = first_wrong([one for one in found.cells if one.id in {cell.id for cell in cells}])
    if first is None:
        say("nothing is wrong with a daemon: no script is written")
        return
    swept_cell, fault, finding = first
    made = replayed(next(cell for cell in cells if cell.id == swept_cell.id), context, fault, finding, _TIMES)
    if made is None or made.shown < made.times:
        why = f"they show it in {made.shown} of {made.times} runs" if made else "they would not do"
        say(f"a few lines are not written for {swept_cell.id}, {fault.point.call}: {why}")
        return
    write_whole(path, made.script.encode("utf-8", "surrogateescape"))
    path.chmod(0o755)
    say(f"{path}: shows in {made.shown} of {made.times} runs what is wrong with {swept_cell.id}: {finding.message}")


def _kinds(named: Sequence[str]) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(named))
    unknown = [one for one in kinds if one != KILLED and one not in ERRNOS]
    if unknown:
        raise UsageError(
            f"no fault {unknown[0]!r}", where="--fault", remedy="killed, or an error such as EIO, ENOSPC, EPERM"
        )
    return kinds


def _chosen(plan: PlanFile, *, founding: bool) -> tuple[list[Cell], list[Cell]]:
    """The cells of daemons, and those of guest kernels; *founding*: of the founding case alone. Raises UsageError where there is none."""
    every = [one for one in plan.cells() if not founding or is_tried(cell_of(one).scenario)]
    cells = [one for one in every if isinstance(one, Cell) and not fits(one)]
    as_root = Profile.ROOT in plan.profiles
    guests = guest_cells(every, plan.guests) if as_root else []
    for one in plan.unavailable if as_root and not guests else ():
        if one["name"] == KERNEL:
            say(f"no machine crashes under the kernel's own overlay: {one['reason']}; {one['remedy']}")
    if not cells and not guests:
        raise UsageError(
            "no cell of these can have faults",
            where="faults",
            remedy="name scenarios, and a version of fuse-overlayfs or a kernel that is a program: see worlds list",
        )
    return cells, guests


def each(found: Faults) -> Iterator[str]:
    """Every fault of every cell, and what came of it."""
    for cell in found.cells:
        yield one_line(cell.id)
        for fault in cell.faults:
            request = f"{fault.point.request}: " if fault.point.request else ""
            came = f"{fault.came} ({fault.why})" if fault.why else str(fault.came)
            yield one_line(f"  step {fault.point.step + 1}, {fault.fault}: {request}{fault.point.call}: {came}")


def lines(found: Faults, paint: Paint) -> Iterator[str]:
    """What is printed: each thing that is wrong, then the counts."""
    for thing in things(found.cells):
        begins = paint("red", "✗ NEW") if thing.new else paint("yellow", "✗ known")
        yield f"{begins} {one_line(f'{listing(thing.codes)} {thing.message}: {thing.who}')}" + (
            f" · {thing.defect}" if thing.defect else ""
        )
        for line in thing.where[:_LINES]:
            yield paint("dim", one_line(f"        {line}"))
    every = [fault for cell in found.cells for fault in cell.faults]
    states = ", ".join(f"{number} {came}" for came, number in summed(every).items())
    new = len(found.new)
    wrong = sum(one.came is Came.WRONG for one in every)
    colour = "red" if new else "yellow" if wrong else "green"
    yield (
        paint(colour, count(len(every), "fault"))
        + f" in {count(len(found.cells), 'cell')}: {states}; {new} new · {found.seconds:.1f} s"
    )


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be made: {error.strerror}", where=str(folder), remedy="name another folder"
        ) from error


def _progress(cell: FaultCell, done: int, total: int) -> bool:
    states = ", ".join(f"{number} {came}" for came, number in summed(cell.faults).items())
    say(f"{done} of {total}: {cell.id}: {states or 'nothing changes'}")
    return False
