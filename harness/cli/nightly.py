"""``whiteout-lab nightly``: run, compare with the baseline, run again what changed, and say what is news."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.cells.plan import cell_of
from harness.cli.begin import decided
from harness.cli.run import a_part, build_worlds, how_it_runs, run_again, run_cells
from harness.compare.change_words import text_lines
from harness.compare.changes import Changes, What, changes, settle, without
from harness.compare.nights import remembered
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, BrokenMachinery, UsageError
from harness.evidence.recording import AGAIN
from harness.judge.findings import Outcome
from harness.machine.cache import write_whole
from harness.names import one_line
from harness.report.changes_page import write_page
from harness.report.html import write_report
from harness.report.junit import junit
from harness.report.night import night_words
from harness.report.summary import markdown, workflow_commands
from harness.runs.accounts import Accounts, accounts
from harness.runs.baseline import baseline_folder, read_baseline
from harness.runs.decide import Wanted
from harness.runs.folders import reports_folder
from harness.runs.history import NAME as HISTORY
from harness.runs.history import Night, remember
from harness.runs.merge import PARTS
from harness.runs.planfile import PLAN, PlanFile, read_plan
from harness.runs.results import NAME as RESULTS
from harness.runs.results import Results, read_results
from harness.runs.resume import results_of
from harness.tools.asked import HELP as TOOL_HELP

_MOST = 20  # paragraphs on the terminal

_EPILOG = """\
Runs everything that this machine can run, compares it with the baseline (whiteout-lab baseline), runs again what changed, and writes
into the run's folder: report.html, changes.html, junit.xml, summary.md. A night of everything enters the history of nights, which the
report shows; one of some scenarios, of some tools or of a part does not: the worst of other cells says nothing beside it. On a runner of
GitHub Actions the summary is the job's, and the first nine changes are annotations.

exit codes: 0 nothing changed; 1 something did, or is not known; 3 broken machinery
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``nightly``."""
    parser.description = "What changed since somebody said that this is so."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help="a scenario's name, a file or a folder (default: all)"
    )
    parser.add_argument("--tool", action="append", default=[], metavar="T", help=TOOL_HELP)
    parser.add_argument(
        "--of",
        type=Path,
        metavar="RUN",
        help="run nothing: compare this run, such as one that merge put together; what its parts ran again counts",
    )
    parser.add_argument("--baseline", metavar="FOLDER", type=Path, help="the baseline (default: reports/baselines)")
    parser.add_argument("--history", metavar="FILE", type=Path, help="past nights (default: reports/history.jsonl)")
    how_it_runs(parser)
    a_part(parser)
    parser.set_defaults(handler=nightly)


def nightly(arguments: argparse.Namespace) -> int:
    """One night."""
    baseline = baseline_folder(arguments.baseline)
    with contextlib.nullcontext() if arguments.shard else _alone(reports_folder()):  # parts may share a disk
        folder = arguments.of or _run(arguments, baseline)
        results, found, part = told(folder, read_baseline(baseline))
        if found is None:
            found = Changes()
            print(
                "there is no baseline: read the report, then whiteout-lab baseline update --reason TEXT",
                file=sys.stderr,
            )
        history = (arguments.history or reports_folder() / HISTORY) if _is_whole(folder, results) else None
        if arguments.history and not history:
            print("this was not a night of everything, and does not enter the history", file=sys.stderr)
        write_night(found, results, folder, part=part, history=history)
    print()
    print("\n".join(map(one_line, text_lines(found, _MOST))))
    return exit_code(found, results)


def _run(arguments: argparse.Namespace, baseline: Path) -> Path:
    """Run everything, and what changed again; returns the run's folder."""
    build_worlds(arguments.tool, strict=False)
    plan = decided(
        Wanted(
            tuple(arguments.scenarios),
            tuple(arguments.tool),
            out=arguments.out,
            timeout=arguments.timeout,
            shard=arguments.shard,
        )
    )
    run_cells(plan, arguments.jobs, sys.stdout)
    _, found, _ = told(Path(plan.folder), read_baseline(baseline))
    if found is not None:
        run_again(found, plan, arguments.jobs, sys.stdout)
    return Path(plan.folder)


def told(folder: Path, before: Accounts) -> tuple[Results, Changes | None, bool]:
    """The results of a run, what changed since *before*, and whether the run is a part of one; a run put together is read as one.

    What changed and was run again is settled by that. None: *before* says nothing. Raises BrokenMachinery.
    """
    results = results_of(folder)
    runs, plans = _runs(folder), _plans(folder)
    lone = len(plans) == 1 and bool(plans[0].shard)
    part = lone and (folder / PLAN).exists()  # and not all that is left of a night of which the other parts are lost
    if not before.of:
        return results, None, part
    now = accounts(results.cells)
    narrow = not plans or any(plan.narrow for plan in plans)
    found = changes(before.within(now) if narrow else before, now)
    if lone:
        cells = {cell_of(one).id for one in plans[0].cells()}
        found = without(found, cells, {(tool.name, tool.version) for tool in plans[0].tools})
    again = [read_results(one / AGAIN) for one in runs if (one / AGAIN / RESULTS).exists()]
    return results, settle(found, {cell.id: cell for one in again for cell in one.cells}), part


def _runs(folder: Path) -> list[Path]:
    """A run, and those that it was put together of."""
    return [folder, *sorted((folder / PARTS).glob("*"))]


def _plans(folder: Path) -> list[PlanFile]:
    return [read_plan(one / PLAN) for one in _runs(folder) if (one / PLAN).exists()]


def _is_whole(folder: Path, results: Results) -> bool:
    """Whether a run is one of everything, seen to its end: what others say cannot stand in a row with other nights."""
    plans = _plans(folder)
    shards = {plan.shard for plan in plans}
    parts = {int(one.partition("/")[2]) for one in shards if one}
    of_all = "" in shards or len(shards) == max(parts, default=0)
    return bool(plans) and of_all and not any(plan.narrow for plan in plans) and not results.run.unfinished


def write_night(
    found: Changes, results: Results, folder: Path, *, part: bool = False, history: Path | None = None
) -> None:
    """The files of a night. Raises BrokenMachinery where one cannot be written.

    *part*: the run is a part of one: a runner's page and its annotations are of the whole. *history*: the file that the night enters.
    """
    facts = [f"kernel {results.run.kernel}", f"run {results.run.id}, {results.run.seconds:.0f} s"]
    text = markdown(f"Whiteout Lab: {results.run.started[:10]}", found, facts)
    write_page(found, ["the baseline", f"{results.run.id}, kernel {results.run.kernel}"], folder / "changes.html")
    try:
        write_whole(folder / "junit.xml", junit(results, found))
        write_whole(folder / "summary.md", text.encode())
        step = os.environ.get("GITHUB_STEP_SUMMARY")
        if step and not part:
            with Path(step).open("a", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise BrokenMachinery(
            f"the night's files cannot be written: {error.strerror}", where=str(folder), remedy="make room there"
        ) from error
    nights: tuple[Night, ...] = ()
    try:
        nights = _entered(remembered(results, found, exit_code(found, results)), history) if history else ()
    finally:  # a history that cannot be written takes nothing else from the report
        write_report(folder, folder / "report.html", night=night_words(found, nights))
    if os.environ.get("GITHUB_ACTIONS") == "true" and not part:
        for line in workflow_commands(found):
            print(line)


def _entered(night: Night, history: Path) -> tuple[Night, ...]:
    """The nights up to this one, which is one of them now. What of the history cannot be read is told."""
    kept = remember(night, history)
    for line in kept.trouble:
        print(one_line(f"whiteout-lab: {history}: {line}"), file=sys.stderr)
    return kept.until(night.run)


def exit_code(found: Changes, results: Results) -> int:
    """Broken machinery comes before what changed."""
    if any(cell.outcome is Outcome.BROKEN for cell in results.cells):
        return EXIT_BROKEN
    new = any(cell.outcome is Outcome.FINDING for cell in results.cells)
    return EXIT_FINDING if new or found.of(What.CHANGED, What.MISSING) else EXIT_AS_EXPECTED


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two nights at once, one. The lock goes with its holder, whatever way that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".nightly.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BrokenMachinery(f"cannot be written to: {error.strerror}", where=str(folder)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UsageError("another night is running", where=str(folder), remedy="wait for its end") from None
    try:
        yield
    finally:
        os.close(descriptor)
