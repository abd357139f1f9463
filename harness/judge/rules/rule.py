"""A rule as a row of a table: what it is called, what it looks at, how it looks, and how what it finds is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from harness.judge.facts import Facts
from harness.judge.facts.view import StepResult
from harness.judge.findings import Finding
from harness.places import PlaceName

E_contra = TypeVar("E_contra", contravariant=True)
F = TypeVar("F", bound=Facts)


class Need(StrEnum):
    """What is no tree, and may not have been there to be looked at."""

    BELOW = "what lies below the upper"
    TRUSTED = "xattrs of trusted.*"


class Hit(NamedTuple, Generic[F]):
    """One thing that a check finds, before anybody has said it. ``path`` is in the escaped text form; the root is ``/``."""

    path: str
    place: PlaceName
    facts: F


@dataclass(frozen=True)
class Rule(Generic[E_contra, F]):
    """``needs``: what must have been recorded before one can say that there is no such finding. Empty: it looks at what was made.

    ``one``: the sentence of one finding, made of its path and facts. ``many``: what tools do that have it, said of one of them and
    of several; ``{}`` is where the paths stand, and ``{encodings}`` how the findings' marks look.
    """

    code: str
    needs: frozenset[PlaceName | Need]
    check: Callable[[E_contra], Iterator[Hit[F]]]
    one: Callable[[str, F], str]
    many: tuple[str, str]

    def __call__(self, evidence: E_contra) -> Iterator[Finding]:
        """What the rule finds."""
        for path, place, facts in self.check(evidence):
            step = facts.index if isinstance(facts, StepResult) else None
            yield Finding(self.code, path, place, self.one(path, facts), step=step, facts=facts)
