"""Writing behind: one thread writes what another made, so that the next part is made meanwhile. Large parts alone are worth it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

_PARTS = 4  # that wait: at a megabyte each, little memory


@contextlib.contextmanager
def behind(write: Callable[[bytes], object]) -> Iterator[Callable[[bytes], None]]:
    """What is given is written in its order, all of it when the block ends. Raises there, or at a later part, what *write* raises."""
    waiting: queue.Queue[bytes | None] = queue.Queue(_PARTS)
    failed: list[BaseException] = []

    def work() -> None:
        while (part := waiting.get()) is not None:
            if not failed:  # else it is taken and left, so that nobody waits for room
                try:
                    write(part)
                except BaseException as error:  # noqa: BLE001 - it is raised again, where somebody waits for it
                    failed.append(error)

    def put(part: bytes) -> None:
        if failed:
            raise failed[0]
        waiting.put(part)

    thread = threading.Thread(target=work, name="write behind", daemon=True)
    thread.start()
    try:
        yield put
    finally:
        waiting.put(None)
        thread.join()
    if failed:
        raise failed[0]
