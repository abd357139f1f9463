"""In which commit of a repository a finding begins to show, or ends: by git's own bisection, in a clone. The edge that touches the machine.

The repository is read alone. Each commit is unpacked and built in namespaces of its own, where everything but its folder is read-only and
there is no network; what is built there is run as a tool of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from harness.cells.plan import Cell
from harness.diagnose.shows import Meant, Shows
from harness.errors import BrokenMachinery, LabError, UsageError
from harness.judge.defects.model import Defect
from harness.launch.alone import BROUGHT, BUNDLE, run_alone
from harness.launch.cell import CellContext
from harness.machine.process import Finished, run
from harness.machine.quote import quote
from harness.tools.discover import discover
from harness.worlds.host import host_world
from harness.worlds.inside import CELL
from harness.worlds.model import Part, Tool

_FIRST = re.compile(r"^([0-9a-f]{7,64}) is the first ", re.MULTILINE)
_WITHOUT, _WITH = "without", "with"  # git's terms: before the change, and after it


class Came(StrEnum):
    """What came of a commit."""

    SHOWS = "shows it"
    DOES_NOT = "does not show it"
    SKIPPED = "cannot be tested"


@dataclass(frozen=True)
class Probe:
    """One commit that was looked at. ``shown``: in how many of ``runs``; ``why``: why it could not be tested."""

    commit: str
    came: Came
    shown: int = 0
    runs: int = 0
    why: str = ""


@dataclass(frozen=True)
class Result:
    """``first``: the commit that changed it, with its subject and date; several where some could not be tested. ``begins``: whether it
    shows from there on, or no longer does.
    """

    first: tuple[str, ...]
    begins: bool
    probes: tuple[Probe, ...]

    @property
    def runs(self) -> int:
        return sum(one.runs for one in self.probes)

    @property
    def skipped(self) -> int:
        return sum(one.came is Came.SKIPPED for one in self.probes)


@dataclass(frozen=True)
class Builder:
    """How a commit becomes a program: a command of the shell, and the file that it leaves, below the repository's root."""

    repository: Path
    command: str
    built: str
    limit: float = 600.0  # seconds for one build


@dataclass(frozen=True)
class Case:
    """What is looked for: the cell that shows it, the finding, and how often each build runs it."""

    cell: Cell
    meant: Meant
    defects: Sequence[Defect]
    times: int = 1


class Bisection:
    """Bisects. ``say`` hears of each commit. Its clone lies in the context's work folder."""

    def __init__(self, builder: Builder, case: Case, context: CellContext, say: Callable[[str], None]) -> None:
        self._builder, self._case, self._context, self._say = builder, case, context, say
        self._clone = context.work / "clone"
        self._probes: dict[str, Probe] = {}

    def run(self, good: str, bad: str) -> Result:
        """Between two commits, of which one shows it and the other does not; either may be the later one.

        Raises UsageError where they do not differ, or where a name is no commit; BrokenMachinery where git fails.
        """
        self._cloned()
        old, new = self._commit(good), self._commit(bad)
        if self._git("merge-base", "--is-ancestor", new, old, may_fail=True).ok:
            old, new = new, old
        came = {name: self._probe(self._commit(name)) for name in (good, bad)}
        for name, probe in came.items():
            if probe.came is Came.SKIPPED:
                raise UsageError(
                    f"cannot be tested: {probe.why}",
                    where=name,
                    remedy="name a commit that can be built, and see --build",
                )
        if len({probe.came for probe in came.values()}) == 1:
            remedy = "name two commits of which one shows it"
            raise UsageError(f"{good} and {bad} are alike: each {came[good].came}", where="bisect", remedy=remedy)
        begins = self._probe(new).came is Came.SHOWS
        self._git("bisect", "start", "--no-checkout", f"--term-old={_WITHOUT}", f"--term-new={_WITH}", new, old)
        while True:
            first = self._step(begins=begins)
            if first:
                return Result(tuple(map(self._named, first)), begins, tuple(self._probes.values()))

    def _step(self, *, begins: bool) -> list[str]:
        """One commit more; gives those that it can only be, once there are no others."""
        probe = self._probe(self._git("rev-parse", "--verify", "--quiet", "BISECT_HEAD").out.strip())
        word = "skip" if probe.came is Came.SKIPPED else _WITH if (probe.came is Came.SHOWS) is begins else _WITHOUT
        said = self._git("bisect", word, may_fail=True).out
        found = _FIRST.search(said)
        if found is not None:
            return [found[1]]
        if "only 'skip'ped commits left" in said:
            return [line.strip() for line in said.splitlines() if re.fullmatch("[0-9a-f]{40,64}", line.strip())]
        if "Bisecting:" not in said:
            raise BrokenMachinery(
                f"git bisect ended otherwise: {said.strip()[-300:]}", where=str(self._builder.repository)
            )
        return []

    def _cloned(self) -> None:
        source = self._builder.repository
        done = run(["git", "clone", "--quiet", "--shared", "--no-checkout", "--", source, self._clone], timeout=600)
        if not done.ok:
            raise UsageError(
                f"is no repository that can be read: {done.err.strip()[-300:]}",
                where=str(source),
                remedy="name a git checkout",
            )

    def _commit(self, name: str) -> str:
        """A commit by its name in the repository, whose branches are the clone's remote ones."""
        for word in (name, f"origin/{name}"):
            done = self._git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}", may_fail=True
            )
            if done.ok:
                return done.out.strip()
        raise UsageError("is no commit", where=name, remedy="name a tag, a branch or a commit of the repository")

    def _named(self, commit: str) -> str:
        return self._git("log", "-1", "--format=%h “%s” (%as)", commit).out.strip()

    def _git(self, *words: str, may_fail: bool = False) -> Finished:
        done = run(["git", "-C", self._clone, "-c", "advice.detachedHead=false", *words], timeout=120)
        if not done.ok and not may_fail:
            raise BrokenMachinery(
                f"git {words[0]} failed: {done.err.strip()[-300:]}", where=str(self._builder.repository)
            )
        return done

    def _probe(self, commit: str) -> Probe:
        """Build a commit, and run the case with it."""
        if commit not in self._probes:
            try:
                self._probes[commit] = self._tried(commit)
            except LabError as error:
                self._probes[commit] = Probe(commit, Came.SKIPPED, why=error.what)
            probe = self._probes[commit]
            often = f" ({probe.shown} of {probe.runs} runs)" if 0 < probe.shown < probe.runs else ""
            self._say(f"{self._named(commit)}: {probe.came}{often}{f': {probe.why}' if probe.why else ''}")
        return self._probes[commit]

    def _tried(self, commit: str) -> Probe:
        program = self._context.work / "built" / commit / Path(self._builder.built).name
        self._build(commit, program)
        cell = self._case.cell
        found = discover([host_world()], [f"{cell.tool.name}={program}"])
        tool = next((one for one in found if isinstance(one, Tool) and one.main.path == str(program)), None)
        if tool is None:
            raise BrokenMachinery("what was built is no such program", where=commit)
        mine, times = Cell(cell.scenario, tool, cell.profile), self._case.times
        shows = Shows(mine, self._context, self._case.defects, times, lambda _: None)
        shown = sum(self._case.meant.alike(shows.run(cell.scenario).verdict.findings) for _ in range(times))
        return Probe(commit, Came.SHOWS if shown else Came.DOES_NOT, shown, times)

    def _build(self, commit: str, program: Path) -> None:
        """The program of a commit. Raises BrokenMachinery where it cannot be built."""
        archive = self._context.work / "source.tar"
        self._git("archive", "--format=tar", f"--output={archive}", commit)
        command = (
            f"mkdir {CELL}/source && tar -xf {CELL}/{BUNDLE}/source.tar -C {CELL}/source && cd {CELL}/source && "
            f"sh -c {quote(self._builder.command)} && cp -- {quote(self._builder.built)} {CELL}/{BROUGHT}"
        )
        host = host_world()
        maker = Tool(
            self._case.cell.tool.name, Part(self._case.cell.tool.main.name, "0", "", "", ""), host, origin="host"
        )
        context = replace(self._context, timeout=self._builder.limit)
        said = run_alone(
            Cell(self._case.cell.scenario, maker, self._case.cell.profile),
            context,
            {"source.tar": archive.read_bytes()},
            command,
        )
        archive.unlink()
        if said.code != 0 or not said.brought:
            words = said.words.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing was said"]
            ended = "it came to no end in its time" if said.code is None else f"exit code {said.code}"
            raise BrokenMachinery(f"it cannot be built ({ended}): {words[0][:200]}", where=commit)
        program.parent.mkdir(parents=True)
        program.write_bytes(said.brought)
        program.chmod(0o755)
