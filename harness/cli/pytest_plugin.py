"""Scenario files as pytest items, one for each cell: ``pytest scenarios``, and the engine of ``whiteout-lab run``.

The controlling process makes the plan and writes it to the run's folder; xdist's workers read it there. Each item carries its result
home as a user property; the controller writes ``results.json`` and the report.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.cells.plan import Cell, NotRun
from harness.cli.endings import leave_to_the_run
from harness.cli.finish import finish_run
from harness.cli.limits import seconds
from harness.errors import EXIT_ALL_SKIPPED, BrokenMachinery, LabError
from harness.judge.findings import Outcome
from harness.judge.verdict_text import describe
from harness.launch.cell import Bench
from harness.machine.workfolder import work_folder
from harness.names import one_line
from harness.profile import Profile
from harness.runs.cell import run_and_judge
from harness.runs.decide import Wanted, decide, obstacles_here, unmet_error
from harness.runs.folders import work_parent
from harness.runs.planfile import PlanFile, named_cells, read_plan, write_plan
from harness.runs.results import CellResult, cell_result
from harness.runs.run import Run, is_excluded
from harness.runs.unrecorded import broken_result, not_run_result
from harness.scenario.loader import canonical, scenarios_below

PROPERTY = "whiteout-lab"
RUN_ALONE = "whiteout-lab run --only '{id}'"


class NotAsExpected(Exception):
    """A cell with an unnamed finding, or without a known one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of a run; ``whiteout-lab run`` passes its own here."""
    group = parser.getgroup("whiteout-lab")
    group.addoption(
        "--lab-tool", action="append", default=[], metavar="T", help="a tool: NAME, NAME@WORLD or NAME=PATH"
    )
    group.addoption("--lab-profile", action="append", default=[], metavar="P", help="root or user (default: both)")
    group.addoption("--lab-out", default="", metavar="FOLDER", help="the run's folder (default: reports/<time>-<id>)")
    group.addoption("--lab-keep", default="always", choices=["never", "failed", "always"], help="which recordings stay")
    group.addoption("--lab-strict", action="store_true", help="a tool or world that is missing is a failure")
    group.addoption("--lab-timeout", type=seconds, default=60.0, metavar="S", help="seconds for one cell")
    group.addoption(
        "--lab-repeat", type=int, default=0, metavar="N", help="run each cell N times (default: as its scenario says)"
    )
    group.addoption("--lab-defects", default="", metavar="FOLDER", help="the folder that says what is known")
    group.addoption("--lab-only", action="append", default=[], metavar="ID", help="the cell with this id")
    group.addoption(
        "--lab-scenario", action="append", default=[], metavar="FILE",
        help="a scenario file, whatever its name: pytest's own arguments cannot hold every one. With the argument '.'",
    )  # fmt: skip


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


RUN = pytest.StashKey[Run]()
PLAN = pytest.StashKey[PlanFile]()
CELLS = pytest.StashKey[dict[str, list[tuple[str, Cell | NotRun]]]]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """On a worker, read the plan that the controller made."""
    config = session.config
    path = config.workerinput.get(PROPERTY) if _is_worker(config) else None  # type: ignore[attr-defined]
    if path:
        config.stash[PLAN] = read_plan(Path(path))


def the_plan(config: pytest.Config) -> PlanFile:
    """The plan of this run; made on first need, so that ``pytest tests`` plans nothing."""
    if PLAN not in config.stash:
        option = config.option
        wanted = Wanted(
            scenarios=tuple(_scenario_words(config)),
            tools=tuple(option.lab_tool),
            profiles=tuple(Profile(p) for p in option.lab_profile),
            out=Path(option.lab_out) if option.lab_out else None,
            keep=option.lab_keep,
            only=tuple(option.lab_only),
            strict=option.lab_strict or os.environ.get("WHITEOUT_LAB_STRICT") == "1",
            timeout=option.lab_timeout,
            defects=Path(option.lab_defects) if option.lab_defects else None,
        )
        plan = decide(wanted, obstacles_here(), lambda line: print(one_line(line), file=sys.stderr))
        missing = [one for one in plan.unavailable if one["remedy"]] if wanted.strict else []
        if missing:
            raise BrokenMachinery(
                f"{missing[0]['reason']} (strict: nothing may be missing)",
                where=f"{missing[0]['name']} ({missing[0]['where']})",
                remedy=missing[0]["remedy"],
            )
        if plan.unmet:
            raise unmet_error(plan.unmet)
        with contextlib.ExitStack() as made:
            made.enter_context(work_folder(work_parent(), plan.run))
            write_plan(plan)
            stack = made.pop_all()
        config.stash[PLAN] = plan
        config.stash[RUN] = Run(plan, stack)
        config.add_cleanup(stack.close)
    return config.stash[PLAN]


def _scenario_words(config: pytest.Config) -> list[str]:
    """The scenario files among pytest's arguments: TOML files that are named, and those of folders called ``scenarios``."""
    found: set[str] = {str(canonical(Path(file))) for file in config.option.lab_scenario}
    for arg in config.args if not found else ():
        path = canonical(Path(str(arg).split("::", maxsplit=1)[0]))
        if path.is_dir():
            found |= {str(file) for file in scenarios_below(path.resolve()) if "scenarios" in file.parts}
        elif path.suffix == ".toml":
            found.add(str(path))
    return sorted(found)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Xdist: tell a worker where the plan is."""
    if _wants_scenarios(node.config):
        the_plan(node.config)
        node.workerinput[PROPERTY] = str(Path(the_plan(node.config).folder) / "plan.json")


def _wants_scenarios(config: pytest.Config) -> bool:
    return bool(_scenario_words(config))


def _by_scenario(plan: PlanFile) -> dict[str, list[tuple[str, Cell | NotRun]]]:
    found: dict[str, list[tuple[str, Cell | NotRun]]] = {}
    for cell_id, one in named_cells(plan.cells()).items():
        found.setdefault(cell_id.partition("[")[0], []).append((cell_id, one))
    return found


class ScenarioFile(pytest.File):
    """One scenario file: an item for each of its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        plan = the_plan(self.config)
        if CELLS not in self.config.stash:
            self.config.stash[CELLS] = _by_scenario(plan)
        only = set(self.config.option.lab_only)
        name = plan.scenarios[plan.files.index(str(self.path))].name
        for cell_id, one in self.config.stash[CELLS].get(name, ()):
            if not is_excluded(one) and (not only or cell_id in only):
                yield CellItem.from_parent(self, name=cell_id, one=one)


class NamedFiles(pytest.Directory):
    """The scenario files of ``--lab-scenario``, wherever they lie."""

    def collect(self) -> Iterator[pytest.Collector]:
        for file in the_plan(self.config).files:
            yield ScenarioFile.from_parent(self, path=Path(file))


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The folder that ``whiteout-lab run`` starts in stands for the files that it names."""
    here = parent.config.option.lab_scenario and path == parent.config.invocation_params.dir
    return NamedFiles.from_parent(parent, path=path) if here else None


class CellItem(pytest.Item):
    """One cell."""

    def __init__(self, *, one: Cell | NotRun, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.one = one

    def runtest(self) -> None:
        plan = the_plan(self.config)
        if isinstance(self.one, NotRun):
            self._bring(not_run_result(self.one, plan.kernel))
            if plan.strict:
                raise BrokenMachinery(f"{self.one.reason} (strict: nothing may be missing)", remedy=self.one.remedy)
            pytest.skip(f"{self.one.reason}" + (f" — {self.one.remedy}" if self.one.remedy else ""))
        cell = self.one
        keep_at = Path(plan.folder) / "cells" / cell.id
        bench = Bench(Path(plan.work), plan.kernel, plan.environment, plan.timeout)
        try:
            ran = run_and_judge(
                cell, bench, keep_at, self.config.option.lab_repeat or cell.scenario.repeat, plan.defects
            )
        except BrokenMachinery as error:  # nothing was recorded
            self._bring(broken_result(cell, plan.kernel, error))
            raise
        verdict = ran.verdict
        self._bring(cell_result(ran.recording, verdict, f"cells/{cell.id}"))
        if verdict.outcome is Outcome.BROKEN:
            raise BrokenMachinery(verdict.reason, where=cell.id)
        if verdict.outcome is Outcome.FINDING:
            raise NotAsExpected(describe(ran.recording, verdict, ran.trees))

    def _bring(self, result: CellResult) -> None:
        self.user_properties.append((PROPERTY, msgspec.json.encode(result).decode()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAsExpected | LabError):
            return f"{excinfo.value}\n\nalone: {RUN_ALONE.format(id=self.name)}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenario files are TOML files in a folder ``scenarios``, or named on the command line."""
    if file_path.suffix != ".toml":
        return None
    file = canonical(file_path)
    planned = PLAN in parent.config.stash if _is_worker(parent.config) else str(file) in _scenario_words(parent.config)
    if planned:
        plan = the_plan(parent.config)
        if str(file) in plan.files:
            return ScenarioFile.from_parent(parent, path=file)
    return None


def result_of(report: pytest.TestReport) -> CellResult | None:
    """The result that a report carries, once for each item."""
    if report.when != "call":
        return None
    for name, value in report.user_properties:
        if name == PROPERTY:
            return msgspec.json.decode(str(value), type=CellResult)
    return None


class Collector:
    """Registered on the controller alone: takes the results as they come."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if RUN not in self.config.stash:
            return
        run = self.config.stash[RUN]
        result = result_of(report) or (run.crashed(report) if report.failed else None)
        if result is not None:
            run.take(result)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:  # noqa: ARG002
        if RUN not in self.config.stash:
            return
        run = self.config.stash[RUN]
        run.recover()
        if not run.results:  # nothing ran: --collect-only, or a mistake that was told already
            run.abandon()
            return
        partial = bool(self.config.option.keyword or self.config.option.lab_only)
        results = run.finish(set(run.results) if partial else None)
        finish_run(run, results)
        if run.leaks or run.trouble:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        elif results.cells and all(cell.outcome is Outcome.SKIPPED for cell in results.cells):
            session.exitstatus = EXIT_ALL_SKIPPED


def pytest_configure(config: pytest.Config) -> None:
    """The controller listens to its workers."""
    if not _is_worker(config):
        config.pluginmanager.register(Collector(config), "whiteout-lab-collector")
    elif _wants_scenarios(config):
        leave_to_the_run()


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """The four outcomes by their own names."""
    if report.when == "call" and report.failed:
        result = result_of(report)
        if result is not None:
            return {
                Outcome.FINDING: ("failed", "F", "FINDING"),
                Outcome.BROKEN: ("failed", "B", "BROKEN"),
            }.get(result.outcome, ("failed", "F", "FAILED"))
    return None
