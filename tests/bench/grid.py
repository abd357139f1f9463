"""The grid over the uppers of a run: this program, and its scripts by plain ``sh``, which mount the same, and judge nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.launch.cell import CellContext, stage_in
from harness.readings.batch import enclosure_for, files_of, script_of
from harness.readings.results import Came
from harness.readings.taker import Taker
from harness.runs.givings import Giving
from harness.runs.readings import Giver
from tests.bench.measure import NotDone, done


def by_this_program(work: Path, context: CellContext, every: Sequence[Taker], givings: Sequence[Giving]) -> int:
    """Every giving to every taker, two scripts at once, judged; how many readings there were. Raises NotDone where one broke."""
    giver = Giver(work, context, (), 2, lambda _stage, _done, _total: False)
    giver.give("uppers", every, givings)
    readings = giver.readings()
    broken = [one for one in readings.fields if one.came is Came.BROKEN]
    if broken:
        raise NotDone(f"this program: {broken[0].taker}: {broken[0].reason}")
    return len(readings.fields)


class Plain:
    """The same scripts, two at a time, by plain ``sh``: laid out anew each time, before the clock runs."""

    def __init__(self, work: Path, context: CellContext, every: Sequence[Taker], givings: Sequence[Giving]) -> None:
        self._context, self._every, self._work = context, every, work
        self._givens = [one.given for one in givings]
        self._fifo = work / "lifeline"
        os.mkfifo(self._fifo)
        self.lay_out()

    def lay_out(self) -> None:
        """The folders of the scripts, and the shell program that runs them."""
        lines: list[str] = []
        for number, taker in enumerate(self._every):
            folder = self._work / f"plain-{number}"
            enclosure = enclosure_for(taker, self._context)
            stage = stage_in(
                enclosure, folder, {"script.sh": script_of(taker, self._givens), **files_of(taker, self._givens)}
            )
            environment = " ".join(f"{key}={shlex.quote(value)}" for key, value in enclosure.environment().items())
            argv = " ".join(shlex.quote(word) for word in enclosure.argv(stage))
            lines.append(
                f"env -i {environment} {argv} <&9 2>/dev/null; wc -l <{stage}/out/readings >&8; rm -rf {folder}"
            )
        parts = []
        for job in range(2):
            part = self._work / f"part-{job}.sh"
            part.write_text("\n".join(lines[job::2]) + "\n", encoding="utf-8", errors="surrogateescape")
            parts.append(part)
        self._whole = self._work / "whole.sh"
        self._counts = [part.with_suffix(".counts") for part in parts]
        started = "\n".join(f"sh {part} 8>{to} &" for part, to in zip(parts, self._counts, strict=True))
        self._whole.write_text(f"exec 9<>{self._fifo}\n{started}\nwait\n", encoding="utf-8")

    def __call__(self) -> Callable[[], None]:
        done("plain shell", ["sh", self._whole])
        return self._look

    def _look(self) -> None:
        """Every reading came to its end; then all is laid out again."""
        there = [int(number) for path in self._counts for number in path.read_text().split()]
        if there != [len(self._givens)] * len(self._every):
            raise NotDone(f"plain shell: {there} of {len(self._givens)} readings each came to their end")
        self.lay_out()
