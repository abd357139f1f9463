"""The words of ``--tool``: ``NAME`` and ``NAME@WORLD`` choose, ``NAME=PATH`` adds a program. Pure.

A name is a program, or a program and its setup: ``apptainer``, ``apptainer+ext3``.

``NAME:VERSION=PATH`` says which version it is, where the program itself says another one (1.2.0 calls itself 1.1.0, and 1.13 and 1.14 are
both 1.13-dev to themselves); ``NAME:VERSION:CALLED=PATH`` also what to call it: two builds of one version stay apart by that. The version
may be empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UsageError
from harness.worlds.renamed import renamed

FUSE, NATIVE, KERNEL = "fuse-overlayfs", "singularity-ce", "kernel"
_GIVEN = (FUSE, NATIVE, KERNEL)  # the programs of which a user may name one more version
_VERSION = re.compile(r"[0-9][0-9A-Za-z.~-]{0,63}")
_CALLED = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
HELP = "NAME, NAME+SETUP, NAME@WORLD, or NAME[:VERSION[:CALLED]]=PATH to add a program"
_FORM = f"--tool {FUSE}=PATH, --tool {FUSE}:VERSION=PATH, --tool {FUSE}:VERSION:CALLED=PATH"


@dataclass(frozen=True)
class Word:
    """One ``--tool``: a name; a world, or ""; and for a program to add, its path, and what the user says of it."""

    name: str
    where: str = ""
    path: Path | None = None
    version: str = ""  # as the user says; empty: as the program says
    called: str = ""
    place: int = 0  # among the words of the command line, from 0
    text: str = ""  # as it was written

    @property
    def option(self) -> str:
        """For messages: ``--tool fuse-overlayfs=./mine``."""
        return f"--tool {self.text or self.name}"


def parse_words(texts: Iterable[str]) -> list[Word]:
    """The meaning of every ``--tool``, in order. Raises UsageError."""
    return [replace(parse_word(text), place=place) for place, text in enumerate(texts)]


def parse_word(text: str) -> Word:
    """The meaning of one ``--tool``. Whether it names anything is known only once the tools are. Raises UsageError."""
    left, equals, path = text.partition("=")
    old, now = renamed(re.split("[:@]", left, maxsplit=1)[0])
    if old:
        raise UsageError(
            f"{old!r} is now called {now}", where=f"--tool {text}", remedy=f"--tool {text.replace(old, now, 1)}"
        )
    name, colon, about = left.partition(":")
    version, _, called = about.partition(":")
    if not equals:
        if colon:
            raise UsageError(
                "a version is given, and no path of a program",
                where=f"--tool {text}",
                remedy=f"{_FORM}; or {name}@WORLD",
            )
        name, _, where = text.partition("@")
        return Word(name, where, text=text)
    if name not in _GIVEN:
        raise UsageError(
            f"a program can be given for {', '.join(_GIVEN)}, not for {name!r}",
            where=f"--tool {text}",
            remedy=f"--tool {FUSE}=PATH, --tool {NATIVE}=FOLDER; --tool {KERNEL}=LINUX for faults",
        )
    if not path:
        raise UsageError("the path is empty", where=f"--tool {text}", remedy=f"--tool {name}=PATH")
    for what, word, form in (("version", version, _VERSION), ("name", called, _CALLED)):
        if word and not form.fullmatch(word):
            raise UsageError(f"{word!r} is no {what} for a program", where=f"--tool {text}", remedy=_FORM)
    return Word(name, path=Path(path).expanduser().absolute(), version=version, called=called, text=text)


def each_once(words: Sequence[Word], digest: Callable[[Word], str]) -> list[Word]:
    """Words that give a program, one for each digest: what several say of one program is put together.

    Raises UsageError where they say different things.
    """
    found: dict[str, Word] = {}
    for word in words:
        key = digest(word)
        first = found.setdefault(key, word)
        for before, now in ((first.version, word.version), (first.called, word.called)):
            if before and now and before != now:
                raise UsageError(
                    f"the program is given twice, as {before} and as {now}",
                    where=word.option,
                    remedy=f"it is the same as {first.option}: give it once",
                )
        found[key] = replace(first, version=first.version or word.version, called=first.called or word.called)
    return list(found.values())
