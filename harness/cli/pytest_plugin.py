"""Scenario files as pytest items, one for each cell: ``pytest scenarios``, and the engine of ``whiteout-lab run``.

The controlling process makes the plan and writes it to the run's folder; xdist's workers read it there. Each item carries its result
home as a user property; the controller writes ``results.json`` and the report.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.cells.plan import Cell, NotRun
from harness.cli.begin import begin_run, decided
from harness.cli.endings import leave_to_the_run
from harness.cli.finish import finish_run
from harness.cli.limits import seconds
from harness.errors import EXIT_ALL_SKIPPED, BrokenMachinery, LabError
from harness.judge.findings import Outcome
from harness.judge.verdict_text import describe
from harness.launch.cell import CellContext
from harness.profile import Profile
from harness.runs.cell import run_and_judge
from harness.runs.decide import Wanted
from harness.runs.planfile import PLAN as PLAN_NAME
from harness.runs.planfile import PlanFile, read_plan
from harness.runs.results import CellResult, cell_result
from harness.runs.run import Run
from harness.runs.unrecorded import broken_result, not_run_result
from harness.scenario.loader import canonical, scenarios_below

PROPERTY = "whiteout-lab"
RUN_ALONE = "whiteout-lab run --only '{id}'"
PLAN_OPTION = "--lab-plan"


class NotAsExpected(Exception):
    """A cell with an unnamed finding, or without a known one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """For people who call pytest themselves. ``whiteout-lab run`` has decided everything, and hands on the plan alone."""
    group = parser.getgroup("whiteout-lab")
    group.addoption(
        "--lab-tool", action="append", default=[], metavar="T", help="a tool: NAME, NAME@WORLD or NAME=PATH"
    )
    group.addoption("--lab-profile", action="append", default=[], metavar="P", help="root or user (default: both)")
    group.addoption("--lab-out", default="", metavar="FOLDER", help="the run's folder (default: reports/<time>-<id>)")
    group.addoption("--lab-timeout", type=seconds, default=60.0, metavar="S", help="seconds for one cell")
    group.addoption("--lab-defects", default="", metavar="FOLDER", help="the folder that says what is known")
    group.addoption(PLAN_OPTION, default="", metavar="FILE", help="a plan that was decided; with the argument '.'")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


RUN = pytest.StashKey[Run]()
PLAN = pytest.StashKey[PlanFile]()
CELLS = pytest.StashKey[dict[str, list[tuple[str, Cell | NotRun]]]]()


def the_plan(config: pytest.Config) -> PlanFile:
    """The plan of this run: the one that was handed over, or made here on first need, so that ``pytest tests`` plans nothing."""
    if PLAN not in config.stash:
        option = config.option
        given = option.lab_plan or (config.workerinput.get(PROPERTY) if _is_worker(config) else "")  # type: ignore[attr-defined]
        if given:
            config.stash[PLAN] = read_plan(Path(given))
        else:
            take_up(config, begin_run(decided(_wanted(config))))
    return config.stash[PLAN]


def take_up(config: pytest.Config, run: Run) -> None:
    """Make a run the one of this pytest, which closes it at its end."""
    config.stash[PLAN], config.stash[RUN] = run.plan, run
    config.add_cleanup(run.stack.close)


def _wanted(config: pytest.Config) -> Wanted:
    option = config.option
    return Wanted(
        scenarios=tuple(_scenario_words(config)),
        tools=tuple(option.lab_tool),
        profiles=tuple(Profile(p) for p in option.lab_profile),
        out=Path(option.lab_out) if option.lab_out else None,
        strict=os.environ.get("WHITEOUT_LAB_STRICT") == "1",
        timeout=option.lab_timeout,
        defects=Path(option.lab_defects) if option.lab_defects else None,
    )


def _scenario_words(config: pytest.Config) -> list[str]:
    """The scenario files among pytest's arguments: TOML files that are named, and those of folders called ``scenarios``."""
    found: set[str] = set()
    for arg in config.args:
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
        node.workerinput[PROPERTY] = str(Path(the_plan(node.config).folder) / PLAN_NAME)


def _wants_scenarios(config: pytest.Config) -> bool:
    return bool(config.option.lab_plan or _scenario_words(config))


def _by_scenario(plan: PlanFile) -> dict[str, list[tuple[str, Cell | NotRun]]]:
    found: dict[str, list[tuple[str, Cell | NotRun]]] = {}
    whole = set(plan.whole)
    for cell_id, one in plan.chosen():
        if cell_id in whole:
            continue
        found.setdefault(cell_id.partition("[")[0], []).append((cell_id, one))
    return found


class ScenarioFile(pytest.File):
    """One scenario file: an item for each of its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        plan = the_plan(self.config)
        if CELLS not in self.config.stash:
            self.config.stash[CELLS] = _by_scenario(plan)
        name = plan.scenarios[plan.files.index(str(self.path))].name
        for cell_id, one in self.config.stash[CELLS].get(name, ()):
            yield CellItem.from_parent(self, name=cell_id, one=one)


class NamedFiles(pytest.Directory):
    """The scenario files of a plan that was handed over, wherever they lie: no argument of pytest can hold every name."""

    def collect(self) -> Iterator[pytest.Collector]:
        for file in the_plan(self.config).files:
            yield ScenarioFile.from_parent(self, path=Path(file))


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The folder that ``whiteout-lab run`` starts in stands for the files that it names."""
    here = parent.config.option.lab_plan and path == parent.config.invocation_params.dir
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
        context = CellContext(Path(plan.work), plan.kernel, plan.environment, plan.timeout, of_run=True)
        try:
            ran = run_and_judge(cell, context, keep_at, plan.repeat or cell.scenario.repeat, plan.defects)
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
    given = _is_worker(parent.config) and PROPERTY in parent.config.workerinput  # type: ignore[attr-defined]
    planned = given or str(file) in _scenario_words(parent.config)
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
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if RUN not in self.config.stash:
            return
        run = self.config.stash[RUN]
        run.recover()
        if not run.results:  # nothing ran: --collect-only, or a mistake that was told already
            run.abandon()
            return
        if exitstatus != pytest.ExitCode.INTERRUPTED:
            run.give()
            from harness.cli.looking import look_on, try_faults  # noqa: PLC0415 - not needed on workers

            look_on(run, run.say_looking)
            try_faults(run, run.say_looking)
        partial = bool(self.config.option.keyword or run.plan.only)
        results = run.finish(set(run.results) if partial else None)
        finish_run(run, results)
        if run.leaks or run.problems:
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
