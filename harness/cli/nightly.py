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
from harness.cli.run import Ran, a_part, build_worlds, how_it_runs, need_no_words, run_cells, settled
from harness.cli.worlds import unasked
from harness.compare.change_words import text_lines
from harness.compare.changes import Changes, What, changes
from harness.errors import EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.machine.cache import write_whole
from harness.names import one_line
from harness.report.changes_page import write_page
from harness.report.junit import junit
from harness.report.summary import markdown, workflow_commands
from harness.runs.accounts import accounts
from harness.runs.baseline import baseline_folder, read_baseline
from harness.runs.decide import Wanted
from harness.runs.folders import reports_folder
from harness.runs.planfile import PLAN, PlanFile, read_plan
from harness.runs.results import Results
from harness.tools.asked import HELP as TOOL_HELP
from harness.worlds.refresh import refresh

_MOST = 20  # paragraphs on the terminal

_EPILOG = """\
Builds worlds of what the suites have now, runs everything that this machine can run, compares it with the baseline
(whiteout-lab baseline), runs again what changed, and writes into the run's folder: report.html, changes.html, junit.xml, summary.md.
On a runner of GitHub Actions the summary is the job's, and the first nine changes are annotations.

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
    parser.add_argument("--baseline", metavar="FOLDER", type=Path, help="the baseline (default: reports/baselines)")
    how_it_runs(parser)
    a_part(parser)
    parser.add_argument(
        "--no-refresh",
        dest="refresh",
        action="store_false",
        help="do not ask the archive whether the suites have newer packages (see: worlds build --refresh)",
    )
    parser.set_defaults(handler=nightly)


def nightly(arguments: argparse.Namespace) -> int:
    """One night."""
    with _alone(reports_folder()):
        before = read_baseline(baseline_folder(arguments.baseline))  # one that cannot be read costs no night
        ran, plan = _ran(arguments)
        results = ran.results
        now = accounts(results.cells)
        if before.of:
            found = changes(before.within(now) if plan.narrow else before, now)
            found = settled(found, plan, arguments.jobs, sys.stdout)
        else:
            found = Changes()
            print(
                "there is no baseline: read the report, then whiteout-lab baseline update --reason TEXT",
                file=sys.stderr,
            )
        write_night(found, results, Path(plan.folder))
    print()
    print("\n".join(map(one_line, text_lines(found, _MOST))))
    return EXIT_BROKEN if ran.troubles else exit_code(found, results)


def _ran(arguments: argparse.Namespace) -> tuple[Ran, PlanFile]:
    """The run of the night, and its plan."""
    if arguments.resume is not None:
        need_no_words(arguments)
        return run_cells(lambda: resume_run(arguments.resume), arguments.jobs, sys.stdout), read_plan(
            arguments.resume / PLAN
        )
    if arguments.refresh:
        failed = refresh(unasked(arguments.tool), lambda line: print(one_line(line), flush=True))
        for error in failed:
            print(f"whiteout-lab: {error}", file=sys.stderr)
        if failed:
            print("whiteout-lab: the night goes on with the worlds that are there", file=sys.stderr)
    else:
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
    return run_cells(lambda: begin_run(plan), arguments.jobs, sys.stdout), plan


def write_night(found: Changes, results: Results, folder: Path) -> None:
    """The files of a night. Raises BrokenMachinery where one cannot be written."""
    facts = [f"kernel {results.run.kernel}", f"run {results.run.id}, {results.run.seconds:.0f} s"]
    text = markdown(f"Whiteout Lab: {results.run.started[:10]}", found, facts)
    write_page(found, ["the baseline", f"{results.run.id}, kernel {results.run.kernel}"], folder / "changes.html")
    try:
        write_whole(folder / "junit.xml", junit(results, found))
        write_whole(folder / "summary.md", text.encode())
        step = os.environ.get("GITHUB_STEP_SUMMARY")
        if step:
            with Path(step).open("a", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise BrokenMachinery(
            f"the night's files cannot be written: {error.strerror}", where=str(folder), remedy="make room there"
        ) from error
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(found):
            print(line)


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
