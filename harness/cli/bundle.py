"""``whiteout-lab bundle``: the attachment and the text of a bug report, tried before they are sent."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from harness.cells.plan import Cell, cell_of
from harness.cli.limits import seconds
from harness.cli.script import plain_id
from harness.cli.tried import tried
from harness.cli.why import observed
from harness.cli.working import say
from harness.compare.words import count
from harness.diagnose.told import NAME as WHY
from harness.diagnose.told import Why
from harness.errors import EXIT_AS_EXPECTED, BrokenMachinery, LabError, UsageError
from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.judge.defects.model import Defect
from harness.machine.cache import cache_folder, write_whole
from harness.machine.identity import identity
from harness.machine.workfolder import reaped_folder
from harness.names import one_line, printable
from harness.places import REMOUNT, UPPER, PlaceName
from harness.report.bundle import archive, check_output, folder_of, names, redacted, versions, whole, write_run
from harness.report.html import write_report
from harness.report.issue import Case, Issue, issue_text, title
from harness.report.projects import OF, PROJECTS
from harness.report.redact import Private, Redactor, listing
from harness.runs.folders import project_folder, reports_folder, work_parent
from harness.runs.merge import plans_of
from harness.runs.planfile import PlanFile
from harness.runs.results import CellResult, Results
from harness.runs.resume import results_of
from harness.scenario.loader import parse
from harness.scenario.model import Scenario
from harness.script.alone import Alone, alone, reproduce
from harness.script.typed import typed
from harness.snapshot.tar_write import tar_of

_EPILOG = """\
The archive holds report.html of these cells alone, reproduce.sh (plain sh; says what it needs; exit codes 0, 1, 125, 77, so that git
bisect run can use it), for each cell its script, the fewest commands to type, the scenario, the upper as a tar and the recording, and
ISSUE.md, the text to paste. Both are run first, in the world of each cell. Names of this machine and its people, addresses and keys are
taken out; what was taken out is listed. Nothing is sent anywhere.

examples:
  whiteout-lab bundle 'ghost-marker[fuse-overlayfs-1.14-user]' --output ghost-marker.tar.gz
  whiteout-lab bundle 'ghost-marker[singularity-ce+oci-4.2.0-root]' --for singularity --output 3176.tar.gz
"""


def register(parser: argparse.ArgumentParser) -> None:
    """The words of ``bundle``."""
    parser.description = "One archive that reproduces what was found, and the text of a bug report."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "cells", nargs="+", metavar="CELL", help="a cell's id, as list prints it; the one that matters most first"
    )
    parser.add_argument("--run", type=Path, metavar="RUN", help="the run that recorded them (default: reports/latest)")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="FILE", help="the archive, a .tar.gz")
    parser.add_argument(
        "--for",
        dest="project",
        choices=sorted(PROJECTS),
        help="worded for this project's template (default: the program's own)",
    )
    parser.add_argument(
        "--times", type=_times, default=3, metavar="N", help="run the script N times first (default: 3; 0: not)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=300.0, metavar="S", help="seconds for one of these runs (default: 300)"
    )
    parser.set_defaults(handler=bundle)


def _times(text: str) -> int:
    if not text.isdigit() or int(text) > 1000:
        raise argparse.ArgumentTypeError("a number from 0 to 1000")
    return int(text)


def bundle(arguments: argparse.Namespace) -> int:
    """Write the archive, and print the text's title and what was taken out."""
    folder = check_output(arguments.output)
    job = _job(arguments)
    files, cases = job.files()
    cases = [
        tried(case, job.planned.get(case.recording.id, (None,))[0], files, arguments.times, arguments.timeout)
        for case in cases
    ]
    taken = listing(job.redactor.counts, job.redactor.private)
    issue = Issue(tuple(cases), job.defects, arguments.output.name, folder, tuple(taken))
    project = PROJECTS[arguments.project or OF.get(cases[0].recording.tool.program, "plain")]
    files["ISSUE.md"] = job.redactor.text(issue_text(issue, project).encode("utf-8", "backslashreplace"))
    files["TAKEN-OUT.txt"] = ("\n".join(taken or ["nothing"]) + "\n").encode()
    packed = archive(folder, files, job.results.run.started)
    try:
        write_whole(arguments.output, packed)
    except OSError as error:
        raise BrokenMachinery(f"cannot be written: {error.strerror}", where=str(arguments.output)) from error
    print(one_line(f"{arguments.output} ({len(packed) / 1e3:,.0f} KB): {title(cases[0], job.defects)}"))
    for case in cases:
        shown = case.script.why_not or f"it showed in {case.script.shown} of {count(case.script.runs, 'run')}"
        print(one_line(f"{case.recording.id}: {shown}"))
    print(one_line("taken out: " + ("; ".join(taken) or "nothing")))
    print(f"the text to paste is {folder}/ISSUE.md in it" + (f": {project.where}" if project.where else ""))
    if project.note:
        print(project.note)
    return EXIT_AS_EXPECTED


@dataclass(frozen=True)
class _Job:
    """What is bundled: cells of a run, with the plans that say how each was run."""

    run: Path
    results: Results
    wanted: tuple[CellResult, ...]
    plans: tuple[PlanFile, ...]
    redactor: Redactor
    looks: bool = True  # whether a cell whose run told no why is run once more under observation
    timeout: float = 300.0  # seconds for that

    @property
    def defects(self) -> dict[str, Defect]:
        return {one.name: one for one in self.results.defects}

    @cached_property
    def planned(self) -> dict[str, tuple[Cell, Path]]:
        """Of the cells that are wanted how their run planned them, and the files of their scenarios."""
        ids = {one.id for one in self.wanted}
        return {
            cell.id: (cell, Path(plan.files[decision.scenario]))
            for plan in reversed(self.plans)  # the first that has it counts
            for decision, cell in zip(plan.decisions, map(cell_of, plan.cells()), strict=True)
            if cell.id in ids
        }

    def files(self) -> tuple[dict[str, bytes], list[Case]]:
        """The files of the archive but for the text, and what that is made of. Raises BrokenMachinery."""
        files: dict[str, bytes] = {}
        cases: list[Case] = []
        alones: list[Alone] = []
        recorded: dict[str, Mapping[str, bytes]] = {}
        left: dict[str, list[str]] = {}
        places = self._places()
        try:
            for result in self.wanted:
                name = folder_of(result.id)
                clean, left[name] = redacted(self.run / result.folder, self.redactor)
                recorded[result.id] = clean | self._why(result, clean)
                mine, case, one = self._case(result, name, recorded[result.id])
                files |= {f"{name}/{file}": content for file, content in mine.items()}
                cases.append(replace(case, versions=versions(result, self.results.cells, places)))
                alones += [one] if one is not None else []
            files |= self._report(recorded)
        except OSError as error:
            raise BrokenMachinery(f"cannot be read or written: {error.strerror}", where=str(error.filename)) from error
        about = [
            title(cases[0], self.defects),
            *(f"cell {case.recording.id}" for case in cases),
        ]
        files["reproduce.sh"] = reproduce(alones, about)
        stayed = names(left)
        return files | ({"LEFT-OUT.txt": ("\n".join(stayed) + "\n").encode()} if stayed else {}), cases

    def _case(
        self, result: CellResult, name: str, clean: Mapping[str, bytes]
    ) -> tuple[dict[str, bytes], Case, Alone | None]:
        """Of one cell: what lies in its folder of the archive, what is told of it, and how it is run alone. *clean*: its recording."""
        recording = whole(self.run / result.folder, result)
        cell, file = self.planned.get(result.id, (None, Path()))
        files = {"script.sh": clean["script.sh"]}
        trees = read_trees(self.run / result.folder)
        if UPPER in trees:
            files["upper.tar"] = clean.get("upper.tar") or self.redactor.tar(tar_of(trees[UPPER]))
        text = file.read_bytes() if file.is_file() else b""
        if _is_of(text, recording.scenario):
            files["scenario.toml"] = self.redactor.text(text)
        again = any(finding.place == REMOUNT for finding in result.findings)
        steps = self.redactor.text(typed(cell, again=again)) if cell is not None else b""
        files |= {"steps.sh": steps} if steps else {}
        one = alone(cell, clean["script.sh"], name, hangs=recording.timed_out) if cell is not None else None
        why = msgspec.json.decode(clean[WHY], type=Why) if WHY in clean else None
        case = Case(recording, result.findings, name, printable(steps.decode("utf-8", "replace")), why=why)
        return files, case, one

    def _why(self, result: CellResult, clean: Mapping[str, bytes]) -> dict[str, bytes]:
        """What a run under observation tells of a cell, where its run did not, and this machine can."""
        cell = self.planned.get(result.id, (None, Path()))[0]
        if WHY in clean or not self.looks or cell is None or not result.findings:
            return {}
        say(f"{result.id}: running it under observation")
        try:
            told = observed(cell, self.timeout)
        except LabError as error:
            say(f"{result.id}: it could not be observed: {error.what}")
            return {}
        return {WHY: self.redactor.text(msgspec.json.encode(told))}

    def _report(self, recorded: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
        """The report of these cells alone, and the run that it is made of. Raises OSError, BrokenMachinery."""
        with reaped_folder(work_parent(), "run", f"bundle-{secrets.token_hex(4)}") as scratch:
            made = scratch / "made"
            made.mkdir()
            write_run(self.results, recorded, self.redactor, made)
            write_report(made, scratch / "report.html")
            files = {
                f"run/{path.relative_to(made)}": path.read_bytes() for path in sorted(made.rglob("*")) if path.is_file()
            }
            return {**files, "report.html": (scratch / "report.html").read_bytes()}

    def _places(self) -> dict[str, Collection[PlaceName]]:
        """At what somebody looked in each cell of the same scenarios."""
        scenarios = {one.scenario for one in self.wanted}
        found: dict[str, Collection[PlaceName]] = {}
        for cell in self.results.cells:
            if cell.scenario in scenarios and cell.folder:
                with contextlib.suppress(LabError):
                    folder = self.run / cell.folder
                    asked = {one.place for one in read(folder).answers if one.place}
                    found[cell.id] = asked | read_trees(folder).keys()
        return found


def _job(arguments: argparse.Namespace) -> _Job:
    run = arguments.run or reports_folder() / "latest"
    results = results_of(run)
    wanted = tuple(_named(cell, results) for cell in dict.fromkeys(map(plain_id, arguments.cells)))
    plans = tuple(plans_of(run))
    given = [
        Path(tool.main.path).parent for plan in plans for tool in plan.tools if tool.origin in {"given", "installed"}
    ]
    here = [cache_folder(), project_folder(), work_parent(), run.absolute(), run.resolve(), Path.cwd(), *given]
    here += [folder for plan in plans for folder in (Path(plan.folder), Path(plan.work).parent)]
    redactor = Redactor(Private(identity(here)))
    return _Job(run, results, wanted, plans, redactor, bool(arguments.times), arguments.timeout)


def _is_of(file: bytes, scenario: Scenario) -> bool:
    """Whether a file is a scenario's, as it was when it ran."""
    if not file:
        return False
    try:
        return parse(file, where=scenario.name, name=scenario.name) == scenario
    except LabError:
        return False


def _named(cell_id: str, results: Results) -> CellResult:
    """The result of a cell that was recorded. Raises UsageError."""
    by_id = {cell.id: cell for cell in results.cells}
    cell = by_id.get(cell_id)
    if cell is None:
        near = difflib.get_close_matches(cell_id, by_id, n=3)
        raise UsageError(
            f"the run {results.run.id} has no cell {cell_id!r}",
            where="bundle",
            remedy=f"did you mean {', '.join(near)}?" if near else "run it first, or name another run with --run",
        )
    if not cell.folder:
        raise UsageError(f"{cell_id} was not recorded: {cell.reason}", where="bundle", remedy=cell.remedy or "run it")
    return cell
