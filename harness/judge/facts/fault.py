"""The facts of WL4..: what users have after a fault in the daemon."""

from __future__ import annotations

from typing import Annotated, ClassVar

from harness.judge.facts.base import FactsBase, lasts, passing
from harness.judge.facts.layer import Taking

_FAULT = lasts("the fault: killed, or the error that the system call gave, as errno names it: EIO, ENOSPC, …")
_CALL = lasts("the system call that it was at")
_REQUEST = lasts("the FUSE request that was being served: MKDIR, RENAME2, …")
_STEP = lasts("what the step does, as scenario files say it: mkdir, rename, …")
_TAKEN = lasts("the path is extra, absent, or differs, against the nearer of the trees before and after the step")


class HalfDone(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="half-done"):
    """WL401."""

    code: ClassVar[str] = "WL401"
    fault: Annotated[str, _FAULT]
    call: Annotated[str, _CALL]
    request: Annotated[str, _REQUEST]
    action: Annotated[str, _STEP]
    taken: Annotated[Taking, _TAKEN]
    unopened: Annotated[bool, lasts("whether it is listed, and cannot be opened")] = False
    again: Annotated[bool, lasts("whether it is seen when it is mounted again, and not before")] = False
    line: Annotated[str, passing("the call, with its arguments")] = ""


class Unsaid(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="unsaid"):
    """WL402."""

    code: ClassVar[str] = "WL402"
    fault: Annotated[str, _FAULT]
    call: Annotated[str, _CALL]
    request: Annotated[str, _REQUEST]
    action: Annotated[str, _STEP]
    failed: Annotated[bool, lasts("whether the step said that it failed, and is done; no: that it is done, and is not")]
    line: Annotated[str, passing("the call, with its arguments")] = ""


class NotAgain(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="not-again"):
    """WL403."""

    code: ClassVar[str] = "WL403"
    fault: Annotated[str, _FAULT]
    call: Annotated[str, _CALL]
    request: Annotated[str, _REQUEST]
    action: Annotated[str, _STEP]
    words: Annotated[str, passing("what it said")] = ""
    line: Annotated[str, passing("the call, with its arguments")] = ""
