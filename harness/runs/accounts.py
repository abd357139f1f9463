"""What a cell gave, as lines that are the same from night to night: the keys of its findings, and the marks in its upper. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.judge.findings import Outcome, flat
from harness.runs.results import CellResult
from harness.worlds.model import version_order


@dataclass(frozen=True, order=True)
class Subject:
    """A cell without its version: what is compared from night to night. ``tool``: program and setup."""

    tool: str
    scenario: str
    profile: str


@dataclass(frozen=True)
class Account:
    """``always``: lines that every run of the cell gave; ``sometimes``: those that some did. Of a cell that did not run: none."""

    outcome: Outcome
    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""  # of a cell that is broken, or was not run
    defects: Mapping[str, str] = field(
        default_factory=dict, compare=False
    )  # by line: the name of the defect that explains it

    @property
    def ran(self) -> bool:
        """Whether it says anything: what is broken, or was skipped, does not."""
        return self.outcome in {Outcome.PASSED, Outcome.FINDING}


@dataclass(frozen=True)
class Accounts:
    """What the cells of a run, or of a baseline, gave: by subject and version. ``titles``: of tools, as people say them."""

    of: Mapping[Subject, Mapping[str, Account]]
    titles: Mapping[str, str] = field(default_factory=dict)

    def within(self, run: Accounts) -> Accounts:
        """Of these what a run speaks of, that was of some tools or some scenarios alone."""
        tools, scenarios = ({getattr(one, field) for one in run.of} for field in ("tool", "scenario"))
        here = {one: by for one, by in self.of.items() if one.tool in tools and one.scenario in scenarios}
        return Accounts(here, self.titles)

    def versions(self, tool: str) -> list[str]:
        """The versions of a tool, in the order in which people read them."""
        return self._versions.get(tool, [])

    @cached_property
    def _versions(self) -> dict[str, list[str]]:
        found: dict[str, set[str]] = {}
        for subject, by in self.of.items():
            found.setdefault(subject.tool, set()).update(by)
        return {tool: sorted(some, key=lambda one: (version_order(one), one)) for tool, some in found.items()}


def accounts(cells: Iterable[CellResult]) -> Accounts:
    """Of a run. Cells that say nothing wherever they run (excluded ones) are left out."""
    found: dict[Subject, dict[str, Account]] = {}
    titles: dict[str, str] = {}
    for cell in cells:
        if not cell.excluded:
            subject = Subject(cell.tool.name, cell.scenario, str(cell.profile))
            found.setdefault(subject, {})[cell.tool.version] = account(cell)
            titles[cell.tool.name] = cell.tool.title or cell.tool.name
    return Accounts(found, titles)


def account(cell: CellResult) -> Account:
    """Of one cell. A mark that the tool did not write is there too: somebody else's reader sees it as well."""
    if cell.outcome in {Outcome.BROKEN, Outcome.SKIPPED}:
        return Account(cell.outcome, reason=cell.reason)
    always: set[str] = set(cell.marks)
    sometimes: set[str] = set()
    defects: dict[str, str] = {}
    for finding in flat(cell.findings):
        (always if finding.times == finding.of else sometimes).add(finding.key)
        if finding.known is not None:
            defects[finding.key] = finding.known.defect
    for defect in cell.missing:
        always.add(f"gone {defect.defect}")
    return Account(cell.outcome, frozenset(always), frozenset(sometimes - always), defects=defects)
