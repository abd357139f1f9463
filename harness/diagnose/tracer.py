"""The strace(1) of this machine: whether it will do, and its files, for worlds that have none. The machine's edge."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from harness.errors import MissingProgram
from harness.machine.process import run, which

OLDEST = (5, 10)  # the release whose output was read back here: what is older was not tried
_VERSION = re.compile(r"version (\d+)\.(\d+)")
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def tracer() -> str:
    """``strace 6.1``. Raises MissingProgram where it is not here, or older than what was tried."""
    if which("strace") is None:
        raise MissingProgram("strace is not installed", where="why", remedy="apt-get install strace")
    said = run(["strace", "--version"]).out
    found = _VERSION.search(said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise MissingProgram(
            f"strace is too old: {said.splitlines()[0] if said else 'it says no version'}",
            where="why",
            remedy=f"install {OLDEST[0]}.{OLDEST[1]} or later",
        )
    return f"strace {found[1]}.{found[2]}"


@cache
def strace_files() -> dict[str, bytes]:
    """In the folder ``fault``: the host's strace with its libraries and their loader, for worlds that have none."""
    tracer()
    program = which("strace")
    assert program is not None
    found = [Path(one) for one in _LIBRARY.findall(run(["ldd", program]).out)]
    files = {f"fault/{'ld.so' if path.name.startswith('ld-') else path.name}": path.read_bytes() for path in found}
    return files | {"fault/strace": program.read_bytes()}
