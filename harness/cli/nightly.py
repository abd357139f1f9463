"""``whiteout-lab nightly``: run, compare with the baseline, run again what changed, and say what is news."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.cli.begin import begin_run, decided, resume_run
from harness.cli.looking import Whose
from harness.cli.night import is_whole, told
from harness.cli.run import Ran, a_part, build_worlds, how_it_runs, need_no_words, run_again, run_cells
from harness.cli.worlds import unasked
from harness.compare.change_words import text_lines
from harness.compare.changes import Changes, What
from harness.compare.nights import remembered
from harness.diagnose.faults import Faults
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.machine.cache import write_whole
from harness.names import one_line
from harness.readings.results import Readings
from harness.report.changes_page import write_page
from harness.report.html import page_of, write_html
from harness.report.junit import junit
from harness.report.load import LoadedRuns, load
from harness.report.night import night_words
from harness.report.summary import markdown, workflow_commands
from harness.runs.accounts import Accounts
from harness.runs.baseline import baseline_folder, read_baseline
from harness.runs.decide import Wanted
from harness.runs.folders import reports_folder
from harness.runs.givings import Which
from harness.runs.history import NAME as HISTORY
from harness.runs.history import Night, remember
from harness.runs.planfile import PLAN, read_plan
from harness.runs.results import Results, read_results, taken_back
from harness.runs.resume import was_killed
from harness.tools.asked import HELP as TOOL_HELP
from harness.worlds.refresh import refresh
from harness.worlds.suites import Taking

_MOST = 20  # paragraphs on the terminal

_EPILOG = """\
Builds worlds of what the suites have now, runs everything that this machine can run, compares it with the baseline
(whiteout-lab baseline), runs again what changed, and writes into the run's folder: report.html, changes.html, junit.xml, summary.md. A
night of everything enters the history of nights, which the report shows; one of some scenarios, of some tools or of a part does not: the
worst of other cells says nothing beside it. On a runner of GitHub Actions the summary is the job's, and the first nine changes are
annotations.

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
    parser.add_argument(
        "--readings",
        choices=[str(one) for one in Which],
        default=str(Which.ALL),
        help="what cells wrote is then given to every reader here, packed and imported (default: all)",
    )
    parser.add_argument(
        "--no-refresh",
        dest="refresh",
        action="store_false",
        help="do not ask the archive whether the suites have newer packages (see: worlds build --refresh)",
    )
    parser.set_defaults(handler=nightly)


def nightly(arguments: argparse.Namespace) -> int:
    """One night."""
    baseline = baseline_folder(arguments.baseline)
    with contextlib.nullcontext() if arguments.shard else _alone(reports_folder()):  # parts may share a disk
        before = read_baseline(baseline)  # one that cannot be read costs no night
        folder, troubles = (arguments.of, ()) if arguments.of else _run(arguments, before)
        loaded = _whole(folder)
        results, found, part = told(folder, before)
        if found is None:
            found = Changes()
            print(
                "there is no baseline: read the report, then whiteout-lab baseline update --reason TEXT",
                file=sys.stderr,
            )
        history = (arguments.history or reports_folder() / HISTORY) if is_whole(folder, results) else None
        if arguments.history and not history:
            print("this was not a night of everything, and does not enter the history", file=sys.stderr)
        write_night(found, results, folder, part=part, history=history, loaded=loaded)
    print()
    print("\n".join(map(one_line, text_lines(found, _MOST))))
    return EXIT_BROKEN if troubles or loaded.damaged else exit_code(found, results, loaded.readings, loaded.faults)


def _whole(folder: Path) -> LoadedRuns:
    """The recordings of a run. What is damaged is told, and taken back from its results. Raises BrokenMachinery."""
    if was_killed(folder):
        raise BrokenMachinery(
            "it was killed before its end", where=str(folder), remedy=f"go on with it: nightly --resume {folder}"
        )
    loaded = load([folder])
    for cell in loaded.damaged:
        print(one_line(f"whiteout-lab: {cell.folder}: {cell.damage}"), file=sys.stderr)
    if loaded.damaged:
        taken_back(read_results(folder), [cell.result for cell in loaded.damaged], folder)
    return loaded


def _run(arguments: argparse.Namespace, before: Accounts) -> tuple[Path, tuple[str, ...]]:
    """Run everything, and what changed again; returns the run's folder, and what went wrong beside its cells."""
    ran, folder = _ran(arguments)
    _, found, _ = told(folder, before)
    if found is not None:
        run_again(found, read_plan(folder / PLAN), arguments.jobs, sys.stdout)
    return folder, ran.troubles


def _ran(arguments: argparse.Namespace) -> tuple[Ran, Path]:
    """The run of the night, and its folder."""
    if arguments.resume is not None:
        need_no_words(arguments)
        return run_cells(
            lambda: resume_run(arguments.resume), arguments.jobs, sys.stdout, reports=False
        ), arguments.resume
    taking = Taking.ALL if arguments.readings == Which.ALL and not arguments.tool else Taking.NONE
    if arguments.refresh:
        failed = refresh(unasked(arguments.tool, taking, guests=True), lambda line: print(one_line(line), flush=True))
        for error in failed:
            print(f"whiteout-lab: {error}", file=sys.stderr)
        if failed:
            print("whiteout-lab: the night goes on with the worlds that are there", file=sys.stderr)
    else:
        build_worlds(arguments.tool, strict=False, taking=taking, guests=True)
    plan = decided(
        Wanted(
            tuple(arguments.scenarios),
            tuple(arguments.tool),
            out=arguments.out,
            timeout=arguments.timeout,
            shard=arguments.shard,
            readings=arguments.readings,
            why=str(Whose.FOUNDING),
            faults=str(Whose.FOUNDING),
        )
    )
    return run_cells(lambda: begin_run(plan), arguments.jobs, sys.stdout, reports=False), Path(plan.folder)


def write_night(
    found: Changes,
    results: Results,
    folder: Path,
    *,
    part: bool = False,
    history: Path | None = None,
    loaded: LoadedRuns | None = None,
) -> None:
    """The files of a night. Raises BrokenMachinery where one cannot be written.

    *part*: the run is a part of one: a runner's page and its annotations are of the whole. *history*: the file that the night enters.
    *loaded*: the run's recordings, where they were read already.
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
        nights = (
            _entered(
                remembered(
                    results,
                    found,
                    exit_code(found, results, *((loaded.readings, loaded.faults) if loaded else ())),
                ),
                history,
            )
            if history
            else ()
        )
    finally:  # a history that cannot be written takes nothing else from the report
        write_html(page_of(loaded or load([folder]), night_words(found, nights)), folder / "report.html")
    if os.environ.get("GITHUB_ACTIONS") == "true" and not part:
        for line in workflow_commands(found):
            print(line)


def _entered(night: Night, history: Path) -> tuple[Night, ...]:
    """The nights up to this one, which is one of them now. What of the history cannot be read is told."""
    kept = remember(night, history)
    for line in kept.trouble:
        print(one_line(f"whiteout-lab: {history}: {line}"), file=sys.stderr)
    return kept.until(night.run)


def exit_code(found: Changes, results: Results, readings: Readings | None = None, faults: Faults | None = None) -> int:
    """Broken machinery comes before what changed."""
    outcomes = {cell.outcome for cell in results.cells} | (readings.outcomes if readings else set())
    if Outcome.BROKEN in outcomes:
        return EXIT_BROKEN
    new = Outcome.FINDING in outcomes or (faults is not None and bool(faults.new))
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
