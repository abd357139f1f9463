"""The readings of a run: what its cells wrote is given to everybody here, many at once. The edge that touches the machine."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import BrokenMachinery
from harness.judge.defects.model import Defect
from harness.launch.cell import CellContext
from harness.profile import Profile
from harness.readings.batch import Saw, run_batch
from harness.readings.given import Given
from harness.readings.judged import Judge, settled
from harness.readings.results import SCHEMA, Came, Field, Readings, write_readings
from harness.readings.taker import Role, Taker, takers
from harness.readings.uppers import closed, laid_by
from harness.runs.folders import project_folder
from harness.runs.givings import CORPUS, Giving, Which, all_packed, all_sealed, cases, truths, uppers
from harness.runs.planfile import PlanFile
from harness.runs.results import CellResult
from harness.runs.shards import parse_shard
from harness.worlds.model import Tool

BATCH = 40  # readings of one script: enough that namespaces cost nothing, few enough that all processors have something to do
FOLDER = "readings"  # in the run's: the scripts and their evidence
MORE = 2  # times that a reading with something new is done again: a daemon that died once in ten thousand mounts is told as that
_EACH = 5.0  # seconds that a reading may take, beside those of the whole script

# Hears which readings go on, how many are done, of how many; what it gives ends them early.
Say = Callable[[str, int, int], bool]


class EndedEarly(Exception):
    """Somebody wants the end: what was read so far is kept."""


@dataclass(frozen=True)
class Task:
    """One script: some givens, and who gets them. ``name``: of the file that its evidence is kept in."""

    taker: Taker
    givings: Sequence[Giving]
    name: str

    @property
    def weight(self) -> float:
        """About how long it takes, beside others: a stack of images, a daemon."""
        return len(self.givings) * (4.0 if self.taker.setup.fs_of_its_own or self.taker.role is Role.IMAGE else 1.0)


class Giver:
    """Gives, and keeps what comes of it. *jobs*: scripts at once. Each stage waits for the one before it."""

    def __init__(self, run: Path, context: CellContext, defects: Sequence[Defect], jobs: int, say: Say) -> None:
        self._run, self._context, self._defects, self._jobs, self._say = run, context, defects, jobs, say
        self._judges: dict[str, Judge] = {}
        self._givings: dict[str, Giving] = {}
        self._fields: list[Field] = []
        self._clock = time.monotonic()
        self.layers: list[tuple[Giving, str, bytes]] = []  # what packers made: of what, by whom, and the tar

    def give(self, stage: str, every: Sequence[Taker], givings: Sequence[Giving]) -> None:
        """Every giving to every taker. Raises EndedEarly where somebody wants the end."""
        self._givings |= {one.given.key: one for one in givings}
        self._judges |= {one.key: Judge(one, self._context.kernel, self._defects) for one in every}
        planned, left_out = self._planned(stage, every, givings)
        came: dict[tuple[str, str], list[Field]] = {}
        try:
            self._each(stage, planned, came)
            unsettled = {key for key, (first,) in came.items() if first.new or first.came is Came.BROKEN}
            for number in range(1, MORE + 1):
                self._each(f"{stage} again", _again(planned, unsettled, number), came)
        finally:  # what was read before somebody wanted the end is kept
            self._fields += [*left_out, *map(settled, came.values())]

    def _each(self, stage: str, planned: Sequence[Task], came: dict[tuple[str, str], list[Field]]) -> None:
        """Do the tasks; what comes of each reading is added to *came*, by its given and its taker. Raises EndedEarly."""
        total, done = sum(len(task.givings) for task in planned), 0
        for task, saw in _each_done(planned, self._read, self._jobs):
            judge = self._judges[task.taker.key]
            for giving, one in zip(task.givings, saw, strict=True):
                before = came.setdefault((giving.given.key, task.taker.key), [])
                if one.layer and all(field.came is Came.BROKEN for field in before):
                    self.layers.append((giving, task.taker.key, one.layer))
                before.append(judge.judged(giving.given, one))
            done += len(saw)
            if self._say(stage, done, total):
                raise EndedEarly

    def _planned(self, stage: str, every: Sequence[Taker], givings: Sequence[Giving]) -> tuple[list[Task], list[Field]]:
        """The scripts; what nobody here could lay out is a field that says so."""
        found: list[Task] = []
        left_out: list[Field] = []
        for taker in every:
            mine = []
            for giving in givings:
                why = _why_not(taker, giving.given, as_root=os.geteuid() == 0)
                if why:
                    left_out.append(Field(giving.given.key, taker.key, Came.LEFT_OUT, why))
                else:
                    mine.append(giving)
            found += [
                Task(taker, mine[start : start + BATCH], f"{taker.key}.{stage.replace(' ', '-')}.{number}")
                for number, start in enumerate(range(0, len(mine), BATCH), 1)
            ]
        return sorted(found, key=lambda task: -task.weight), left_out  # the long ones begin first

    def _read(self, task: Task) -> list[Saw]:
        givens = [giving.given for giving in task.givings]
        context = CellContext(
            self._context.work, self._context.kernel, self._context.environment, 60 + _EACH * len(givens)
        )
        try:
            return run_batch(task.taker, givens, context, self._run / FOLDER / f"{task.name}.tar.gz")
        except BrokenMachinery as error:
            return [Saw(None, broken=str(error)) for _ in givens]

    def readings(self) -> Readings:
        """Everything so far, in the order of what was given, and to whom."""
        order = {key: place for place, key in enumerate(self._judges)}
        place = {key: number for number, key in enumerate(self._givings)}
        return Readings(
            SCHEMA,
            tuple(judge.record for judge in self._judges.values()),
            tuple(giving.record for giving in self._givings.values()),
            tuple(sorted(self._fields, key=lambda one: (place[one.given], order[one.taker]))),
            round(time.monotonic() - self._clock, 2),
        )


def _again(planned: Sequence[Task], unsettled: Collection[tuple[str, str]], number: int) -> list[Task]:
    """The tasks with what is to be read again alone. More than a script of one taker is no chance, and stays as it was read."""
    often = Counter(taker for _, taker in unsettled)
    found = []
    for task in planned:
        mine = [giving for giving in task.givings if (giving.given.key, task.taker.key) in unsettled]
        if mine and often[task.taker.key] <= BATCH:
            found.append(replace(task, givings=mine, name=f"{task.name}.again-{number}"))
    return found


def _why_not(taker: Taker, given: Given, *, as_root: bool) -> str:
    """Why nobody here can give it to a taker; empty where somebody can."""
    if taker.role is Role.IMAGE:
        return ""
    itself = not as_root or (taker.setup.container and taker.profile is Profile.USER)
    if itself and laid_by(given) is Profile.ROOT:
        return "an ordinary user may not lay it out: its owners, devices or trusted.* xattrs"
    copies = (taker.role is Role.UPPER and taker.setup.fs_of_its_own) or taker.role is Role.FOLDER
    if copies and taker.profile is Profile.USER and closed(given):
        return "an ordinary user cannot copy a device, or what its owner may not read"
    return ""


def _each_done(planned: Sequence[Task], do: Callable[[Task], list[Saw]], jobs: int) -> Iterator[tuple[Task, list[Saw]]]:
    """The tasks as they end, so many at once."""
    waiting = list(planned)
    with ThreadPoolExecutor(jobs) as pool:
        running: dict[Future[list[Saw]], Task] = {}
        while waiting or running:
            while waiting and len(running) < jobs:
                task = waiting.pop(0)
                running[pool.submit(do, task)] = task
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(one), one.result()


def of_roles(tools: Iterable[Tool], *roles: Role) -> list[Taker]:
    """Who of some tools takes layers so."""
    return [one for one in takers(tools) if one.role in roles]


def _who_may(plan: PlanFile) -> Callable[[list[Taker]], list[Taker]]:
    """Those of takers that the plan asks for, and that nothing here is in the way of."""

    def may(every: list[Taker]) -> list[Taker]:
        return [
            one
            for one in every
            if one.profile in plan.profiles and f"{one.tool.name} {one.profile}" not in plan.blocked
        ]

    return may


def readings_of(plan: PlanFile, work: Path, cells: Iterable[CellResult], jobs: int, say: Say) -> Readings:
    """The readings that a plan asks for, of what its run's cells wrote; kept in the run's folder.

    Of the parts of a run each gives what its own cells wrote, and the first what no cell wrote. Raises BrokenMachinery for a damaged
    recording, and where they cannot be kept.
    """
    folder, which = Path(plan.folder), Which(plan.readings)
    giver = Giver(folder, CellContext(work, plan.kernel, plan.environment), plan.defects, jobs, say)
    may = _who_may(plan)
    mounting = may(of_roles(plan.tools, Role.LOWER, Role.UPPER))
    first = which is Which.ALL and parse_shard(plan.shard or "1/1")[0] == 1
    try:
        written = uppers(folder, cells, which)
        giver.give("uppers", mounting, written)
        if which is Which.ALL:
            founding = [one for one in written if one.founding and one.record.true]
            seals = all_sealed(founding)
            giver.give("sealed uppers", mounting, seals)
            giver.give("encodings", mounting, truths() if first else [])
            giver.give("packers", may(of_roles(plan.takers, Role.FOLDER)), founding)
            images = [
                *all_packed(giver.layers),
                *(one for one in seals if any(target.startswith("oci") for _, target in one.record.origins)),
                *(cases(project_folder() / "scenarios" / CORPUS) if first else []),
            ]
            giver.give("images", may(of_roles(plan.takers, Role.IMAGE)), images)
    except EndedEarly:
        pass
    readings = giver.readings()
    write_readings(readings, folder)
    return readings
