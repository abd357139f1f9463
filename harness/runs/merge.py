"""Runs put together: the parts of one, or several of different tools. What is missing, doubled, or does not fit is said.

The recordings stay where they are: ``parts/N`` of the merged run leads to the N-th.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.errors import BrokenMachinery, LabError, UsageError
from harness.runs.parts import PARTS, runs_of
from harness.runs.planfile import PLAN, PlanFile, read_plan
from harness.runs.results import CellResult, Results, RunFacts, write_results
from harness.runs.resume import results_of


@dataclass(frozen=True)
class Merged:
    """What comes of it. ``missing``: ids of cells that no part has; ``doubled``: that several have, of which the latest is taken."""

    results: Results
    missing: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unread: tuple[LabError, ...] = ()


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """Put runs together into the new folder *out*. A run that cannot be read is left out, and told of.

    Raises UsageError where runs do not fit, and where *out* holds something; BrokenMachinery where nothing can be read, or written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            "the folder of the merged run is not empty", where=str(out), remedy="name a new one with --output"
        )
    read: list[tuple[Path, Results, PlanFile]] = []
    unread: list[LabError] = []
    known: dict[tuple[str, bytes], Any] = {}
    for folder in folders:
        try:
            read.append((folder, results_of(folder), read_plan(folder / PLAN, known)))
        except LabError as error:
            unread.append(error)
    if not read:
        raise unread[0] if unread else UsageError("there is nothing to merge", where="merge", remedy="name runs")
    read.sort(key=lambda one: one[1].run.started)
    _must_fit(read)
    merged, doubled = _cells(read)
    planned = _planned(plan for _, _, plan in read)
    missing = tuple(sorted(planned - merged.keys()))
    whole = Results(read[-1][1].schema, _facts(read), tuple(merged.values()), read[-1][1].defects)
    try:
        (out / PARTS).mkdir(parents=True)
        for number, (folder, _, _) in enumerate(read, 1):
            (out / PARTS / str(number)).symlink_to(folder.absolute(), target_is_directory=True)
    except OSError as error:
        raise BrokenMachinery(
            f"cannot be made: {error.strerror}", where=str(out), remedy="name another with --output"
        ) from error
    write_results(whole, out)
    return Merged(whole, missing, doubled, tuple(unread))


def plans_of(folder: Path) -> list[PlanFile]:
    """The plans of a run, and of those that it was put together of, where they are there. Raises BrokenMachinery."""
    return [read_plan(one / PLAN) for one in runs_of(folder) if (one / PLAN).exists()]


def _planned(plans: Iterable[PlanFile]) -> set[str]:
    """The cells of the runs that the parts are parts of. The parts of one run were decided alike, and are asked once."""
    asked: list[PlanFile] = []
    found: set[str] = set()
    for plan in plans:
        # a folder, a day and a machine say nothing of which cells there are
        whole = replace(
            plan, run="", folder="", work="", environment={}, whole=[], **({"only": []} if plan.shard else {})
        )
        alike = replace(whole, shard="")
        if alike not in asked:
            asked.append(alike)
            found.update(cell_id for cell_id, _ in whole.chosen())
    return found


def _must_fit(read: Sequence[tuple[Path, Results, PlanFile]]) -> None:
    """Raises UsageError where one scenario's name means two, or parts are of another number."""
    first_folder, first, _ = read[0]
    scenarios = {one.name: (folder, one) for folder, _, plan in reversed(read) for one in plan.scenarios}
    numbers = {plan.shard.partition("/")[2]: folder for folder, _, plan in read if plan.shard}
    if len(numbers) > 1:
        said = ", ".join(f"{folder} is of {number}" for number, folder in sorted(numbers.items()))
        raise UsageError(
            f"they are parts of different runs: {said}", where="merge", remedy="merge the parts of one run"
        )
    for folder, results, plan in read:
        if results.run.version != first.run.version:
            raise UsageError(
                f"it was run by version {results.run.version}, and {first_folder} by {first.run.version}",
                where=str(folder), remedy="merge runs of one version of this program",
            )  # fmt: skip
        for one in plan.scenarios:
            other, same_name = scenarios[one.name]
            if same_name != one:
                raise UsageError(
                    f"{one.name} is another scenario than in {other}",
                    where=str(folder), remedy="merge runs of the same files",
                )  # fmt: skip


def _cells(read: Sequence[tuple[Path, Results, PlanFile]]) -> tuple[dict[str, CellResult], tuple[str, ...]]:
    """The cells of all, of two with one id the later; excluded ones last, and only where nobody ran them."""
    found: dict[str, CellResult] = {}
    doubled: dict[str, None] = {}
    for number, (_, results, _) in enumerate(read, 1):
        for cell in results.cells:
            before = found.get(cell.id)
            if before is not None and not before.excluded and not cell.excluded:
                doubled[cell.id] = None
            if before is None or not cell.excluded:
                folder = f"{PARTS}/{number}/{cell.folder}"
                found[cell.id] = replace(cell, folder=folder) if cell.folder else cell
    return found, tuple(doubled)


def _facts(read: Sequence[tuple[Path, Results, PlanFile]]) -> RunFacts:
    """Of all together: the first's beginning, the last's machine, the time of all."""
    every = [results.run for _, results, _ in read]
    unavailable = {tuple(sorted(one.items())): one for run in every for one in run.unavailable}
    return replace(
        every[-1],
        id="+".join(dict.fromkeys(run.id for run in every))[:80],
        started=every[0].started,
        seconds=round(sum(run.seconds for run in every), 2),
        unavailable=tuple(unavailable.values()),
        unfinished=sum(run.unfinished for run in every),
        parts=tuple(run.id for run in every),
    )
