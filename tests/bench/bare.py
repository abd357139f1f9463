"""What a cell costs without evidence: its script, with the layers, the mounts and the steps, and nothing that is there to be recorded.

No tree is taken, no plain directory is laid out and changed beside it, what was mounted is not read back, and the stack is not mounted a
second time to be looked at. Of a cell that runs containers every run stays, and no tree is taken in it.
"""

from __future__ import annotations

from tests.bench.measure import NotDone

_RUN = b"# ---- the run "
_ORACLE = b"# the oracle starts as "
_STEPS = b"\n# ---- the steps "
_EVIDENCE = (b"table", b"take ", b"reach ", b"left ", b"on oracle ", b"layers=", b"! alone || verdict")
_AGAIN = (b"say 'mount again'", b"say 'last unmount'", b"unmount_stack")
_QUIET = b"""\
# ---- bare: no evidence
step() { shift; "$@"; } >/dev/null 2>&1 </dev/null
take() { :; }
reach() { :; }
left() { :; }
see() { :; }

"""


def bare(script: bytes) -> bytes:
    """The script of a cell without what only evidence needs. Raises NotDone for one that is not built as this expects."""
    before, mark, run = script.rpartition(b"\n" + _RUN)
    if not mark:
        raise NotDone("bare: a script has no part that is its run")
    laid, oracle, rest = before.partition(_ORACLE)
    plain, steps, after = rest.partition(_STEPS)
    if oracle and steps and b"exec setpriv" not in plain:  # laid out as root: lines that hand it over stand behind it
        before = laid + steps + after
    lines = [line for line in run.split(b"\n") if not line.startswith(_EVIDENCE)]
    if _AGAIN[0] in lines:
        first, last = lines.index(_AGAIN[0]), lines.index(_AGAIN[1])
        end = lines.index(_AGAIN[2], last)
        del lines[first : end + 1]
    # what runs inside a container is told by the same file, above its run: the functions must be there before
    entry = before.find(b'\nif [ "${2:-}" = inside ]')
    if entry >= 0:
        before = before[: entry + 1] + _QUIET + before[entry + 1 :]
    else:
        before += b"\n" + _QUIET
    return before + mark + b"\n".join(lines)
