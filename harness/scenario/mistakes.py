"""The mistakes of a file, reported together: an author mends them in one go."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from harness.errors import ScenarioError
from harness.names import escape

MOST = 20  # mistakes that are listed; who has more starts with these
_LONGEST = 400  # characters of one sentence: a value of a file may be a megabyte


class Enough(Exception):
    """More mistakes than are listed."""


class Mistakes:
    """What is wrong in one file. It is filled while the file is read, and raised at the end."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: list[ScenarioError] = []

    def add(self, what: str, key: str = "", remedy: str = "") -> None:
        """One more mistake, at a key of the file. Raises Enough."""
        if len(self.found) > MOST:
            raise Enough
        where = f"{self.where}: {key[:_LONGEST]}" if key else self.where
        self.found.append(ScenarioError(_short(what), where=where, remedy=_short(remedy)))

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Takes the ScenarioError that a check raises."""
        try:
            yield
        except ScenarioError as error:
            self.add(error.what, error.where.removeprefix(f"{self.where}: ").removeprefix(self.where), error.remedy)

    def end(self) -> None:
        """Raise what was found, if anything was."""
        if self.found:
            raise together(self.found, self.where)


def end_all(files: Sequence[Mistakes]) -> None:
    """Raise what was found in several files, if anything was: of one file as its own."""
    wrong = [one for one in files if one.found]
    if len(wrong) == 1:
        wrong[0].end()
    if wrong:
        raise together([error for one in wrong for error in one.found])


def together(errors: Sequence[ScenarioError], where: str = "") -> ScenarioError:
    """One error for all: itself, if it is alone. *where*: the file that all of them are in, if it is one."""
    errors = list({str(error): error for error in errors}.values())  # an entry with many codes is read once for each
    if len(errors) == 1:
        return errors[0]
    many = f"more than {MOST}" if len(errors) > MOST else str(len(errors))
    lines = [f"{many} mistakes:"]
    for error in errors[:MOST]:
        place = error.where.removeprefix(f"{where}: ") if where else error.where
        here = ScenarioError(error.what, where="" if place == where else place, remedy=error.remedy)
        lines += str(here).splitlines()
    return ScenarioError("\n".join(lines), where=where)


def named(key: str, name: str) -> str:
    """The place of an entry: its name is a stranger's, and stands on one line."""
    return f'{key}."{escape(name.encode("utf-8", "surrogateescape"))}"'


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
