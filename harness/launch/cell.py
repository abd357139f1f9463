"""Run one cell: its folder, its script, its namespaces; then its recording. The edge that touches the machine."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec

from harness.cells.plan import Cell, program_of
from harness.errors import BrokenMachinery
from harness.evidence import recording as records
from harness.evidence import trees as evidence
from harness.evidence import whole
from harness.evidence.answers import answers, backends, manifests
from harness.evidence.artifacts import artifacts, pack_images
from harness.evidence.layers import raw_layers
from harness.evidence.recording import Recording
from harness.evidence.tools import tool_record
from harness.launch.enclosure import PLACES, Enclosure, Mounted, read_mountinfo
from harness.launch.untouched import only_files
from harness.machine.guarded import mark
from harness.machine.process import Ended, run_on_lifeline
from harness.machine.room import REMEDY, Room
from harness.machine.workfolder import is_held, own_folder
from harness.places import PlaceName
from harness.profile import Profile
from harness.protocol import Phase
from harness.script.compile import compile_cell
from harness.snapshot.model import Entry, Snapshot
from harness.worlds.inside import GIVEN, NOBODY, USER
from harness.worlds.model import Tool

DIED_BEFORE_MOUNT = 4  # exit code of a script whose daemon ended by a signal before it had mounted


@dataclass(frozen=True)
class Observer:
    """Who looks on while a cell runs. ``command`` stands before its launcher; ``functions`` take the place of some of the prelude's.

    ``files``: what these need in the cell's folder, by relative path.
    """

    command: tuple[str, ...] = ()
    functions: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class CellContext:
    """Where and how cells are run. ``timeout`` in seconds, for one cell."""

    work: Path
    kernel: str
    environment: dict[str, str]
    timeout: float = 60.0
    uid: int = NOBODY  # who the profile user is when the program is root
    patience: float = whole.PATIENCE  # seconds of silence from which on a cell may be said to hang
    of_run: bool = (
        False  # whether a run holds the work folder: once nobody does, a cell ends, and leaves what is recorded alone
    )
    observer: Observer | None = None


@cache
def closed_fuse() -> bool:
    """Whether ``/dev/fuse`` is there, and closed to ordinary users."""
    fuse = Path("/dev/fuse")
    return fuse.exists() and fuse.stat().st_mode & 0o006 != 0o006


@cache
def machine() -> tuple[Mounted, ...]:
    """What is mounted on this machine, as it was when the first cell ran."""
    return read_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


@dataclass(frozen=True)
class Ran:
    """A recording with its snapshots."""

    recording: Recording
    trees: dict[PlaceName, Snapshot]
    raw: dict[PlaceName, tuple[Entry, ...]]  # every entry of a layer, doubles too


def run_cell(cell: Cell, context: CellContext, keep_at: Path) -> Ran:
    """Run *cell* and leave its recording in the folder *keep_at* (made here; what was there is replaced).

    The cell's own folder below ``bench.work`` is removed, whatever happens. Raises MissingProgram when ``unshare`` is not there.
    """
    with own_folder(context.work, "cell") as folder:
        return _run(cell, context, folder, keep_at)


def from_outside(tool: Tool) -> Path | None:
    """The program, or the installation, that no world has: it is placed inside."""
    outside = program_of(tool) == GIVEN or tool.origin == "installed"
    return Path(tool.main.path) if outside else None


def enclosure_of(cell: Cell, uid: int = NOBODY, work: Path | None = None) -> Enclosure:
    """The namespaces that a cell needs on this machine. *uid*: of the profile user, when the program is root.

    *work*: the run's folder, in which cells of containers keep what they make alike.
    """
    container = cell.driver.container
    given = from_outside(cell.tool)
    # a script that hands over from one privilege to another takes them up itself
    handed = cell.scenario.handover
    hands_over = cell.laid_by_root or (handed is not None and handed.profile is not None)
    profile = Profile.ROOT if hands_over else cell.profile
    who = USER if container else uid
    shared = work / f"shared-{profile}" if container and work is not None else None
    return Enclosure(
        cell.tool.world.root, profile, os.geteuid() == 0, who, given, closed_fuse(), shared, container,
        hands_over=hands_over, loop=cell.scenario.below.fs == "ext4", machine=machine(),
    )  # fmt: skip


def staged(cell: Cell, context: CellContext, folder: Path, files: Mapping[str, bytes]) -> tuple[Path, Enclosure]:
    """Make *folder*, with the cell's own folder in it and *files* there (by relative path; ``script.sh`` is what runs). Raises OSError."""
    enclosure = enclosure_of(cell, context.uid, context.work)
    return stage_in(enclosure, folder, files), enclosure


def stage_in(enclosure: Enclosure, folder: Path, files: Mapping[str, bytes]) -> Path:
    """The same for namespaces that are known; returns the cell's own folder. Raises OSError."""
    stage = folder / "cell"
    stage.mkdir(parents=True)
    mark(folder)
    for name in PLACES:
        (folder / name).mkdir()
        (folder / name).chmod(0o755)
    for name, content in files.items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).write_bytes(content)
        (stage / name).chmod(0o755 if content.startswith((b"#!", b"\x7fELF")) else 0o644)
    if enclosure.tool is not None:
        (stage / "tool").touch()
    shared = [enclosure.shared] if enclosure.shared is not None else []
    for path in shared:
        path.mkdir(exist_ok=True)
    if enclosure.goes_down:
        for path in (stage, *stage.rglob("*"), *shared):
            os.chown(path, enclosure.uid, enclosure.uid)
    return stage


def _run(cell: Cell, context: CellContext, folder: Path, keep_at: Path) -> Ran:
    _need_run(context)
    room = Room(context.work)
    room.need()
    observer = context.observer or Observer()
    script = compile_cell(cell, observer.functions)
    stage, enclosure = staged(cell, context, folder, {"script.sh": script, **observer.files})

    def watch() -> None:
        room.look()
        _need_run(context)

    started = datetime.datetime.now(datetime.UTC)
    before = time.perf_counter()
    ended = run_on_lifeline(
        [*observer.command, *enclosure.argv(stage)],
        timeout=context.timeout,
        env=enclosure.environment(),
        cwd=context.work,
        watch=watch,
    )
    seconds = time.perf_counter() - before
    out = stage / "out"
    reached = only_files(out)
    try:
        raw = raw_layers(out)
        trees = evidence.snapshots(out, cell.scenario, cell.profile, raw)
    except BrokenMachinery as error:
        if room.problem:  # then this is why an image is damaged
            raise BrokenMachinery(room.problem, where=str(context.work), remedy=REMEDY) from error
        raise
    record = _record(cell, context, out, ended, started=started.isoformat(timespec="milliseconds"), seconds=seconds)
    problem = reached or room.problem or record.broken or whole.cut(out, trees)
    record = _store(msgspec.structs.replace(record, broken=problem), trees, out, script, keep_at, context=context)
    return Ran(record, trees, raw)


def _need_run(context: CellContext) -> None:
    """Raises BrokenMachinery where the run that the cell is of was killed.

    The work folder is then deleted under its cells, which look as if they found something; and who goes on with the run records the
    same cells at the same places.
    """
    if context.of_run and not is_held(context.work):
        raise BrokenMachinery(
            "the run was killed while the cell was running",
            where=str(context.work),
            remedy="go on with it: run --resume",
        )


def _store(
    record: Recording,
    trees: Mapping[PlaceName, Snapshot],
    out: Path,
    script: bytes,
    keep_at: Path,
    *,
    context: CellContext,
) -> Recording:
    """The recording on disk; what cannot be written as a whole leaves nothing there. Of a run that was killed nothing is touched there."""
    try:
        pack_images(out)
        _need_run(context)
        _keep(out, script, keep_at)
        evidence.write_snapshots(trees, keep_at)
        _need_run(context)  # on another disk the evidence was copied, file by file
        return records.write(record, keep_at)
    except OSError as error:
        _need_run(context)
        shutil.rmtree(keep_at, ignore_errors=True)
        raise BrokenMachinery(
            f"the recording cannot be written: {_why(error)}",
            where=str(keep_at),
            remedy="make room there, or name a folder on another disk with --out",
        ) from error


def _why(error: OSError) -> str:
    """The system's words; of a folder that could not be copied those of its first file."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        said = str(error.args[0][0][-1])
        return said.partition("] ")[2].partition(":")[0] or said
    return error.strerror or str(error)


def _record(cell: Cell, context: CellContext, out: Path, ended: Ended, *, started: str, seconds: float) -> Recording:
    phase = evidence.phase(out)
    steps, oracle_steps = evidence.steps(out, "merged"), evidence.steps(out, "oracle")
    broken = evidence.broken(out) or whole.unwritten(out, ended.err)
    if not broken and ended.timed_out:
        broken = whole.too_short(out, phase, context.timeout, context.patience)
    if not broken and phase == Phase.END:
        broken = whole.steps_cut(cell.scenario, steps, oracle_steps)
    if not broken and not ended.timed_out and ended.code not in {0, DIED_BEFORE_MOUNT} and not phase:
        broken = (
            f"the cell could not be entered (exit code {ended.code}): " + ended.err.decode("utf-8", "replace").strip()
        )
    if not broken and not ended.timed_out:
        broken = whole.contradicts(out, phase, ended.code)
    return Recording(
        schema=records.SCHEMA,
        id=cell.id,
        scenario=cell.scenario,
        tool=tool_record(cell.tool, context.kernel),
        profile=cell.profile,
        started=started,
        seconds=round(seconds, 4),
        exit_code=ended.code,
        timed_out=ended.timed_out,
        phase=phase,
        broken=broken,
        daemon_exits=evidence.daemon_exits(out),
        steps=steps,
        oracle_steps=oracle_steps,
        mounts=evidence.mounts(out),
        unseen=evidence.unseen(cell.profile),
        environment=context.environment,
        log=evidence.log(out),
        work_left=evidence.leftovers(out),
        answers=answers(out),
        refused=evidence.refused(out),
        backends=backends(out),
        manifests=manifests(out),
        artifacts=artifacts(path.name for path in out.iterdir() if path.stat().st_size),
    )


def _keep(out: Path, script: bytes, keep_at: Path) -> None:
    """Move script and evidence to the place of the recording; both may lie on different file systems."""
    if keep_at.exists():
        shutil.rmtree(keep_at)
    keep_at.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(out, keep_at)
    (keep_at / "script.sh").write_bytes(script)
    for empty in (path for path in keep_at.iterdir() if path.stat().st_size == 0):
        empty.unlink()
