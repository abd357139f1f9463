"""What a run under observation told: ``why.json``, which lies beside a recording. Everything in it is text, names escaped."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from harness.evidence.beside import read_beside, write_beside
from harness.evidence.recording import WHY

SCHEMA = 1
NAME = WHY


class What(StrEnum):
    """What a story is about."""

    MARKER = "marker"
    ENTRY = "entry"  # what no step made
    LITTER = "litter"  # what is left in the work folder


class Seen(StrEnum):
    """How it was seen who made it."""

    CALLS = "calls"  # the system calls of the daemon
    STEPS = "steps"  # by a look at the upper after each step: the kernel's overlay makes no system calls
    NAMES = "names"  # only which step asked last for a change of what it speaks of
    GIVEN = "given"  # the scenario put it there before the first step
    NOT = "not seen"


class Story(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one entry came to be. ``path``: of the entry; ``says``: what it is. ``step``: the scenario's, counted from 0.

    ``request``: what was being served. ``read``, ``refused`` and ``made``: calls, as lines, in their order. ``sentence``: all of it.
    """

    path: str
    what: What
    says: str
    seen: Seen
    sentence: str
    step: int | None = None
    step_words: str = ""
    request: str = ""
    unique: int = 0
    read: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()  # codes of what is found there, with the defect that explains each
    refused: tuple[str, ...] = ()  # what the request had tried of the same name before, in vain


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """``why.json``. ``by``: who looked on. ``note``: what keeps it from being the whole truth."""

    schema: int
    cell: str
    by: str
    stories: tuple[Story, ...] = ()
    note: str = ""
    requests: int = 0  # how many were decoded
    seconds: float = 0.0  # of the run, observed
    found: tuple[str, ...] = ()  # keys of what was found in the upper of that run

    @property
    def markers(self) -> tuple[Story, ...]:
        return tuple(one for one in self.stories if one.what is What.MARKER)


def story_lines(story: Story) -> list[tuple[str, str]]:
    """A story as rows, from the step down to the calls: what each is, empty where it is as the row before, and its words."""
    asked = "asked" if story.seen in {Seen.STEPS, Seen.NAMES} else "made"
    rows = [("step", story.step_words.removeprefix("step ")), ("request", story.request)]
    rows += [*(("read", line) for line in story.read), *(("refused", line) for line in story.refused)]
    rows += [(asked, line) for line in story.made]
    told = [(name, words) for name, words in rows if words]
    return [
        ("" if number and told[number - 1][0] == name else name, words) for number, (name, words) in enumerate(told)
    ]


def write_why(why: Why, folder: Path) -> None:
    """Write it into the folder of a recording, in one step. Raises BrokenMachinery."""
    write_beside(why, folder / NAME)


def read_why(folder: Path) -> Why | None:
    """What lies beside a recording; None where nobody looked on. Raises BrokenMachinery for what is damaged, or of a later schema."""
    return read_beside(folder / NAME, Why, SCHEMA)
