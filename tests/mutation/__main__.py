"""``make mutants``: the program made wrong in small ways, one at a time, in a copy; a test must notice each.

The tests that must notice a mutant stand beside it. A mutant whose function or expression is no more is an error, so that the list is
kept up to date. Words are parts of names: ``make mutants ARGS=leaks``.
Exit code 1 where a mutant survives, 2 where the list is out of date, 3 where the tests fail without any change.
"""

from __future__ import annotations

import os
import queue
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.launch.process import run
from tests.mutation.changes import Mutant, OutOfDate, mutated
from tests.mutation.mutants import PROJECT, every

_COPIED = ("harness", "scenarios", "tests", "conftest.py", "pyproject.toml", "Makefile", "README.md", "constraints.txt")
_PATIENCE = 600.0  # seconds for the tests of one mutant, which may loop


def _copy(folder: Path) -> Path:
    for name in _COPIED:
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        else:
            shutil.copy(source, target)
    return folder


def _tests_pass(tests: tuple[str, ...], tree: Path) -> bool:
    """Whether tests pass in a tree. A folder or file that is not there (yet) holds no test; no test at all is a pass."""
    words = [word for word in tests if not word.startswith("tests/") or (tree / word).exists()]
    if not any(word.startswith("tests") for word in words):
        return True
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}  # a module changes twice in a second: no byte code
    python = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *words]
    done = run(python, cwd=tree, env={**os.environ, **own}, timeout=_PATIENCE)
    if done.code not in {0, 1, 2, 3, 5, -9}:
        raise OutOfDate(
            f"pytest {' '.join(words)} ended with exit code {done.code}: {done.out[-300:]}{done.err[-300:]}"
        )
    return done.code in {0, 5}


def _survives(mutant: Mutant, tree: Path) -> bool:
    """Put the mutant in its place in *tree*, ask the tests, and put the module back. Raises OutOfDate."""
    path = tree / mutant.module
    text = path.read_text(encoding="utf-8")
    path.write_text(mutated(text, mutant), encoding="utf-8")
    try:
        return _tests_pass(mutant.near, tree)
    finally:
        path.write_text(text, encoding="utf-8")


def main(words: list[str]) -> int:
    """Try those whose names hold one of the words, or all; say of each what came of it."""
    mutants = [one for one in every() if not words or any(word in one.name for word in words)]
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
    counts = {"caught": 0, "SURVIVED": 0, "OUT OF DATE": 0}

    def tried(mutant: Mutant) -> str:
        tree = trees.get()
        try:
            word, more = ("SURVIVED" if _survives(mutant, tree) else "caught"), ""
        except OutOfDate as error:
            word, more = "OUT OF DATE", f": {error}"
        finally:
            trees.put(tree)
        counts[word] += 1
        print(f"{word:11}  {mutant.name}{more}", flush=True)
        return word

    with tempfile.TemporaryDirectory(prefix="whiteout-lab-mutants-") as folder:
        jobs = os.cpu_count() or 1
        for job in range(jobs):
            trees.put(_copy(Path(folder, str(job))))
        for near in dict.fromkeys(mutant.near for mutant in mutants):  # else every mutant would be caught
            if not _tests_pass(near, Path(folder, "0")):
                print(f"without any change, {' '.join(near)} fails", file=sys.stderr)
                return 3
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(tried, mutants))
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return 2 if counts["OUT OF DATE"] else 1 if counts["SURVIVED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
