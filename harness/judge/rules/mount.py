"""WL208, WL209: whether there was a mount at all. A tool that says no has answered; a machine that cannot has not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.evidence.recording import Recording
from harness.judge.errnos import error_of
from harness.judge.facts.view import Died, MountRefused
from harness.judge.rules import words
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.rule import Hit, Rule
from harness.places import STEPS
from harness.protocol import NOT_MOUNTED
from harness.worlds.ranges import one_matches

# What has nothing to do with the stack: a full disk, no memory, too many files, no /dev/fuse, a program that is not there.
_MACHINE = re.compile(
    "No space left on device|Cannot allocate memory|Out of memory|Too many open files|Resource temporarily unavailable"
    "|Disk quota exceeded|Read-only file system|/dev/fuse|fuse: device not found|unknown filesystem type"
    "|error while loading shared libraries|^exit code 12[67]:"
)
# Loop devices belong to the whole machine: one that another process detaches just then cannot be opened (ENXIO).
_RACE = re.compile(r"could not open /dev/loop\d+: no such device or address")
_CHANGING = ((re.compile(r"0x[0-9a-fA-F]+"), "0x…"), (re.compile(r"\[\d+\]|\b\d{4,}\b"), "…"))  # addresses, processes
_LONGEST = 300  # characters of a tool's words in a sentence; the recording has the rest


def refused_by_the_machine(recording: Recording) -> str:
    """Why nothing was mounted, where that says nothing of the tool; empty when it is the tool's answer."""
    if lost_a_race(recording):
        return "another process of this machine took, or gave back, the loop device that the tool was about to open"
    if recording.refused and _MACHINE.search(recording.refused):
        return f"the machine did not let the tool mount: {recording.refused}"
    return ""


def lost_a_race(recording: Recording) -> bool:
    """Whether the tool failed for what another process did at that moment: the next try may do."""
    messages = [recording.refused, *(answer.words for answer in recording.answers if answer.code)]
    return any(_RACE.search(text) for text in messages)


def died(evidence: Evidence) -> Iterator[Hit[Died]]:
    """WL208."""
    recording = evidence.recording
    if recording.timed_out:
        yield Hit("/", STEPS, Died(hang=True, phase=recording.phase or "start"))
    for code in () if recording.refused else recording.daemon_exits:
        if code > 128:
            yield Hit("/", STEPS, Died(signal=code - 128))
        elif code:
            yield Hit("/", STEPS, Died(exit_code=code))


def mount_refused(evidence: Evidence) -> Iterator[Hit[MountRefused]]:
    """WL209: an answer like others; a scenario may say that it must be so (``refuses``)."""
    recording = evidence.recording
    tool = recording.tool
    must = one_matches(recording.scenario.refuses, tool.name, tool.plain)
    mounted = recording.phase not in NOT_MOUNTED
    if not recording.refused:
        if must and mounted:
            yield Hit("/", STEPS, MountRefused(refuses=False))
    elif mounted or not must:
        message, error = _essence(recording.refused), error_of(recording.refused)
        yield Hit("/", STEPS, MountRefused(refuses=True, again=mounted, error=error, words=message))


def _essence(text: str) -> str:
    """A tool's own words without what is different every time."""
    for changing, instead in _CHANGING:
        text = changing.sub(instead, text)
    text = " ".join(text.split())  # a program indents its second line
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


RULES: tuple[Rule[Evidence, Any], ...] = (
    Rule("WL208", frozenset(), died, words.died, ("dies or hangs", "die or hang")),
    Rule(
        "WL209", frozenset(), mount_refused, words.mount_refused,
        ("refuses to mount a stack", "refuse to mount a stack"),
    ),
)  # fmt: skip
