"""WL208, WL209: whether there was a mount at all. A tool that says no has answered; a machine that cannot has not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.evidence.recording import Recording
from harness.judge.findings import Finding
from harness.judge.rules.evidence import Evidence, Rule
from harness.places import Station
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
_BEFORE = ("", "layers", "mount", "image")  # phases in which nothing is mounted yet
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
    said = [recording.refused, *(answer.words for answer in recording.imports if answer.code)]
    return any(_RACE.search(words) for words in said)


def died(evidence: Evidence) -> Iterator[Finding]:
    """WL208."""
    recording = evidence.recording
    if recording.timed_out:
        yield Finding(
            "WL208",
            "/",
            Station.STEPS,
            f"did not come to an end; it was stopped in the phase {recording.phase or 'start'!r}",
        )
    for code in () if recording.refused else recording.daemon_exits:
        if code > 128:
            yield Finding("WL208", "/", Station.STEPS, f"the daemon died of signal {code - 128}")
        elif code:
            yield Finding("WL208", "/", Station.STEPS, f"the daemon ended with exit code {code}")


def mount_refused(evidence: Evidence) -> Iterator[Finding]:
    """WL209: an answer like others; a scenario may say that it must be so (``refuses``)."""
    recording = evidence.recording
    tool = recording.tool
    must = one_matches(recording.scenario.refuses, tool.name, tool.plain)
    if not recording.refused:
        if must and recording.phase not in _BEFORE:
            yield Finding("WL209", "/", Station.STEPS, "mounts the stack, which it must refuse")
    elif recording.phase not in _BEFORE:
        yield Finding("WL209", "/", Station.STEPS, f"refuses to mount the stack again: {_essence(recording.refused)}")
    elif not must:
        yield Finding("WL209", "/", Station.STEPS, f"refuses to mount the stack: {_essence(recording.refused)}")


def _essence(words: str) -> str:
    """A tool's own words without what is different every time."""
    for changing, instead in _CHANGING:
        words = changing.sub(instead, words)
    words = " ".join(words.split())  # a program indents its second line
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "…"


RULES: tuple[Rule, ...] = (died, mount_refused)
