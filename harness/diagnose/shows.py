"""Whether a cell shows a finding: which one is meant, and running a scenario to see. The edge that touches the machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.cells.plan import Cell
from harness.errors import BrokenMachinery, ScenarioError, UsageError
from harness.judge.defects.model import Defect
from harness.judge.findings import Finding, Outcome, flat
from harness.judge.judged import Judged, judged
from harness.launch.cell import CellContext, run_cell
from harness.machine.guarded import remove_tree
from harness.places import PlaceName
from harness.scenario.loader import parse
from harness.scenario.model import Scenario
from harness.scenario.rehearse import slips
from harness.scenario.writer import write_scenario


@dataclass(frozen=True)
class Meant:
    """A finding, whatever its names are: its code and place, and the defect that explains it, where one does."""

    code: str
    place: PlaceName
    defect: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Meant:
        return cls(finding.code, finding.place, finding.known.defect if finding.known else "")

    def among(self, findings: Sequence[Finding]) -> Finding | None:
        """The first of them that is this one."""
        return next((one for one in flat(findings) if Meant.of(one) == self), None)

    def alike(self, findings: Sequence[Finding]) -> bool:
        """Whether it is among them, whatever is known of another version of the program."""
        return any((one.code, one.place) == (self.code, self.place) for one in flat(findings))


def chosen(findings: Sequence[Finding], key: str, cell_id: str) -> Finding:
    """The finding that a user means: by its code, its key or the beginning of it, or the defect's name; without a word the first new one.

    Raises UsageError where none is, with those that there are.
    """
    every = list(flat(findings))
    fitting = [one for one in every if one.key.startswith(key) or (one.known and one.known.defect == key)]
    fitting = fitting if key else [one for one in every if one.known is None] or every
    if fitting:
        return fitting[0]
    there = "; ".join(dict.fromkeys(one.key for one in every))
    raise UsageError(
        f"it shows no finding {key!r}" if key else "it shows no finding",
        where=cell_id,
        remedy=f"it shows {there}" if there else "",
    )


class Enough(Exception):
    """As many runs as were allowed."""


@dataclass
class Shows:
    """Runs scenarios on one tool, each once. ``most``: runs at most; ``say`` hears of each."""

    cell: Cell
    context: CellContext
    defects: Sequence[Defect]
    most: int
    say: Callable[[str], None]
    runs: int = 0
    best: Scenario | None = None
    _known: dict[str, bool] = field(default_factory=dict)

    def run(self, scenario: Scenario) -> Judged:
        """What a scenario shows. Raises BrokenMachinery where it could not be run, Enough where no run is left."""
        if self.runs >= self.most:
            raise Enough
        self.runs += 1
        folder = self.context.work / f"shows-{self.runs}"
        cell = Cell(scenario, self.cell.tool, self.cell.profile)
        try:
            run_cell(cell, self.context, folder)
            ran = judged(folder, self.defects)
        finally:
            with contextlib.suppress(FileNotFoundError):
                remove_tree(folder)
        if ran.verdict.outcome is Outcome.BROKEN:
            raise BrokenMachinery(ran.verdict.reason, where=cell.id)
        return ran

    def holds(self, meant: Meant) -> Callable[[Scenario], bool]:
        """Whether a scenario shows what is meant; one that is no scenario, or that the tool could not run, does not."""

        def holds(scenario: Scenario) -> bool:
            text = write_scenario(scenario)
            if text not in self._known:
                self._known[text] = self._tried(scenario, text, meant)
            return self._known[text]

        return holds

    def _tried(self, scenario: Scenario, text: str, meant: Meant) -> bool:
        with contextlib.suppress(ScenarioError):
            parse(text.encode(), where=scenario.name, name=scenario.name)
            if slips(scenario, self.cell.profile):
                return False
            shown = False
            with contextlib.suppress(BrokenMachinery):
                shown = meant.among(self.run(scenario).verdict.findings) is not None
            if shown:
                self.best = scenario
            self.say(
                f"run {self.runs}: {len(scenario.steps)} steps, {entries(scenario)} entries: {'shows it' if shown else 'does not'}"
            )
            return shown
        return False


def entries(scenario: Scenario) -> int:
    """How many a scenario describes."""
    return sum(map(len, (*scenario.layers, scenario.upper)))
