"""How a command ends when somebody wants it to, or nobody hears it: signals, and output that cannot be written.

SIGINT, SIGTERM and SIGHUP end a command in order, with what it has, and exit code 130; a second one ends it at once: what works for it
hangs on lifelines, and a reaper deletes its folder. Output that is lost (a pipe that nobody reads, a full disk, a closed descriptor)
ends nothing: the run goes on to its results; at the end the loss is told, and the exit code is not 0.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

from harness.errors import EXIT_INTERRUPTED

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_asked = False
_held = False


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Take the signals that ask for an end; one that is ignored (``nohup``) stays so. Afterwards they do what they did before."""
    global _asked  # noqa: PLW0603 - a process has one such state
    _asked = False
    before = {number: signal.getsignal(number) for number in ENDING}
    heard = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number, old in heard.items():
            signal.signal(number, old)
        _asked = False  # what was asked of this command is not asked of another one


@contextlib.contextmanager
def held() -> Iterator[None]:
    """While this lasts the first signal waits for its end: a worker that is ended in the midst of its start shows a traceback.

    A worker starts with SIGINT blocked, since a terminal sends that to all of them, and calls :func:`leave_to_the_run`.
    """
    global _held  # noqa: PLW0603
    _held = True
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    except Exception:
        if _asked:  # what was started in here was ended too
            raise KeyboardInterrupt from None
        raise
    finally:
        _held = False
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if _asked:
        raise KeyboardInterrupt


def leave_to_the_run() -> None:
    """Of a worker: an interrupt is the run's affair. A handler, and nothing ignored or blocked: its cells start as they always did."""
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def asked() -> bool:
    """Whether somebody asked for the end: an exception that a signal raises can be lost in a callback of another library."""
    return _asked


def _end(_number: int, _frame: FrameType | None) -> None:
    global _asked  # noqa: PLW0603
    if _asked:
        os._exit(EXIT_INTERRUPTED)
    _asked = True
    if not _held:
        raise KeyboardInterrupt


class Heard(io.FileIO):
    """A descriptor to write to, which remembers the first error and goes on. ``lost``: what that error was."""

    lost: OSError | None = None

    def write(self, data: object) -> int:
        """Write, or lose it."""
        if self.lost is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except OSError as error:
                self.lost = error
        return len(memoryview(data).cast("B"))  # type: ignore[arg-type]


def guard() -> tuple[Heard | None, Heard | None]:
    """Standard output and error, each behind a :class:`Heard`; None for one that is not the process's own (a test took it).

    A descriptor that is closed is opened first, and to write there is an error: no file of ours may become descriptor 1.
    """
    closed = {number for number in range(3) if not _is_open(number)}
    for _ in closed:
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    out, err = _behind(1, sys.stdout), _behind(2, sys.stderr)
    if out is not None:
        sys.stdout = out[1]
    if err is not None:
        sys.stderr = err[1]
    return out[0] if out else None, err[0] if err else None


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _behind(descriptor: int, old: TextIO | None) -> tuple[Heard, io.TextIOWrapper] | None:
    if old is not None and old not in {sys.__stdout__, sys.__stderr__}:
        return None
    heard = Heard(descriptor, "w", closefd=False)
    encoding, errors = (old.encoding, old.errors) if old is not None else ("utf-8", "backslashreplace")
    live = descriptor == 2 or heard.isatty()
    return heard, io.TextIOWrapper(io.BufferedWriter(heard), encoding, errors, line_buffering=live)
