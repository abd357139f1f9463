"""The last net below the limits of reading: memory and time of the whole process, each with its words."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
from collections.abc import Iterator

from harness.errors import LimitReached

MEMORY = 6 << 30  # bytes of address space
TIME = 180.0  # seconds of processor time, this process's own
_REMEDY = "what is so big or so deep is a trap, or not for this program"


@contextlib.contextmanager
def bounded(where: str, *, memory: int = MEMORY, time: float = TIME) -> Iterator[None]:
    """Raises LimitReached when what is done in it takes more than *memory* or *time*. What was set before is set again after it."""

    def over(_signal: int, _frame: object) -> None:
        raise LimitReached(f"a limit was reached: it takes more than {time:.0f} s", where=where, remedy=_REMEDY)

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    lowest = min(one for one in (memory, soft, hard) if one != resource.RLIM_INFINITY)
    mine = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGPROF, over) if mine else None
    resource.setrlimit(resource.RLIMIT_AS, (lowest, hard))
    try:
        if mine:
            signal.setitimer(signal.ITIMER_PROF, time)
        yield
    except MemoryError as error:
        words = f"a limit was reached: it takes more than {lowest >> 20} MiB of memory"
        raise LimitReached(words, where=where, remedy=_REMEDY) from error
    finally:
        if mine:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
