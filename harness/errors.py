"""Every error of the program, drawn at one place.

    LabError                    what, where, remedy: printed as one message, never as a traceback
    ├── ScenarioError           a scenario file says something that cannot be meant      exit code 2
    ├── UsageError              a word on the command line that cannot be meant          exit code 2
    ├── LimitReached            what is read is more than a reader takes upon itself     exit code 2
    └── BrokenMachinery         the machine, a world or a program is not as needed       exit code 3
        ├── MissingProgram      a program that is not installed
        └── WorldError          a world that cannot be built or entered

A finding is never an error: findings are results (see ``harness.judge.findings``).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import ClassVar

from harness.names import indented, one_line

EXIT_AS_EXPECTED = 0
EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_BROKEN = 3
EXIT_ALL_SKIPPED = 77
EXIT_INTERRUPTED = 130
_LONG = 100  # characters of a name that is too long


class LabError(Exception):
    """A problem told to the user in three parts.

    *what* happened, *where* (a file with its key path, a folder, a program), and the *remedy*.
    The text is safe for a terminal: what is not printable in it is escaped, and no line break in it begins a line that looks like ours.
    """

    exit_code: ClassVar[int] = EXIT_BROKEN

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [f"{one_line(self.where)}: {indented(self.what)}" if self.where else indented(self.what)]
        if self.remedy:
            lines.append(f"  remedy: {indented(self.remedy)}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:  # xdist carries errors between processes
        return (_again, (type(self), self.what, self.where, self.remedy))


def _again(kind: type[LabError], what: str, where: str, remedy: str) -> LabError:
    return kind(what, where=where, remedy=remedy)


_WANTS = {
    errno.EMFILE: "see ulimit -n: a run needs some hundred open files",
    errno.ENFILE: "the machine has too many open files: see sysctl fs.file-max",
    errno.EAGAIN: "see ulimit -u, and the control group's pids.max: a run needs some hundred processes and threads",
    errno.ENOMEM: "free some memory, or take fewer --jobs",
    errno.ENOSPC: "make room on the disks of the work folder and of the run's folder",
    errno.EDQUOT: "make room on the disks of the work folder and of the run's folder",
}


def of_system(error: BaseException) -> LabError | None:
    """What the system refused, where nobody foresaw it, told as one message all the same; None for what is no error of the system.

    What the machine has not enough of has its own remedy; a name too long cannot be meant.
    """
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):
        error = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    if not isinstance(error, OSError):
        return None
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    what = error.strerror or str(error) or type(error).__name__
    if error.errno in _WANTS:
        return BrokenMachinery(f"the machine has not enough: {what}", where=where, remedy=_WANTS[error.errno])
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(
            what, where=where if len(where) <= _LONG else f"{where[:_LONG]}…", remedy="see how it is written"
        )
    return BrokenMachinery(
        what, where=where, remedy="see that it is there, that you may use it, and that its disk has room"
    )


def text_path(path: Path) -> Path:
    """A path that plans and recordings can hold, which are UTF-8. Raises UsageError for any other, before anything is made there."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            "the path is not UTF-8",
            where=str(path),
            remedy="take a folder whose path is: recordings are text, and hold it",
        ) from error
    return path


class ScenarioError(LabError):
    """A scenario file that cannot be read or cannot be meant."""

    exit_code = EXIT_USAGE


class UsageError(LabError):
    """A word on the command line that cannot be meant."""

    exit_code = EXIT_USAGE


class LimitReached(LabError):
    """What is to be read would take more memory or time than reading may: it is hostile, or not for a report."""

    exit_code = EXIT_USAGE


class BrokenMachinery(LabError):
    """The machine, a world or a program is not as it must be."""

    exit_code = EXIT_BROKEN


class MissingProgram(BrokenMachinery):
    """A program that is not installed."""


class WorldError(BrokenMachinery):
    """A world that cannot be built or entered."""
