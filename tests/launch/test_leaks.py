"""What is left of a cell is seen: a process by what it was told, or by where it works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.launch.enclosure import INIT, Enclosure
from harness.launch.leaks import find_leaks
from harness.profile import Profile


@contextmanager
def process(*words: str, cwd: Path = Path("/")) -> Iterator[int]:
    silent, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.chdir(cwd)
        os.dup2(silent, 0)
        os.execvp("sh", ["sh", "-c", "read x", *words])
    try:
        while b"-c" not in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            pass
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(silent)
        os.close(held)


def test_the_first_process_of_a_cell_is_known_by_the_values_that_it_was_told(tmp_path: Path) -> None:
    work = tmp_path / "run-1"
    argv = Enclosure(Path("/w"), Profile.ROOT, as_root=True, uid=1).argv(work / "cell-1" / "cell")
    told = argv[argv.index(str(INIT)) :]
    with process(*told) as pid:
        assert find_leaks(work) == [f"the process {pid} of a cell"]
        assert find_leaks(tmp_path / "run") == [], "a folder beside it whose name begins alike"


def test_a_process_that_works_in_the_folder_is_seen_whatever_it_is(tmp_path: Path) -> None:
    with process("x", cwd=tmp_path) as pid:
        (said, _folder) = find_leaks(tmp_path)
        assert f"the process {pid} (sh) works in" in said
