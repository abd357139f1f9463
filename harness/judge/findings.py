"""A finding: a broken rule or a divergence, with a stable code, a path, a place, and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from harness.judge.defects.model import Named
from harness.judge.facts import Facts, key_of
from harness.places import PlaceName


class Outcome(StrEnum):
    """The four outcomes of a cell. Broken machinery is never a finding."""

    PASSED = "passed"  # everything as expected; known findings may be there
    FINDING = "finding"  # something that nobody has named
    BROKEN = "broken"  # the machine, the world or the program did not do its part
    SKIPPED = "skipped"  # not run, with a reason and its remedy


SILENT = frozenset({"WL208", "WL209"})  # codes of a cell that was not seen to its end: what it has not, nobody knows


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rule says about one path at one place. ``path`` is in the escaped text form; the root is ``/``.

    The rule's row makes ``message`` of the ``facts``, and nothing takes it apart again. ``key`` is made of them too, whatever is given
    for it: it says which finding this is, and stays the same from night to night (``harness.judge.facts.key_of``). What was read
    from a ``results.json`` of a time before facts has none.
    """

    code: str  # "WL101"
    path: str
    place: PlaceName = msgspec.field(name="station")
    message: str  # one sentence, names escaped
    known: Named | None = None  # the defect that explains it
    back: Named | None = None  # the defect that it is, in a version that should not have it any more
    carried: tuple[PlaceName, ...] = ()  # the later places of an image's journey that show the same
    step: int | None = None  # of WL207: the index of the step
    times: int = 1  # in how many runs of the cell it was found …
    of: int = 1  # … of how many
    consequences: tuple[Finding, ...] = ()  # what follows from this one, and is no finding of its own
    facts: Facts | None = None
    key: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "key", key_of(self.code, self.place, self.path, self.facts))


def often(finding: Finding) -> str:
    """``2 of 5 times``; empty for what was found every time."""
    return f"{finding.times} of {finding.of} times" if finding.times < finding.of else ""


def flat(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings, each followed by its consequences."""
    for finding in findings:
        yield finding
        yield from flat(finding.consequences)
