"""A night that is killed at a random moment, gone on with, killed again, until it may come to its end: what it leaves, and what it gives.

What is killed is the program alone, by SIGKILL, as the kernel kills who takes too much memory: its workers, its cells, and its reaper
are left to themselves. Each lane has a copy of the project, so that no night waits for another one's lock, and a cache of its own, which
has the worlds of the user's. Sometimes what it knows of the machine is forgotten, so that a night looks at the machine again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import EXIT_AS_EXPECTED, EXIT_FINDING, EXIT_USAGE, LabError
from harness.evidence import recording as recordings
from harness.judge.judged import judged
from harness.launch.leaks import find_leaks
from harness.machine.cache import cache_folder
from harness.machine.guarded import MARKER
from harness.machine.project import project_folder
from harness.runs.accounts import Account, account
from harness.runs.planfile import PLAN, read_plan
from harness.runs.results import NAME, cell_result, read_results
from tests.bench.measure import NotDone

SCENARIOS = ("ghost-marker", "replace-loop-emptied")
WORDS = (*SCENARIOS, "--tool", "kernel", "--tool", "fuse-overlayfs@trixie", "--jobs", "2", "--no-refresh")
PATIENCE = 30.0  # seconds until what a killed night left must be gone; its reaper tries for twenty
_AGAIN = "again"
_FILES = ("summary.md", "junit.xml", "changes.html", "report.html", NAME, PLAN)


@dataclass
class Lane:
    """One night after the other, in a folder of its own."""

    folder: Path
    dice: random.Random
    changed: bool = False  # whether its baseline is otherwise, so that a night runs a cell again
    problems: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)  # by what there was of the night
    waited: int = 0  # how often one could not go on, since the killed one was still said to run
    longest: float = 0.0  # seconds that something was left
    seconds: float = 0.0  # of a night that is not disturbed
    gives: dict[str, Account] = field(default_factory=dict)  # by cell
    said: str = ""
    names: frozenset[str] = frozenset()

    @property
    def code(self) -> int:
        """The exit code of a whole night."""
        return EXIT_FINDING if self.changed else EXIT_AS_EXPECTED

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """This program, from the lane's copy of the project."""
        env = os.environ | {
            "WHITEOUT_LAB_WORK": str(self.work),
            "WHITEOUT_LAB_SINGULARITY": "",
            "WHITEOUT_LAB_STRICT": "",
        }
        project = self.folder / "project"
        with (self.folder / "words").open("wb") as words_file:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", *words], cwd=project, env=env | {"PYTHONPATH": str(project)},
                stdin=subprocess.DEVNULL, stdout=words_file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def night(self, out: Path) -> subprocess.Popen[bytes]:
        """A new one, or the rest of one that has a plan."""
        if self.dice.random() < 0.2:
            for path in (self.folder / "cache").glob("probe-*.json"):
                path.unlink()
        here = ("--baseline", self.folder / "baseline")
        if (out / PLAN).exists():
            return self.start("nightly", "--resume", out, "--jobs", "2", *here)
        return self.start("nightly", *WORDS, "--out", out, *here)

    def words(self) -> str:
        """What it said last."""
        return (self.folder / "words").read_text(encoding="utf-8", errors="replace")[-500:]

    def prepare(self) -> None:
        """The copy, a baseline, and a night that nobody disturbs."""
        (self.folder / "cache").mkdir()
        (self.folder / "cache/worlds").symlink_to(cache_folder() / "worlds", target_is_directory=True)
        for name in ("harness", "scenarios"):
            shutil.copytree(
                project_folder() / name, self.folder / "project" / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        self._to_its_end("nightly", *WORDS, "--out", self.folder / "first", "--baseline", self.folder / "baseline")
        self._to_its_end(
            "baseline", "update", self.folder / "first", "--baseline", self.folder / "baseline", "--reason", "first"
        )
        if self.changed:
            text = max((self.folder / "baseline").glob("fuse-overlayfs/*.txt"))
            lines = text.read_text(encoding="utf-8").splitlines(keepends=True)
            lines.remove(next(line for line in lines if line.startswith("  WL")))
            text.write_text("".join(lines), encoding="utf-8")
        out = self.folder / "undisturbed"
        before = time.monotonic()
        self._to_its_end("nightly", *WORDS, "--out", out, "--baseline", self.folder / "baseline", fine=(self.code,))
        self.seconds = time.monotonic() - before
        self.gives = {cell.id: account(cell) for cell in read_results(out).cells}
        self.said, self.names = _said(out), _names(out)
        if any(name.startswith("again/cells/") for name in self.names) is not self.changed:
            raise NotDone("a cell was run again, or none was, and it should be otherwise")

    def _to_its_end(self, *words: str | Path, fine: tuple[int, ...] = (0,)) -> None:
        code = self.start(*words).wait()
        if code not in fine:
            raise NotDone(f"{words[0]} ended with exit code {code}: {self.words()}")

    def chain(self, most: int) -> int:
        """A night and what follows, with at most so many kills; returns how many there were."""
        out = self.folder / "night"
        before = len(self.problems)
        kills = 0
        ends = False
        while not ends:
            child = self.night(out)
            moment = time.monotonic() + self.dice.uniform(0, self.seconds)
            wants = kills < most and (not kills or self.dice.random() < 0.8)
            while child.poll() is None and not (wants and time.monotonic() >= moment):
                time.sleep(0.002)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
                self.kills[_state(out)] += 1
                if self.dice.random() < 0.5:  # otherwise it is gone on with at once
                    self._gone("after a kill")
            elif child.returncode == EXIT_USAGE and "running" in self.words():
                self.waited += 1
            else:
                ends = True
                self._ended(out, child.returncode)
            self.problems += [f"{_state(out)}: {one}" for one in _recordings(out, self.gives)]
        self._gone("at the end")
        if len(self.problems) == before:
            shutil.rmtree(out)
        else:
            out.rename(self.folder / f"night-{before}")
            (self.folder / "problems").write_text("\n".join(self.problems), encoding="utf-8")
        return kills

    def _ended(self, out: Path, code: int) -> None:
        """What a night that came to its end must have given."""
        if code != self.code:
            self.problems.append(f"the last night ended with exit code {code}: {self.words()}")
            return
        given = {cell.id: account(cell) for cell in read_results(out).cells}
        if list(given) != list(self.gives):
            self.problems.append(f"other cells: {sorted(given.keys() ^ self.gives.keys())}, or another order")
        if given != self.gives:
            self.problems.append(f"gave otherwise: {[one for one in given if given[one] != self.gives.get(one)]}")
        if _said(out) != self.said:
            self.problems.append(f"the summary is another one: {_said(out)[:300]!r}")
        if _names(out) != self.names:
            self.problems.append(f"other files: {sorted(_names(out) ^ self.names)}")

    def _gone(self, when: str) -> None:
        """Wait for what is left to go."""
        before = time.monotonic()
        left = self._left()
        while left and time.monotonic() - before < PATIENCE:
            time.sleep(0.1)  # every process of the machine is looked at
            left = self._left()
        self.longest = max(self.longest, time.monotonic() - before)
        self.problems += [f"{when}: {one}" for one in left]

    def _left(self) -> list[str]:
        """Processes of a night, in whatever namespace; mounts; loop devices; folders."""
        here = os.fsencode(self.folder)
        folders = [f"the folder {path}" for path in self.work.iterdir() if path.name != MARKER]
        leaks = [leak for leak in find_leaks(self.work) if leak != f"the folder {self.work}"]
        return [*(f"the process {pid}" for pid in _processes(here)), *leaks, *folders]


def _processes(here: bytes) -> Iterator[str]:
    """Those that a folder is named in the words, the variables, or the mounts of."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if any(here in (folder / name).read_bytes() for name in ("cmdline", "environ", "mountinfo")):
                    yield folder.name


def _state(out: Path) -> str:
    """What there is of a night."""
    if not (out / PLAN).exists():
        return "before its plan"
    if not (out / NAME).exists():
        return "before its results"
    return "after its results" if not (out / "summary.md").exists() else "with its summary"


def _recordings(out: Path, gives: dict[str, Account]) -> list[str]:
    """What is wrong with the recordings that are there as a whole, each file of them read; and with results."""
    found: list[str] = []
    for folder in (out, out / _AGAIN):
        if not (folder / PLAN).exists():
            continue
        try:
            defects = read_plan(folder / PLAN).defects
            if (folder / NAME).exists():
                read_results(folder)
            for path in folder.glob(f"cells/*/{recordings.NAME}"):
                ran = judged(path.parent, defects)
                files = [one for one in path.parent.iterdir() if one.is_file() and one.name != recordings.NAME]
                sizes = recordings.sizes_of(path.parent)
                digests = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files if one.name in sizes}
                if damage := recordings.damage(ran.recording, sizes, digests):
                    found.append(f"{path.parent.name}: {damage}")
                given = account(cell_result(ran.recording, ran.verdict, ""))
                if given != gives[ran.recording.id]:
                    found.append(f"{path.parent.name} is whole, and gives otherwise: {given}")
        except (LabError, OSError) as error:
            found.append(f"cannot be read: {error}")
    return found


def _said(out: Path) -> str:
    """The summary without what is a day's."""
    lines = (out / "summary.md").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith(("* run ", "## ")))


def _names(out: Path) -> frozenset[str]:
    """What a night leaves, folder by folder, down to its recordings."""
    every = [path for pattern in ("*", "*/*", "again/cells/*") for path in out.glob(pattern)]
    return frozenset(str(path.relative_to(out)) for path in every)


def killed_nights(folder: Path, kills: int, lanes: int = 2, seed: int = 0) -> list[Lane]:
    """So many kills, in lanes side by side. Raises NotDone where a night that nobody disturbs does not do its work."""
    every = [
        Lane(folder / f"lane-{number}", random.Random(seed + number), changed=number % 2 == 1)
        for number in range(lanes)
    ]

    def go(number: int) -> None:
        lane = every[number]
        lane.work.mkdir(parents=True)
        (lane.work / MARKER).touch()
        lane.prepare()
        left = kills // lanes + (number < kills % lanes)
        while left:
            left -= lane.chain(left)
            (lane.folder / "kills").write_text(f"{sum(lane.kills.values())} {dict(lane.kills)}\n", encoding="utf-8")

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(go, range(lanes)))
    return every
