"""Faults: at which system calls a daemon can be killed or told of an error, and what its users then have. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from harness.compare.words import count
from harness.diagnose.story import LOWER, UPPER, WORK, rooted
from harness.diagnose.syscalls import Does
from harness.diagnose.trace import Trace
from harness.diagnose.words import bare, request_words
from harness.evidence.beside import read_beside, write_beside
from harness.evidence.recording import ToolRecord
from harness.judge.findings import Finding
from harness.names import unescape
from harness.profile import Profile
from harness.scenario.model import KILLED, FaultAt, Scenario
from harness.scenario.steps import Copy, Mkdir, Move, Remove, Step, Touch, Write
from harness.whiteouts.encodings import ENCODINGS, Encoding

SCHEMA = 1
AS_ELSE = "as else"  # nothing is otherwise
NAME = "faults.json"
USUAL = (KILLED, "ENOSPC")  # what daemons meet: somebody kills them, and disks are full
_SEVERAL = (Copy, Move, Remove, Touch, Write)  # steps that are several system calls of their own


_FOLDER = re.compile(r"(?:\d+|AT_FDCWD)<(?:[^>]*/)?([^>/]*)>")  # as -y has it
_LOWER = re.compile(r"lower/\d+")
_ENDS = re.compile(r"[{[]|\) *(?:=|$)| <unfinished")
_NO_MORE_FILES = frozenset({"EMFILE", "ENFILE"})
_UNREADABLE = frozenset({"EIO", "ENOMEM", "EACCES"})


class Came(StrEnum):
    """What users have after a fault."""

    BEFORE = "before"  # the tree as before the step
    AFTER = "after"  # as after it
    BETWEEN = "between"  # of a step of several calls: each name as before it or as after it
    WRONG = "wrong"  # something else: see the findings
    MISSED = "missed"  # the fault met another call than was meant: it says nothing


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """A system call by which a daemon changes its upper or work folder, or *reads* of its layers.

    ``ordinal``: which call of its name, since the program began.

    Under a kernel's own overlay: a commit of the file system below, numbered in its step. ``request``: what was being served: a request of
    FUSE, or the step itself.
    """

    step: int
    request: str
    call: str
    name: str
    ordinal: int
    reads: bool = False

    def can_give(self, fault: str) -> bool:
        """Whether a fault can be met here: files run out where one is opened, and nothing but the disk's own errors is read."""
        if fault in _NO_MORE_FILES:
            return self.name.startswith("open")
        return not self.reads or fault in _UNREADABLE


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a fault at a point. ``fault``: "killed", or the error that the call gave. ``answer``: the step's exit code."""

    point: Point
    fault: str
    came: Came
    answer: int | None = None
    findings: tuple[Finding, ...] = ()
    why: str = ""  # of what was missed


class Lack(msgspec.Struct, frozen=True):
    """Something that a file system, or a kernel, lacks: calls that always fail. ``title``: what it lacks, in words."""

    title: str
    calls: tuple[str, ...]
    error: str


LACKS = (
    Lack("device nodes", ("mknod", "mknodat"), "EPERM"),
    Lack("RENAME_WHITEOUT and RENAME_EXCHANGE", ("renameat2",), "EINVAL"),
    Lack("xattrs", ("setxattr", "lsetxattr", "fsetxattr"), "EOPNOTSUPP"),
    Lack("openat2", ("openat2",), "ENOSYS"),
    Lack("hard links", ("link", "linkat"), "EPERM"),
)


class Fallback(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a daemon does where something is lacking. ``marks``: how its upper is then marked, and ``usual``: how it is else.

    ``failed``: steps that fail then, and not on a plain directory, in words; ``wrong``: where what users see is another tree than that of
    the steps which succeeded; ``refused``: the words by which it does not mount.
    """

    lacks: str
    marks: tuple[Encoding, ...] = ()
    usual: tuple[Encoding, ...] = ()
    failed: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    refused: str = ""

    @property
    def words(self) -> str:
        """In a few words, for a table."""
        if self.refused:
            return "does not mount"
        marks = ", ".join(ENCODINGS[one].badge for one in self.marks) or "nothing"
        told = [] if set(self.marks) == set(self.usual) else [f"marks by {marks}"]
        told += [f"{count(len(self.failed), 'step')} failed"] if self.failed else []
        told += ["another tree"] if self.wrong else []
        return "; ".join(told) or AS_ELSE


class FaultCell(msgspec.Struct, frozen=True, omit_defaults=True):
    """The faults of one cell."""

    id: str
    scenario: str
    tool: ToolRecord
    profile: Profile
    faults: tuple[Fault, ...]
    fallbacks: tuple[Fallback, ...] = ()

    @property
    def new(self) -> tuple[Finding, ...]:
        """What nobody has named."""
        return tuple(finding for fault in self.faults for finding in fault.findings if finding.known is None)


class Faults(msgspec.Struct, frozen=True):
    """``faults.json``. It only grows."""

    schema: int
    cells: tuple[FaultCell, ...]
    seconds: float = 0.0

    @property
    def new(self) -> tuple[Finding, ...]:
        """What nobody has named."""
        return tuple(finding for cell in self.cells for finding in cell.new)


def write_faults(faults: Faults, folder: Path) -> None:
    """Write them into a folder, in one step. Raises BrokenMachinery."""
    write_beside(faults, folder / NAME)


def read_faults(folder: Path) -> Faults | None:
    """The faults of a run; None where nobody tried any. Raises BrokenMachinery for what is damaged, or of a later schema."""
    return read_beside(folder / NAME, Faults, SCHEMA)


def all_faults(several: Sequence[Faults]) -> Faults:
    """The faults of several runs as one: of a cell that stands in more, the last."""
    cells = {cell.id: cell for faults in several for cell in faults.cells}
    return Faults(SCHEMA, tuple(cells.values()), round(sum(one.seconds for one in several), 2))


def points(trace: Trace) -> Iterator[Point]:
    """The points of the first daemon that serves steps, in their order."""
    first = next((one.call.process for one in trace.daemons if one.step is not None), None)
    for one in trace.daemons:
        reads = one.does in {Does.READS, Does.LISTS}
        root = rooted(one.makes)[0]
        known = root in {UPPER, WORK} or (reads and root.startswith(LOWER))
        if one.call.process == first and one.step is not None and known and one.call.ok:
            request = request_words(one.served) if one.served is not None else ""
            if request.startswith("SETATTR") and one.call.name == "utimensat":
                continue  # times, which the kernel writes back when it likes: the n-th such call is another one in each run
            yield Point(one.step, request, bare(one), one.call.name, one.ordinal, reads)


def written(step: Step) -> tuple[bytes, ...]:
    """The paths of a step that is several system calls of its user's, and so no single change; none where it is one."""
    several = isinstance(step, _SEVERAL) or (isinstance(step, Mkdir) and step.mode is not None)
    return tuple(unescape(path).rstrip(b"/") for _, path in step.named()) if several else ()


def keeps(step: Step) -> bool:
    """Whether a step leaves what was in a file, and at most adds to it."""
    return isinstance(step, Touch) or (isinstance(step, Write) and step.append)


def asked_of(scenario: Scenario, named: Sequence[str]) -> tuple[FaultAt, ...]:
    """What is tried: what was *named*, or what the scenario says, or what daemons usually meet."""
    return tuple(map(FaultAt, named)) or scenario.faults or tuple(map(FaultAt, USUAL))


def met_by(every: Sequence[Point], asked: FaultAt) -> list[Point]:
    """The points that a fault is tried at. A pattern says where it can be met; without one its kind does."""
    fit = [one for one in every if one.can_give(asked.fault)] if asked.at == "*" else []
    fit = fit or [one for one in every if asked.at != "*" and fnmatchcase(one.call, asked.at)]
    return fit[asked.time - 1 : asked.time] if asked.time else fit


def same_call(line: str, call: str) -> bool:
    """Whether a line of strace(1) is a call that was seen in another run, by the names of what it is about.

    What follows them is not compared: times differ. Nor is where a lower layer lies: some stacks mount it elsewhere.
    """
    if "\\" in line + call:  # a name that may be written in two ways
        return True
    pairs = zip(_words(line), _words(call), strict=False)
    return all(_LOWER.fullmatch(there) or _base(here) == _base(there) for here, there in pairs)


def _words(call: str) -> list[str]:
    """The first arguments: descriptors, folders, names."""
    arguments = _ENDS.split(call.partition("(")[2])[0]
    return [word for word in arguments.split(", ") if word]


def _base(word: str) -> str:
    return _FOLDER.sub(r"\1", word).rpartition("/")[2].strip('"')


def summed(faults: Sequence[Fault]) -> dict[Came, int]:
    """How often each thing came."""
    return {came: number for came in Came if (number := sum(one.came is came for one in faults))}
