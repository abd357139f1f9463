"""What a run on disk says of a night: what changed since the baseline, what was run again being settled; whether it is of everything."""

from __future__ import annotations

from pathlib import Path

from harness.cells.plan import cell_of
from harness.compare.changes import Changes, changes, settle, without
from harness.evidence.recording import AGAIN
from harness.runs.accounts import Accounts, accounts
from harness.runs.merge import plans_of
from harness.runs.parts import runs_of
from harness.runs.planfile import PLAN
from harness.runs.results import NAME as RESULTS
from harness.runs.results import Results, read_results
from harness.runs.resume import results_of


def told(folder: Path, before: Accounts) -> tuple[Results, Changes | None, bool]:
    """The results of a run, what changed since *before*, and whether the run is a part of one; a run put together is read as one.

    What changed and was run again is settled by that. None: *before* says nothing. Raises BrokenMachinery.
    """
    results = results_of(folder)
    runs, plans = runs_of(folder), plans_of(folder)
    lone = len(plans) == 1 and bool(plans[0].shard)
    part = lone and (folder / PLAN).exists()  # and not all that is left of a night of which the other parts are lost
    if not before.of:
        return results, None, part
    now = accounts(results.cells)
    narrow = not plans or any(plan.narrow for plan in plans)
    found = changes(before.within(now) if narrow else before, now)
    if lone:
        cells = {cell_of(one).id for one in plans[0].cells()}
        found = without(found, cells, {(tool.name, tool.version) for tool in plans[0].tools})
    again = [read_results(one / AGAIN) for one in runs if (one / AGAIN / RESULTS).exists()]
    return results, settle(found, {cell.id: cell for one in again for cell in one.cells}), part


def is_whole(folder: Path, results: Results) -> bool:
    """Whether a run is one of everything, seen to its end: what others say cannot stand in a row with other nights."""
    plans = plans_of(folder)
    shards = {plan.shard for plan in plans}
    parts = {int(one.partition("/")[2]) for one in shards if one}
    of_all = "" in shards or len(shards) == max(parts, default=0)
    return bool(plans) and of_all and not any(plan.narrow for plan in plans) and not results.run.unfinished
