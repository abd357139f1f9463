"""The readings of a run: what its cells wrote is given to everybody who reads it here, many at once. Equal uppers are read once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.judge.defects.model import Defect
from harness.launch.cell import CellContext
from harness.profile import Profile
from harness.readings import truth
from harness.readings.batch import run_batch
from harness.readings.given import Given
from harness.readings.judged import Judge
from harness.readings.results import SCHEMA, Came, Field, GivenRecord, Readings, Source, write_readings
from harness.readings.taker import Role, Taker, takers
from harness.readings.uppers import closed, is_founding, laid_by, marks_below, of_cell
from harness.runs.planfile import PlanFile
from harness.runs.results import CellResult
from harness.runs.shards import parse_shard
from harness.whiteouts.union import merge
from harness.worlds.model import Tool

BATCH = 40  # readings of one script: enough that namespaces cost nothing, few enough that all processors have something to do
FOLDER = "readings"  # in the run's: the scripts and their evidence
_EACH = 5.0  # seconds that a reading may take, beside those of the whole script


class Which(StrEnum):
    """Which readings a run does."""

    NONE = "none"
    FOUNDING = "founding"  # the uppers of the founding case's scenarios
    ALL = "all"


@dataclass(frozen=True)
class Giving:
    """What is given, with its record."""

    given: Given
    record: GivenRecord


def uppers(run: Path, cells: Iterable[CellResult], which: Which) -> list[Giving]:
    """The uppers that cells of a run wrote, equal ones once, in the order of the cells. Raises BrokenMachinery for a damaged recording."""
    found: dict[str, Given] = {}
    for cell in cells:
        if not cell.folder or which is Which.NONE:
            continue
        recording = read(run / cell.folder)
        if which is Which.FOUNDING and not is_founding(recording.scenario):
            continue
        given = of_cell(recording, read_trees(run / cell.folder))
        if given is not None:
            there = found.get(given.key)
            found[given.key] = replace(there, writers=(*there.writers, *given.writers)) if there else given
    return [_giving(given, Source.UPPER, true=_says_what_is_meant(given)) for given in found.values()]


def truths() -> list[Giving]:
    """The rows of the truth table."""
    return [_giving(truth.given_of(case), Source.TRUTH) for case in truth.cases()]


def _giving(given: Given, source: Source, *, true: bool = True) -> Giving:
    record = GivenRecord(
        given.key, given.name, source, len(given.layers), given.writers, true, alone=not marks_below(given)
    )
    return Giving(given, record)


def _says_what_is_meant(given: Given) -> bool:
    """Whether the marks, all of them honoured, give the names that are meant: else no reader can be right."""
    return merge(given.trees).entries.keys() == given.meant.entries.keys()


def readers(tools: Iterable[Tool]) -> list[Taker]:
    """Who mounts layers, of the tools of a run."""
    return [one for one in takers(tools) if one.role in {Role.LOWER, Role.UPPER}]


@dataclass(frozen=True)
class Task:
    """One script: some givens, and who gets them."""

    taker: Taker
    givings: Sequence[Giving]
    number: int


def tasks(every: Sequence[Taker], givings: Sequence[Giving]) -> tuple[list[Task], list[Field]]:
    """The scripts, and what is left out since nobody here could lay it out."""
    found: list[Task] = []
    left: list[Field] = []
    as_root = os.geteuid() == 0
    for taker in every:
        mine = []
        for giving in givings:
            why = _why_not(taker, giving.given, as_root=as_root)
            if why:
                left.append(Field(giving.given.key, taker.key, Came.LEFT_OUT, why))
            else:
                mine.append(giving)
        found += [
            Task(taker, mine[start : start + BATCH], number)
            for number, start in enumerate(range(0, len(mine), BATCH), 1)
        ]
    return found, left


def readings_of(
    plan: PlanFile, work: Path, cells: Iterable[CellResult], jobs: int, say: Callable[[int, int], bool]
) -> Readings:
    """The readings that a plan asks for, of what its run's cells wrote; kept in the run's folder.

    Raises BrokenMachinery for a damaged recording, and where they cannot be kept.
    """
    folder, which = Path(plan.folder), Which(plan.readings)
    every = uppers(folder, cells, which)
    if which is Which.ALL and parse_shard(plan.shard or "1/1")[0] == 1:  # of the parts of a run the first does them
        every += truths()
    readings = read_all(
        folder, work, readers(plan.tools), every, kernel=plan.kernel, defects=plan.defects, jobs=jobs, say=say
    )
    write_readings(readings, folder)
    return readings


def _why_not(taker: Taker, given: Given, *, as_root: bool) -> str:
    """Why nobody here can give it to a taker; empty where somebody can."""
    if not as_root and laid_by(given) is Profile.ROOT:
        return "an ordinary user may not lay it out: its owners, devices or trusted.* xattrs"
    copies = taker.role is Role.UPPER and taker.setup.fs_of_its_own and taker.profile is Profile.USER
    if copies and closed(given):
        return "an ordinary user cannot copy into an image what its owner may not read"
    return ""


def read_all(
    run: Path,
    work: Path,
    every: Sequence[Taker],
    givings: Sequence[Giving],
    *,
    kernel: str,
    defects: Sequence[Defect],
    jobs: int,
    say: Callable[[int, int], bool],
) -> Readings:
    """Do all readings, *jobs* scripts at once. *say*: hears how many readings are done, of how many; what it gives ends it early.

    What could not be done is a field that says so.
    """
    before = time.monotonic()
    planned, fields = tasks(every, givings)
    total = sum(len(task.givings) for task in planned)
    judges = {taker.key: Judge(taker, kernel, defects) for taker in every}
    for task, done in _each_done(planned, lambda task: _fields(run, work, task, judges[task.taker.key], kernel), jobs):
        fields += done
        if say(len(fields), total):
            break
        del task
    order = {taker.key: place for place, taker in enumerate(every)}
    place = {giving.given.key: number for number, giving in enumerate(givings)}
    return Readings(
        SCHEMA,
        tuple(judge.record for judge in judges.values()),
        tuple(giving.record for giving in givings),
        tuple(sorted(fields, key=lambda one: (place[one.given], order[one.taker]))),
        round(time.monotonic() - before, 2),
    )


def _each_done(
    planned: Sequence[Task], do: Callable[[Task], list[Field]], jobs: int
) -> Iterator[tuple[Task, list[Field]]]:
    """The tasks as they end, so many at once; the long ones begin first."""
    waiting = sorted(planned, key=lambda task: -_weight(task))
    with ThreadPoolExecutor(jobs) as pool:
        running: dict[Future[list[Field]], Task] = {}
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop(0)
                    running[pool.submit(do, task)] = task
                for one in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(one), one.result()
        finally:
            for one in running:
                one.cancel()


def _weight(task: Task) -> float:
    return len(task.givings) * (4.0 if task.taker.setup.fs_of_its_own else 1.0)


def _fields(run: Path, work: Path, task: Task, judge: Judge, kernel: str) -> list[Field]:
    givens = [giving.given for giving in task.givings]
    context = CellContext(work, kernel, {}, timeout=60 + _EACH * len(givens))
    keep_at = run / FOLDER / f"{task.taker.key}.{task.number}.tar.gz"
    try:
        saw = run_batch(task.taker, givens, context, keep_at)
    except BrokenMachinery as error:
        return [Field(given.key, task.taker.key, Came.BROKEN, str(error)) for given in givens]
    return [judge.judged(given, one) for given, one in zip(givens, saw, strict=True)]


def counted(readings: Readings) -> Mapping[Came, int]:
    """How many readings came to what."""
    return {came: sum(one.came is came for one in readings.fields) for came in Came}
