"""``make mutants``: the program made wrong in small ways, one at a time, in a copy; a test must notice each.

The tests that must notice a mutant stand beside it, and must pass without it. A mutant is caught where one of them fails, not where it
cannot be imported or speaks of names that are not there; that, and a mutant whose function is no more, are errors, so that the list is
kept up to date. Words are parts of names: ``make mutants ARGS=leaks``.
Exit code 1 where a mutant survives, 2 where the list is out of date, 3 where tests fail, or are none, without any change.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.mutation.asked import ask, ended, stop
from tests.mutation.changes import PROJECT, Mutant, OutOfDate, mutated
from tests.mutation.mutants import every

_COPIED = ("harness", "scenarios", "tests", "conftest.py", "pyproject.toml", "Makefile", "README.md", "constraints.txt")
_JOBS = 2
T = TypeVar("T")
_WRONG = re.compile(r"\b(ImportError|ModuleNotFoundError|NameError|SyntaxError): .*")


def _copy(folder: Path) -> Path:
    for name in _COPIED:
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        else:
            shutil.copy(source, target)
    return folder


def _write(path: Path, text: str, moment: Iterator[int]) -> None:
    """Each time as of another second: byte code of the module as it was does not count."""
    path.write_text(text, encoding="utf-8")
    at = next(moment)
    os.utime(path, (at, at))


def _each(
    things: Iterable[T], begin: Callable[[T, Path], int], end: Callable[[T, Path, int], None], trees: list[Path]
) -> None:
    """Things done side by side, one in each tree: *begin* starts a process, and *end* gets its exit code."""
    left, free = iter(things), list(trees)
    running: dict[int, tuple[T, Path]] = {}
    try:
        while True:
            while free and (one := next(left, None)) is not None:
                if pid := begin(one, free[-1]):
                    running[pid] = one, free.pop()
            if not running:
                return
            pid, code = ended()
            one, tree = running.pop(pid)
            end(one, tree, code)
            free.append(tree)
    finally:
        for pid in running:
            stop(pid)


def _verdict(code: int, said: str) -> tuple[str, str]:
    """What came of a mutant, by the exit code of pytest and what it said."""
    if code == 0:
        return "SURVIVED", ""
    wrong = _WRONG.search(said)
    if code in {1, -14} and not wrong:  # 14: SIGALRM; it went on and on
        return "caught", ""
    return "OUT OF DATE", f": {wrong.group() if wrong else f'pytest ended with exit code {code}: {said[-300:]}'}"


def _unchanged(mutants: list[Mutant]) -> list[tuple[str, ...]]:
    """Every test that is asked, file by file: with the words that choose among its tests, where there are such."""
    asked: dict[tuple[str, ...], None] = {}
    for near in dict.fromkeys(one.near for one in mutants):
        asked |= dict.fromkeys([near] if "-k" in near else [(file,) for file in near])
    return list(asked)


def main(words: list[str]) -> int:
    """Try those whose names hold one of the words, or all; say of each what came of it."""
    mutants = [one for one in every() if not words or any(word in one.name for word in words)]
    counts = {"caught": 0, "SURVIVED": 0, "OUT OF DATE": 0}
    failing: list[str] = []
    texts = {module: (PROJECT / module).read_text(encoding="utf-8") for module in {one.module for one in mutants}}
    moment = iter(range(1_000_000_000, 2_000_000_000, 2))
    clock = time.monotonic()

    def told(mutant: Mutant, word: str, more: str) -> None:
        counts[word] += 1
        print(f"{word:11}  {mutant.name}{more}", flush=True)

    def begin(mutant: Mutant, tree: Path) -> int:
        try:
            _write(tree / mutant.module, mutated(texts[mutant.module], mutant), moment)
        except OutOfDate as error:
            told(mutant, "OUT OF DATE", f": {error}")
            return 0
        return ask(mutant.near, tree)

    def end(mutant: Mutant, tree: Path, code: int) -> None:
        _write(tree / mutant.module, texts[mutant.module], moment)
        told(mutant, *_verdict(code, (tree / "said").read_text(encoding="utf-8", errors="replace")))

    def end_unchanged(near: tuple[str, ...], tree: Path, code: int) -> None:
        if code:
            failing.append(f"without any change, {' '.join(near)} ended with exit code {code}")
            print((tree / "said").read_text(encoding="utf-8", errors="replace"), file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="whiteout-lab-mutants-") as folder:
        trees = [_copy(Path(folder, str(job))) for job in range(_JOBS)]
        _each(_unchanged(mutants), ask, end_unchanged, trees)  # else every mutant would be caught
        if failing or not mutants:
            print("\n".join(failing) or f"no mutant is called {' or '.join(words)}", file=sys.stderr)
            return 3 if failing else 2
        _each(mutants, begin, end, trees)
    print(f"{', '.join(f'{number} {word}' for word, number in counts.items())} · {time.monotonic() - clock:.0f} s")
    return 2 if counts["OUT OF DATE"] else 1 if counts["SURVIVED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
