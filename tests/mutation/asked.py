"""Tests asked in a process of their own, which begins where this one stands: pytest and the libraries are imported once for all."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import hypothesis.strategies  # noqa: F401 - imported here, not in each process
import jinja2  # noqa: F401
import msgspec  # noqa: F401
import pytest

from tests.mutation.changes import PROJECT

_PATIENCE = 120  # seconds for the tests of one mutant, which may loop


def ask(tests: tuple[str, ...], tree: Path) -> int:
    """Start tests of a tree; what they say is then in its file ``said``. Returns the process."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(_tests(tests, tree))
        finally:
            os._exit(3)
    return pid


def ended() -> tuple[int, int]:
    """The next process that has come to its end, and its exit code; what it left running is ended with it."""
    pid, status = os.wait()
    stop(pid)
    return pid, os.waitstatus_to_exitcode(status)


def stop(pid: int) -> None:
    """End what a process started; it leads its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tests(tests: tuple[str, ...], tree: Path) -> int:
    os.setsid()
    signal.alarm(_PATIENCE)
    said = os.open(tree / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for one, other in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(one, other)
    os.chdir(tree)
    os.environ |= {"PYTHONPATH": str(tree), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.path[:] = [str(tree), *(path for path in sys.path if path not in {"", str(PROJECT)})]
    for name in [name for name in sys.modules if name.partition(".")[0] in {"harness", "tests"}]:
        del sys.modules[name]
    # without the project's own conftest, whose plug-in runs cells and imports most of the program
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--confcutdir=tests", *tests]))
