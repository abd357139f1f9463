"""The facts of WL2..: what a reader sees, beside the oracle, and how a mount came to its end."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from harness.judge.facts.base import Differing, FactsBase, lasts, passing
from harness.whiteouts.encodings import Encoding

_KIND = lasts("the type of the entry: dir, file, link, char, block, fifo, socket")
_INSIDE = passing("how many entries lie below it")


class How(StrEnum):
    """By what a name was found."""

    LISTED = "listed"  # readdir gives it
    LOOKED_UP = "looked up"  # it is found by its name alone


_FOUND = lasts("how it was found: listed (readdir gives it), or looked up (by its name, and readdir does not)")


class Resurrected(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="resurrected"):
    """WL201."""

    code: ClassVar[str] = "WL201"
    kind: Annotated[str, _KIND]
    found: Annotated[How, _FOUND]
    inside: Annotated[int, _INSIDE] = 0


class Lost(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="lost"):
    """WL202."""

    code: ClassVar[str] = "WL202"
    kind: Annotated[str, _KIND]
    inside: Annotated[int, _INSIDE] = 0


class Phantom(FactsBase, frozen=True, kw_only=True, tag="phantom"):
    """WL203."""

    code: ClassVar[str] = "WL203"
    found: Annotated[
        How, lasts("listed (and it cannot be opened), or looked up (it is found by its name, and not listed)")
    ]


class MarkerVisible(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="marker-visible"):
    """WL204."""

    code: ClassVar[str] = "WL204"
    encodings: Annotated[tuple[Encoding, ...], lasts("how the marker that is shown as a file is written")] = ()
    xattr: Annotated[str | None, lasts("the private xattr that is shown")] = None


class Changed(Differing, frozen=True, kw_only=True, tag="changed"):
    """WL205."""

    code: ClassVar[str] = "WL205"
    kind: Annotated[str, lasts("the type that the entry must have")]


class Turn(StrEnum):
    """What became of an entry by a remount."""

    GONE = "gone"
    NEW = "new"
    UNREADABLE = "unreadable"  # it can be opened on one side alone
    DIFFERS = "differs"


class Unstable(Differing, frozen=True, kw_only=True, omit_defaults=True, tag="unstable"):
    """WL206."""

    code: ClassVar[str] = "WL206"
    sides: ClassVar[tuple[tuple[str, str], tuple[str, str]]] = (
        ("after", "after the remount"), ("before", "before the remount"),
    )  # fmt: skip
    turn: Annotated[
        Turn, lasts("by the remount it is gone, new, unreadable (it can be opened on one side alone), or differs")
    ]
    before: Annotated[str | None, lasts("the type before the remount; unknown: listed, and not to be opened")] = None
    after: Annotated[str | None, lasts("the type after the remount")] = None


class StepResult(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="step-result"):
    """WL207."""

    code: ClassVar[str] = "WL207"
    index: Annotated[int, lasts("the index of the step, from 0")]
    action: Annotated[str, lasts("what the step does, as scenario files say it: mkdir, rename, mv, readdir, …")]
    paths: Annotated[tuple[str, ...], lasts("the paths of the step; rename, mv, cp and link have two")]
    succeeds: Annotated[bool, lasts("whether it succeeded on the mounted tree")]
    must_succeed: Annotated[bool, lasts("whether it succeeded on the plain directory")]
    error: Annotated[str | None, lasts("what it failed with, as errno names it: ENOTEMPTY, EIO, …")] = None
    must_error: Annotated[str | None, lasts("what it failed with on the plain directory")] = None
    words: Annotated[str, passing("what it printed: an error's text, or what readdir, stat or read gave")] = ""
    must_words: Annotated[str, passing("what it printed on the plain directory")] = ""


class Died(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="died"):
    """WL208."""

    code: ClassVar[str] = "WL208"
    hang: Annotated[bool, lasts("whether it did not come to an end, and was stopped")] = False
    phase: Annotated[str | None, passing("of a hang: the phase in which it was stopped")] = None
    signal: Annotated[int | None, lasts("the number of the signal that the daemon died of")] = None
    exit_code: Annotated[int | None, lasts("the exit code that the daemon ended with")] = None


class MountRefused(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="mount-refused"):
    """WL209."""

    code: ClassVar[str] = "WL209"
    refuses: Annotated[bool, lasts("whether it refused to mount; no: it mounted what it must refuse")]
    again: Annotated[bool, lasts("whether it had mounted the same stack before")] = False
    error: Annotated[str | None, lasts("what it failed with, as errno names it, where its words say it")] = None
    words: Annotated[str, passing("the words of the tool, without addresses and numbers of processes")] = ""
