"""The facts of WL4..: what users have after a fault in the daemon."""

from __future__ import annotations

from typing import Annotated, ClassVar

from harness.judge.facts.base import FactsBase, lasts, passing
from harness.judge.facts.layer import Taking


class AtCall(FactsBase, frozen=True, kw_only=True, omit_defaults=True):
    """At which call it was, in what."""

    fault: Annotated[
        str, lasts("the fault: killed, or the error that the system call gave, as errno names it: EIO, ENOSPC, …")
    ]
    call: Annotated[str, lasts("the system call that it was at")]
    request: Annotated[str, lasts("the FUSE request that was being served: MKDIR, RENAME2, …")]
    action: Annotated[str, lasts("what the step does, as scenario files say it: mkdir, rename, …")]
    line: Annotated[str, passing("the call, with its arguments")] = ""


class HalfDone(AtCall, frozen=True, kw_only=True, omit_defaults=True, tag="half-done"):
    """WL401."""

    code: ClassVar[str] = "WL401"
    taken: Annotated[
        Taking,
        lasts("the path is extra, absent, or differs, against the nearer of the trees before and after the step"),
    ]
    unopened: Annotated[bool, lasts("whether it is listed, and cannot be opened")] = False
    again: Annotated[bool, lasts("whether it is seen when it is mounted again, and not before")] = False


class Unsaid(AtCall, frozen=True, kw_only=True, omit_defaults=True, tag="unsaid"):
    """WL402."""

    code: ClassVar[str] = "WL402"
    failed: Annotated[bool, lasts("whether the step said that it failed, and is done; no: that it is done, and is not")]


class NotAgain(AtCall, frozen=True, kw_only=True, omit_defaults=True, tag="not-again"):
    """WL403."""

    code: ClassVar[str] = "WL403"
    words: Annotated[str, passing("what it said")] = ""
