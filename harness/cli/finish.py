"""The end of a run: its results, its report, and what of it stays on disk."""

from __future__ import annotations

import contextlib

from harness.errors import BrokenMachinery, LabError
from harness.runs.folders import reports_folder
from harness.runs.results import Results, taken_back, write_results
from harness.runs.run import Run, drop_recordings


def _reported(run: Run, results: Results) -> Results:
    """Write the report; what turned out to be damaged on the way is taken back from the results."""
    from harness.report.html import write_report  # noqa: PLC0415 - the report's templates cost a worker's start

    damaged = write_report(run.folder, run.folder / "report.html").damaged
    run.problems += [BrokenMachinery(cell.damage, where=str(cell.folder)) for cell in damaged]
    return taken_back(results, [cell.result for cell in damaged], run.folder)


def finish_run(run: Run, results: Results) -> None:
    """``results.json``, the report, the link ``latest``, and what need not be kept. What cannot be written is the run's trouble."""
    try:
        write_results(results, run.folder)
        if run.reports:
            run.ended = results = _reported(run, results)
        if run.plan.keep != "always":
            drop_recordings(run, results)
    except LabError as error:
        run.problems.append(error)
        return
    latest = reports_folder() / "latest"
    if run.folder.parent == latest.parent:  # a folder that --out named is the user's own
        beside = latest.with_name(f".latest-{run.folder.name}")
        with contextlib.suppress(OSError):
            beside.symlink_to(run.folder.name)
            beside.replace(latest)
