"""``run``: plan, run, record, report."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from harness.cells.plan import Cell, NotRun, cell_of
from harness.cli import endings
from harness.cli.begin import begin_run, decided, planned_again, resume_run
from harness.cli.limits import at_least_one, seconds
from harness.cli.looking import Whose
from harness.cli.progress import QUIET, USUAL, VERBOSE, Progress, not_here
from harness.cli.pytest_plugin import PLAN_OPTION
from harness.cli.script import find_cell, plain_id, scenario_in, tool_in
from harness.cli.worlds import unasked
from harness.compare.changes import Changes, What
from harness.compare.words import count
from harness.errors import (
    EXIT_BROKEN,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    BrokenMachinery,
    MissingProgram,
    UsageError,
    WorldError,
    text_path,
)
from harness.evidence.recording import AGAIN
from harness.machine.guarded import remove_tree
from harness.machine.room import need_limits
from harness.names import one_line
from harness.profile import Profile
from harness.runs.decide import Wanted
from harness.runs.folders import project_folder, scenario_files
from harness.runs.givings import Which
from harness.runs.planfile import PLAN, PlanFile, is_taken
from harness.runs.results import CellResult, Results
from harness.runs.run import Run
from harness.tools.asked import HELP as TOOL_HELP
from harness.tools.asked import parse_words
from harness.tools.discover import discover, unmet
from harness.worlds.build import ensure, worlds_in_place
from harness.worlds.model import Unavailable
from harness.worlds.suites import Taking

TIMES = 3  # runs of a cell that changed, before anything is said of it

_EPILOG = """\
examples:
  whiteout-lab run                                        everything that this machine can run
  whiteout-lab run ghost-marker --profile user            one scenario, one profile
  whiteout-lab run --tool fuse-overlayfs=./fuse-overlayfs --tool kernel
                                                          a program that you built, beside the kernel
  whiteout-lab run --tool fuse-overlayfs:1.14:patched=./fuse-overlayfs
                                                          its version, where it says another one, and a name for it
  whiteout-lab run --only 'ghost-marker[kernel-6.12-root]'  one cell

exit codes: 0 as expected; 1 an unexpected finding; 2 usage or scenario error; 3 broken machinery; 77 everything skipped
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``run``."""
    parser.description = "Run scenarios on every tool that is here, record what each wrote, and write one HTML report."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="a scenario's name, a file or a folder (default: all)"
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument("--profile", action="append", default=[], choices=["root", "user"], help="default: both")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="the cell with this id alone (see: list)"
    )
    how_it_runs(parser)
    a_part(parser)
    parser.add_argument(
        "--keep",
        choices=["never", "failed", "always"],
        default="always",
        help="which recordings stay (default: always)",
    )
    parser.add_argument("--strict", action="store_true", help="a tool or world that is missing is a failure")
    parser.add_argument(
        "--defects",
        type=Path,
        metavar="FOLDER",
        help="a folder of defect files that says what is known, instead of the project's own",
    )
    parser.add_argument(
        "--repeat",
        type=at_least_one,
        default=0,
        metavar="N",
        help="run each cell N times (default: as its scenario says)",
    )
    parser.add_argument(
        "--readings",
        choices=[str(one) for one in Which],
        default=str(Which.NONE),
        help="what cells wrote is then given to every reader here, packed and imported: the founding case's, or all (default: none)",
    )
    parser.add_argument(
        "--why",
        choices=[str(one) for one in Whose],
        default=str(Whose.NEW),
        help="of whose marks it is told how they came to be: of cells with something new, of the founding case too, of all (see: why)",
    )
    parser.add_argument(
        "--faults",
        choices=["none", "founding"],
        default="none",
        help="then kill the founding case's daemons at each of their system calls, fill their disks, crash kernels' machines (see: faults)",
    )
    parser.add_argument("--build-worlds", action="store_true", help="first build the worlds that are not in place yet")
    louder = parser.add_mutually_exclusive_group()
    louder.add_argument("-q", "--quiet", action="store_true", help="only what is not as expected, and the last line")
    louder.add_argument("-v", "--verbose", action="store_true", help="each cell as it ends, with its outcome")
    parser.add_argument("-x", "--exitfirst", action="store_true", help="stop at the first cell that is not as expected")
    parser.set_defaults(handler=run)


def how_it_runs(parser: argparse.ArgumentParser) -> None:
    """The words of every command that runs cells."""
    parser.add_argument(
        "--jobs",
        type=at_least_one,
        default=(os.cpu_count() or 1) + 1,
        metavar="N",
        help="cells side by side (default: processors and one more, since a cell waits a quarter of its time)",
    )
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="seconds for one cell (default: 60)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="the run's folder (default: reports/<time>-<short id>)"
    )


def a_part(parser: argparse.ArgumentParser) -> None:
    """The words of those that may run a part, or go on with one."""
    parser.add_argument(
        "--shard", default="", metavar="I/N", help="the I-th of N parts of the cells alone, even by time (see: merge)"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run that was killed: what is whole of it is not run again",
    )


def bring(arguments: argparse.Namespace, say: Callable[[str], None]) -> list[str]:
    """Build the worlds of what was named and is in no world that is built; returns the scenarios of the cells that were named.

    Raises WorldError for a world that cannot be had, MissingProgram for what no world brings.
    """
    if arguments.tool and not _strict(arguments):
        found = discover(worlds_in_place(), arguments.tool, say=say)
        _build([one.world for one in unmet(parse_words(arguments.tool), found) if one.world], say)
    scenarios = []
    for cell in arguments.only:
        scenario_files(arguments.scenarios or [scenario_in(cell)])  # before anything is built for it
        name = tool_in(cell)
        for one in _all_absent(name) if name and not _strict(arguments) else ():
            with contextlib.suppress(UsageError, MissingProgram):
                find_cell(cell, arguments.tool, arguments.scenarios)
                break
            _build([one.world], say)
        find_cell(cell, arguments.tool, arguments.scenarios)
        scenarios.append(scenario_in(cell))
    return scenarios


def _all_absent(name: str) -> list[Unavailable]:
    """The worlds that would bring more of a tool."""
    return [one for one in discover(worlds_in_place(), [name]) if isinstance(one, Unavailable) and one.world]


def _build(worlds: Sequence[str], say: Callable[[str], None]) -> None:
    built = ensure(worlds, say).values()
    failed = [world for world in built if isinstance(world, WorldError)]
    if failed and len(failed) == len(built):
        raise failed[0]
    for error in failed:
        print(f"whiteout-lab: {error}", file=sys.stderr)


def _strict(arguments: argparse.Namespace) -> bool:
    return bool(arguments.strict) or os.environ.get("WHITEOUT_LAB_STRICT") == "1"


def why_nothing_runs(cells: Iterable[Cell | NotRun], most: int = 5) -> str:
    """Why every cell is excluded: each reason once, with how many cells it holds for, the most frequent first."""
    reasons = Counter(one.reason for one in cells if isinstance(one, NotRun))
    lines = [f"{reason} ({count(number, 'cell')})" for reason, number in reasons.most_common(most)]
    return "; ".join(lines) + (f"; and {len(reasons) - most} more reasons" if len(reasons) > most else "")


def build_worlds(tools: Sequence[str], *, strict: bool, taking: Taking = Taking.NONE, guests: bool = False) -> None:
    """Build what is missing; a world that cannot be had is told of, and the run goes on without it unless it is strict."""
    for world in ensure(unasked(tools, taking, guests=guests), lambda line: print(one_line(line), flush=True)).values():
        if isinstance(world, WorldError):
            if strict:
                raise world
            print(f"whiteout-lab: {world}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    """Run through pytest, with output of our own; returns the exit code."""
    if arguments.resume is not None:
        return _resumed(arguments)
    if arguments.out is not None:
        text_path(arguments.out.absolute())  # before worlds are built and tools looked for, of which a strict run ends
    if arguments.out is not None and is_taken(arguments.out):
        raise UsageError(
            "the run's folder is not empty", where=str(arguments.out), remedy="name a new folder with --out"
        )
    need_limits(arguments.jobs)
    if arguments.build_worlds:
        taking = Taking.ALL if arguments.readings == Which.ALL else Taking.NONE
        build_worlds(arguments.tool, strict=_strict(arguments), taking=taking, guests=arguments.faults != "none")
    named = bring(arguments, lambda line: print(one_line(line), flush=True))
    with contextlib.ExitStack() as stack:
        with endings.held():  # an end that comes before the run is held by the stack would leave it behind
            begun = begin_run(decided(_wanted(arguments, named)))
            stack.callback(_leave_nothing, begun)
        _need_cells(begun.plan)
        return _by_pytest(begun, arguments)


def _leave_nothing(begun: Run) -> None:
    """Of a run that came to no end nothing stays but what its cells recorded."""
    begun.stack.close()
    if begun.ended is None and not begun.results:
        begun.abandon()


@dataclass(frozen=True)
class Ran:
    """What a run gave. ``troubles``: what was left behind, could not be written, or is not as it was written."""

    results: Results
    troubles: tuple[str, ...] = ()


def run_cells(begin: Callable[[], Run], jobs: int, stream: TextIO, *, reports: bool = True) -> Ran:
    """For other commands: run what *begin* begins, with what people read of it on *stream*. *reports*: with a report at its end.

    Raises what that and ``run`` raise, BrokenMachinery where it came to no end, and KeyboardInterrupt where somebody wanted its end.
    """
    need_limits(jobs)
    with contextlib.ExitStack() as stack:
        with endings.held():
            begun = begin()
            stack.callback(_leave_nothing, begun)
        begun.reports = reports
        _need_cells(begun.plan)
        progress = Progress(stream, begun)
        code, words = _tested(begun, progress, jobs=jobs)
        if code == pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        if progress.error is not None:
            raise progress.error
        if begun.ended is None:
            raise BrokenMachinery(
                f"the run came to no end: {words[-500:]}", where=str(begun.folder), remedy="run it again"
            )
        return Ran(begun.ended, (*begun.leaks, *map(str, begun.problems)))


def run_again(found: Changes, plan: PlanFile, jobs: int, stream: TextIO) -> dict[str, CellResult]:
    """Run each cell of the plan's run that changed again by itself, several times; the results by id."""
    only = [one.cell for one in found.of(What.CHANGED)]
    remove_tree(Path(plan.folder) / AGAIN)  # a night that was killed while it did the same
    if not only:
        return {}
    again = run_cells(lambda: begin_run(planned_again(plan, only, TIMES)), jobs, stream, reports=False)
    return {cell.id: cell for cell in again.results.cells}


def need_no_words(arguments: argparse.Namespace, *more: object) -> None:
    """Raises UsageError where ``--resume`` comes with what was decided when the run began; *more*: words of one command alone."""
    if any((arguments.scenarios, arguments.tool, arguments.out, arguments.shard, *more)):
        raise UsageError(
            "its plan is made", where="--resume", remedy="name the run alone: which cells, tools and folder is decided"
        )


def _resumed(arguments: argparse.Namespace) -> int:
    """Go on with a run; what the plan says cannot be said again."""
    need_no_words(arguments, arguments.profile, arguments.only)
    need_limits(arguments.jobs)
    with contextlib.ExitStack() as stack:
        with endings.held():
            begun = resume_run(arguments.resume)
            stack.callback(begun.stack.close)
        left = len(begun.plan.chosen()) - len(begun.plan.whole)
        print(one_line(f"{count(len(begun.plan.whole), 'cell')} whole, {left} to run: {begun.folder}"), flush=True)
        return _by_pytest(begun, arguments)


def _wanted(arguments: argparse.Namespace, named: Sequence[str]) -> Wanted:
    """*named*: the scenarios of the cells that were named."""
    return Wanted(
        scenarios=tuple(str(text_path(path.absolute())) for path in scenario_files(arguments.scenarios or named)),
        tools=tuple(arguments.tool),
        profiles=tuple(Profile(one) for one in arguments.profile),
        only=tuple(map(plain_id, arguments.only)),
        out=arguments.out,
        keep=arguments.keep,
        strict=_strict(arguments),
        timeout=arguments.timeout,
        repeat=arguments.repeat,
        readings=arguments.readings,
        why=arguments.why,
        faults=arguments.faults,
        shard=arguments.shard,
        defects=arguments.defects.absolute() if arguments.defects else None,
    )


def _need_cells(plan: PlanFile) -> None:
    """Raises MissingProgram where no tool is here, UsageError where every cell is excluded."""
    if plan.chosen():
        return
    missing = not_here(plan)
    if missing and not plan.tools:
        raise MissingProgram("nothing to run: no tool that was asked for is here", remedy="\n".join(missing))
    cells = [one for one in plan.cells() if not plan.only or cell_of(one).id in plan.only]
    raise UsageError(
        f"nothing to run: every cell is excluded: {why_nothing_runs(cells)}", remedy="see each: whiteout-lab list"
    )


def _by_pytest(begun: Run, arguments: argparse.Namespace) -> int:
    """Run what is decided; returns the exit code."""
    says = QUIET if arguments.quiet else VERBOSE if arguments.verbose else USUAL
    jobs = 1 if arguments.only else arguments.jobs
    progress = Progress(sys.stdout, begun, says)
    code, words = _tested(begun, progress, jobs=jobs, stop=arguments.exitfirst)
    if code == pytest.ExitCode.INTERRUPTED and progress.interrupted and progress.error is None:
        return _interrupted(begun)
    if progress.error is not None:
        raise progress.error
    if progress.ended is None:
        print(words, file=sys.stderr)
        return EXIT_USAGE if code == pytest.ExitCode.USAGE_ERROR else EXIT_BROKEN
    return progress.exit_code()


def _tested(begun: Run, progress: Progress, *, jobs: int, stop: bool = False) -> tuple[int, str]:
    """Pytest's exit code and words. It is told where the plan is, and of no one else's settings."""
    words = [
        ".", "-c", os.devnull, "--noconftest", "--confcutdir=.", f"--rootdir={project_folder()}",
        f"{PLAN_OPTION}={begun.folder / PLAN}", "-p", "harness.cli.pytest_plugin", "-p", "no:cacheprovider", "--tb=short",
        "-p", "xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning",
        *(["-x"] if stop else []),
        *(["-n", str(jobs), "--dist=worksteal"] if jobs > 1 else []),
    ]  # fmt: skip
    progress.run.jobs = jobs
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), _without_plugins():
        code = int(pytest.main(words, plugins=[progress]))
    return code, quiet.getvalue()


@contextlib.contextmanager
def _without_plugins() -> Iterator[None]:
    """Here and in workers: plug-ins of the user's environment cost a second of start. Afterwards the environment is as it was."""
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _interrupted(begun: Run) -> int:
    """What is told of a run that was ended by a signal, beside its results."""
    where = f"what was recorded is in {begun.folder}" if begun.folder.exists() else "nothing was recorded"
    print(one_line(f"whiteout-lab: interrupted: {where}"), file=sys.stderr)
    return EXIT_INTERRUPTED
