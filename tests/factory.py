"""Run folders made of a few entries: what a test of comparison or report needs, without a tool, a mount or a privilege."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from harness.evidence import recording as recordings
from harness.evidence.recording import Recording, Step, ToolRecord
from harness.evidence.trees import write_snapshots
from harness.judge.defects.model import Defect
from harness.judge.findings import Outcome
from harness.judge.judge import judge
from harness.places import ORACLE, REMOUNT, UPPER, VIEW, PlaceName
from harness.profile import Profile
from harness.runs.planfile import Decision, PlanFile, rewrite_plan
from harness.runs.results import CellResult, Results, RunFacts, cell_result, write_results
from harness.scenario.model import Scenario, Tree
from harness.scenario.steps import Mkdir
from harness.snapshot.model import Entry, Snapshot
from harness.worlds.model import Part, Tool, World
from tests.entries import file, folder, gone, tree

GHOST_LAYERS: tuple[Tree, ...] = ({"a/f": "old"},)
GHOST_ORACLE = (file(b"a/f", b"old"), folder(b"a/new"))
GHOST_UPPER = (
    folder(b"a/new", trusted_overlay_opaque=b"y"), gone(b"a/new/.wh..opq"), file(b"a/new/.wh..wh..opq"),
)  # fmt: skip
PLAIN_UPPER = (folder(b"a/new"),)


def scenario(name: str = "ghost-marker") -> Scenario:
    """The founding case."""
    return Scenario(
        1, "make a directory", "a new directory gets one mark", (Mkdir(path="a/new"),),
        ("https://github.com/sylabs/singularity/issues/3176",), GHOST_LAYERS, name=name,
    )  # fmt: skip


@dataclass(frozen=True)
class FakeCell:
    """One cell: a tool, and the trees that it left. ``broken`` and ``skipped`` are reasons."""

    tool: str = "fuse-overlayfs"
    version: str = "1.14"
    profile: Profile = Profile.ROOT
    upper: Sequence[Entry] = GHOST_UPPER
    view: Sequence[Entry] = GHOST_ORACLE
    remount: Sequence[Entry] | None = None
    scenario: Scenario = field(default_factory=scenario)
    oracle: Sequence[Entry] = GHOST_ORACLE
    failed: str = ""  # the words of the steps, which all failed on the mounted tree
    refused: str = ""
    broken: str = ""
    skipped: str = ""
    excluded: bool = False
    script: bytes = b"#!/bin/sh\nmkdir a/new\n"
    log: str = ""
    known: tuple[Defect, ...] = ()  # what is known when it is judged

    @property
    def id(self) -> str:
        return f"{self.scenario.name}[{self.tool}-{self.version}-{self.profile}]"


def make_run(
    run: Path,
    cells: Iterable[FakeCell],
    environment: Mapping[str, str] | None = None,
    started: str = "2026-01-02T03:04:05+00:00",
) -> Path:
    """Write a run folder; the cells are judged by the real rules. Returns the folder."""
    run.mkdir(parents=True, exist_ok=True)
    every = list(cells)
    results = tuple(_cell(run, cell, number) for number, cell in enumerate(every))
    defects = tuple({one.name: one for cell in every for one in cell.known}.values())
    facts = RunFacts(run.name, started, 1.5, "0.1.0", ("whiteout-lab", "run"), "6.18.1", dict(environment or {}))
    write_results(Results(1, facts, results, defects), run)
    return run


def _cell(run: Path, cell: FakeCell, number: int) -> CellResult:
    driver = "kernel" if cell.tool.startswith("kernel") else cell.tool
    tool = ToolRecord(cell.tool, cell.version, driver, f"{cell.version}-1", "trixie", "6.18.1", f"/usr/bin/{cell.tool}")
    if cell.skipped:
        return CellResult(
            cell.id, cell.scenario.name, tool, cell.profile, Outcome.SKIPPED, cell.skipped, "install it", cell.excluded
        )
    place = run / "cells" / f"{number}"
    place.mkdir(parents=True)
    (place / "script.sh").write_bytes(cell.script)
    steps = tuple(Step(index, 0) for index, _ in enumerate(cell.scenario.steps))
    made = Recording(
        1, cell.id, cell.scenario, tool, cell.profile, "2026-01-02T03:04:05+00:00", 0.05, 0, False,
        "mount" if cell.broken or cell.refused else "end", cell.broken, (0,),
        tuple(Step(step.index, 1, cell.failed) for step in steps) if cell.failed else steps, steps,
        (f"44 66 0:41 / /mnt/merged rw - fuse.{cell.tool} {cell.tool} rw",),
        ("trusted",) if cell.profile is Profile.USER else (), {}, cell.log,
        refused=cell.refused,
    )  # fmt: skip
    trees: dict[PlaceName, Snapshot] = {}
    if not (cell.broken or cell.refused):
        trees = {
            UPPER: tree(cell.upper),
            VIEW: tree(cell.view),
            REMOUNT: tree(cell.view if cell.remount is None else cell.remount),
            ORACLE: tree(cell.oracle),
        }
    write_snapshots(trees, place)
    recordings.write(made, place)
    return cell_result(made, judge(made, trees, defects=cell.known), f"cells/{number}")


PART_OF = Tool(
    "fuse-overlayfs", Part("fuse-overlayfs", "1.14", "", "/usr/bin/fuse-overlayfs", ""), World("host", Path("/"))
)
PARTED = ("one", "two", "three")


def make_part(
    folder: Path,
    names: tuple[str, ...],
    shard: str = "",
    *,
    started: str = "2026-01-02T03:04:05+00:00",
    title: str = "",
    upper: Sequence[Entry] = GHOST_UPPER,
) -> Path:
    """A run of some of three scenarios, with the plan of all."""
    made = {name: replace(scenario(name), title=title or "make a directory") for name in PARTED}
    make_run(folder, [FakeCell(scenario=made[name], upper=upper) for name in names], started=started)
    decided = [Decision(number, 0, Profile.ROOT) for number in range(3)]
    only = [f"{name}[fuse-overlayfs-1.14-root]" for name in names]
    rewrite_plan(
        PlanFile(
            1, folder.name, str(folder), str(folder / "work"), "6.18.1", {}, False, "always", 60.0,
            list(made.values()), [f"{name}.toml" for name in PARTED], [PART_OF], decided, [], only=only if shard else [], shard=shard,
        )
    )  # fmt: skip
    return folder
