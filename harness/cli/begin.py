"""The beginning of a run: the plan is decided, its folders are made. Nobody decides a second time."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery
from harness.evidence.recording import AGAIN
from harness.judge.findings import Outcome
from harness.machine.workfolder import work_folder
from harness.names import one_line
from harness.runs.decide import Wanted, decide, obstacles_here, unmet_error
from harness.runs.folders import work_parent
from harness.runs.planfile import PlanFile, drop_partial, locked_run, rewrite_plan, write_plan
from harness.runs.resume import plan_to_resume, whole_cells
from harness.runs.run import Run


def resume_run(folder: Path) -> Run:
    """A run that was killed, with what of it is whole; the rest, and what is broken, is still to be run.

    Raises what ``plan_to_resume`` raises.
    """
    plan_to_resume(folder)
    with contextlib.ExitStack() as made:
        with locked_run(folder):
            plan = plan_to_resume(folder)
            every = whole_cells(plan, folder)
            whole = {name: cell for name, cell in every.items() if cell.outcome is not Outcome.BROKEN}
            work = made.enter_context(work_folder(work_parent(), f"{plan.run}-{secrets.token_hex(2)}"))
            plan = msgspec.structs.replace(plan, work=str(work), whole=sorted(whole))
            rewrite_plan(plan)
        with contextlib.suppress(OSError):
            drop_partial(folder)
        run = Run(plan, made.pop_all())
    run.resumed = True
    for result in whole.values():
        run.take(result)
    return run


def decided(wanted: Wanted) -> PlanFile:
    """The plan of what is wanted.

    Raises BrokenMachinery where a strict run lacks something, MissingProgram for a tool that was named and is not here, and what
    ``decide`` raises.
    """
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
    return plan


def planned_again(plan: PlanFile, cells: Iterable[str], times: int) -> PlanFile:
    """The plan of a run in the run's own folder, in which some of its cells run several *times*. Nothing is looked for anew."""
    run = f"{plan.run}-again-{secrets.token_hex(2)}"  # what a killed one leaves may still be going away
    return msgspec.structs.replace(
        plan,
        run=run,
        folder=f"{plan.folder}/{AGAIN}",
        work=str(work_parent() / f"run-{run}"),
        only=list(cells),
        repeat=times,
        whole=[],
        shard="",
        readings="none",
        why="none",
        faults="none",
    )


def begin_run(plan: PlanFile) -> Run:
    """The run of a plan, which is written. Its ``stack`` is the caller's to close. Raises what ``work_folder`` and ``write_plan`` raise."""
    with contextlib.ExitStack() as made:
        made.enter_context(work_folder(work_parent(), plan.run))
        write_plan(plan)
        return Run(plan, made.pop_all())
