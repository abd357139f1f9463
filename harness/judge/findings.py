"""A finding: a broken rule or a divergence, with a stable code, a path, a station, and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The four outcomes of a cell. Broken machinery is never a finding."""

    PASSED = "passed"  # everything as expected; known findings may be there
    FINDING = "finding"  # something that nobody has named
    BROKEN = "broken"  # the machine, the world or the program did not do its part
    SKIPPED = "skipped"  # not run, with a reason and its remedy


class Station(StrEnum):
    """The named points at which trees are taken."""

    VIEW = "view"  # the merged tree before unmounting
    UPPER = "upper"  # what lies in the upper after unmounting
    REMOUNT = "remount"  # the merged tree after mounting again with the same tool
    READONLY = "readonly"  # the tree that a read-only run of the same overlay shows
    SEALED = "sealed"  # the layer that sealing made of the upper
    SEALED_VIEW = "sealed-view"  # the tree that a run of the sealed image shows
    PUSHED = "pushed"  # the layer that the registry got
    IMPORTED = "imported"  # the tree that an importer made of it
    STEPS = "steps"  # not a tree: the exit status of each step
    ORACLE = "oracle"  # the plain directory


SILENT = frozenset({"WL208", "WL209"})  # codes of a cell that was not seen to its end: what it has not, nobody knows


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A finding that is known: for which tools, why, and where one can read about it.

    ``tools``: ``fuse-overlayfs``, ``fuse-overlayfs<2``, ``fuse-overlayfs>=1.8,<2``, ``fuse-overlayfs==1.4``; empty: every tool.
    In a file ``code`` may be a list: an entry for each.
    ``profiles``: empty: both. ``path`` and ``words``: shell patterns over the escaped path and over the sentence; empty: any.
    ``stations``: where it first appears; empty: anywhere.
    ``optional``: no finding when it does not appear. Otherwise a known finding must be there, or it seems fixed.
    ``sometimes``: the same cell has it in one run and not in the next; so it need not appear, and ``repeat`` tells how often it does.
    """

    code: str
    reason: str
    link: str = ""
    tools: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    path: str = ""
    words: str = ""
    stations: tuple[Station, ...] = ()
    optional: bool = False
    sometimes: bool = False


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rule says about one path at one station. ``path`` is in the escaped text form; the root is ``/``."""

    code: str  # "WL101"
    path: str
    station: Station
    message: str  # one sentence, names escaped
    known: Known | None = None
    carried: tuple[Station, ...] = ()  # the later stations of an image's way that show the same
    step: int | None = None  # of WL207: the index of the step
    times: int = 1  # in how many runs of the cell it was found …
    of: int = 1  # … of how many
    consequences: tuple[Finding, ...] = ()  # what follows from this one, and is no finding of its own


def often(finding: Finding) -> str:
    """``2 of 5 times``; empty for what was found every time."""
    return f"{finding.times} of {finding.of} times" if finding.times < finding.of else ""


def flat(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings, each followed by its consequences."""
    for finding in findings:
        yield finding
        yield from flat(finding.consequences)
