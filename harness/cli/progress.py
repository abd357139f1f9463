"""What a run says while it goes: one moving line on a terminal, plain lines in a log; and the words at its end."""

from __future__ import annotations

import shlex
import shutil
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

import pytest

from harness.cli import endings
from harness.cli.colour import painter
from harness.cli.pytest_plugin import result_of, take_up
from harness.compare.words import count, is_given
from harness.errors import EXIT_ALL_SKIPPED, EXIT_AS_EXPECTED, EXIT_BROKEN, EXIT_FINDING, LabError, of_system
from harness.judge.findings import Outcome
from harness.judge.verdict_text import finding_lines
from harness.names import one_line
from harness.runs.planfile import PlanFile
from harness.runs.results import CellResult, Results
from harness.runs.run import Run

SYMBOLS = {Outcome.PASSED: "✓", Outcome.FINDING: "✗", Outcome.BROKEN: "!", Outcome.SKIPPED: "–"}
COLOURS = {Outcome.PASSED: "green", Outcome.FINDING: "red", Outcome.BROKEN: "red", Outcome.SKIPPED: "yellow"}
QUIET, USUAL, VERBOSE = range(3)
_MOST, _MOST_KNOWN = 8, 6  # sentences of news at the end of a run, and known defects; the report has them all
_LOG_EVERY = 5.0  # seconds between two lines of a log


def not_here(plan: PlanFile) -> list[str]:
    """The tools that could be had, and are not here, each with its remedy."""
    return [
        f"{one['name']} ({one['where']}): {one['reason']}; {one['remedy']}" for one in plan.unavailable if one["remedy"]
    ]


class Progress:
    """A pytest plugin for the controller. *stream* is where people read; pytest's own output goes elsewhere.

    *says*: QUIET, only what is not as expected, and the last line; VERBOSE, each cell as it ends.
    """

    def __init__(self, stream: TextIO, run: Run, says: int = USUAL) -> None:
        self.stream = stream
        self.run = run
        self.says = says
        self.paint = painter(stream)
        self.live = stream.isatty() and says != QUIET
        self.counts: Counter[Outcome] = Counter()
        self.total = 0
        self.clock = time.monotonic()
        self.last_line = self.clock
        self.ended: Results | None = None
        self.error: LabError | None = None
        self.interrupted = False

    def _line(self, text: str, colour: str = "", painted: str = "") -> None:
        """A line: *painted*, its beginning, in *colour*, and *text*."""
        clear = "\r\x1b[K" if self.live else ""
        begins = self.paint(colour, one_line(painted)) if painted else ""
        self.stream.write(f"{clear}{begins}{one_line(text)}\n")
        self.stream.flush()

    def _wrapped(self, text: str) -> None:
        """A line of words: on a terminal it is broken between them, and what goes on is indented."""
        width = shutil.get_terminal_size().columns if self.stream.isatty() else len(text)
        wrapped = textwrap.wrap(
            text, max(width, 20), subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False
        )
        for line in wrapped:
            self._line(line)

    def _state(self) -> str:
        done = sum(self.counts.values())
        parts = [f"{self.counts[o]} {o.value}" for o in Outcome if self.counts[o]]
        return f"{done} of {count(self.total, 'cell')} · {', '.join(parts)} · {time.monotonic() - self.clock:.0f} s"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One more cell."""
        result = result_of(report)
        if result is None:
            return
        self.counts[result.outcome] += 1
        if self.says == VERBOSE or result.outcome in {Outcome.FINDING, Outcome.BROKEN}:
            self._tell(result)
        if endings.asked() and not self.interrupted:
            raise KeyboardInterrupt
        now = time.monotonic()
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r\x1b[K{self._state()[:width]}")
            self.stream.flush()
        elif self.says != QUIET and now - self.last_line > _LOG_EVERY:
            self.last_line = now
            self._line(self._state())

    def reading(self, stage: str, done: int, total: int) -> bool:
        """Some readings more; gives whether somebody wants the end."""
        return self._went_on(f"{stage}: {done:,} of {count(total, 'reading')}", whole=done == total)

    def looking(self, stage: str, done: int, total: int) -> bool:
        """A cell more that was looked at once more; gives whether somebody wants the end."""
        return self._went_on(f"{stage}: {done:,} of {count(total, 'cell')}", whole=done == total)

    def _went_on(self, state: str, *, whole: bool) -> bool:
        now = time.monotonic()
        if self.live:
            self.stream.write(f"\r\x1b[K{state}")
            self.stream.flush()
        elif self.says != QUIET and (now - self.last_line > _LOG_EVERY or whole):
            self.last_line = now
            self._line(state)
        return endings.asked()

    def _tell(self, result: CellResult) -> None:
        outcome = result.outcome
        why = f": {result.reason}" if result.reason else ""
        colour, begins = COLOURS[outcome], f"{SYMBOLS[outcome]} {outcome.value.upper()}"
        if outcome is Outcome.FINDING and not result.new and is_given(result.tool):  # mended by who gave it: no alarm
            colour, begins = "green", "✓ GONE"
        self._line(f" {result.id}{why}", colour, begins)
        for finding in result.new:
            for line in finding_lines(finding):
                self._line("  " + line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """The run is this pytest's."""
        take_up(config, self.run)
        self.run.say_reading = self.reading
        self.run.say_looking = self.looking

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        """The workers are started here."""
        with endings.held():
            yield

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Without workers, the items are collected here."""
        self._begin([item.nodeid for item in items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """With workers, each tells what it collected."""
        self._begin(ids)

    def _begin(self, ids: Sequence[str]) -> None:
        if self.total or not ids:
            return
        plan = self.run.plan
        self.total = len(ids)
        tried = {one.rpartition("[")[2].rpartition("-")[0] for one in ids}
        tools = ", ".join(dict.fromkeys(tool.label for tool in plan.tools if tool.key in tried))
        if self.says == QUIET:
            return
        self._line(f"{count(len(plan.scenarios), 'scenario')}, {count(self.total, 'cell')}: {tools}")
        for words in not_here(plan):
            self._line(f"  not here: {words}")

    def pytest_keyboard_interrupt(self) -> None:
        """Ctrl-C: the cells end, the report is written of what there is."""
        self.interrupted = True

    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """An error of ours is one message; anything else is a fault of this program, and shown whole."""
        self.error = excinfo.value if isinstance(excinfo.value, LabError) else of_system(excinfo.value)
        if self.error is None:
            for line in str(excrepr).splitlines():
                self._line(line)

    def pytest_unconfigure(self) -> None:
        """The last words: what was found, and where the report is."""
        self.ended = self.run.ended
        if self.ended is not None:
            self._end(self.run, self.ended)

    def _end(self, run: Run, results: Results) -> None:
        from harness.cli.faults import lines as fault_lines  # noqa: PLC0415 - not needed on workers
        from harness.cli.news import news_lines, reading_lines  # noqa: PLC0415
        from harness.compare.sentences import summary_lines  # noqa: PLC0415

        if self.live:
            self.stream.write("\r\x1b[K")
        for line in news_lines(results, run.folder) if self.says != QUIET else ():
            self._line(line)
        for line in (
            summary_lines(results, _MOST, _MOST_KNOWN, shlex.quote(str(run.folder))) if self.says != QUIET else ()
        ):
            self._wrapped(line)
        for words, (colour, begins) in reading_lines(run.readings) if run.readings and self.says != QUIET else ():
            self._line(words, colour, begins)
        for line in fault_lines(run.faults, self.paint) if run.faults is not None and self.says != QUIET else ():
            self.stream.write(f"{line}\n")
        for note in run.notes if self.says != QUIET else ():
            self._line(f" {note}", "yellow", "!")
        for leak in run.leaks:
            self._line(f" {leak}", "red", "! LEFT BEHIND:")
        for error in run.problems:
            self._line(f" {error}", "red", "!")
        counts = Counter(cell.outcome for cell in results.cells if not cell.excluded)
        known = sum(1 for cell in results.cells for finding in cell.findings if finding.known is not None)
        new = sum(len(cell.new) for cell in results.cells)
        state = ", ".join(f"{counts[o]} {o.value}" for o in Outcome if counts[o])
        where = run.folder / ("report.html" if not run.problems else "cells")
        colour = "green" if self.exit_code() == EXIT_AS_EXPECTED else "red"
        self._line(
            f"; {count(known, 'known finding')}, {new} new · {results.run.seconds:.1f} s · {where}", colour, state
        )

    def exit_code(self) -> int:
        """The run's exit code."""
        results = self.ended
        outcomes = {cell.outcome for cell in results.cells if not cell.excluded} if results else set()
        outcomes |= self.run.readings.outcomes if self.run.readings else set()
        if Outcome.BROKEN in outcomes or self.run.leaks or self.run.problems:
            return EXIT_BROKEN
        if Outcome.FINDING in outcomes or (self.run.faults is not None and self.run.faults.new):
            return EXIT_FINDING
        if self.run.unfinished:  # not since somebody said so: that has its own exit code
            return EXIT_BROKEN
        if outcomes == {Outcome.SKIPPED}:
            return EXIT_ALL_SKIPPED
        return EXIT_AS_EXPECTED
