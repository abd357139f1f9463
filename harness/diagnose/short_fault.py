"""What a fault leaves, as a script of a few plain lines that needs strace(1) and the program alone. Pure.

It does what the lab did: one thread serves, what was written comes to it before each step, and the n-th call of a name meets the fault.
Exit codes as in ``short``.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.cells.plan import Cell
from harness.diagnose.faults import Fault
from harness.diagnose.short import frame, joined, told
from harness.judge.codes import CODES
from harness.judge.facts.fault import HalfDone, Unsaid
from harness.judge.findings import Finding
from harness.machine.quote import quote_bytes
from harness.places import REMOUNT, VIEW, PlaceName
from harness.scenario.model import KILLED
from harness.script.typed import step_typed
from harness.snapshot.model import EMPTY, Kind, Snapshot

_MOUNT = (
    "cpu=$(taskset -cp $$)\n"
    'mount_it() { taskset -c "${cpu##*[-,: ]}" "$@" %s >log 2>&1 & '
    "until mountpoint -q merged; do kill -0 $! || exit 125; sleep 0.01; done; }"
)


def short_fault(
    cell: Cell, fault: Fault, finding: Finding, trees: Mapping[PlaceName, Snapshot], plain: tuple[Snapshot, Snapshot]
) -> str:
    """The script; empty where a few lines would not do. *cell*: up to the step. *trees*: what was shown then, and mounted again.

    *finding*: the one of the fault's that it is to show; *plain*: the plain directory before the step and after it.
    """
    what = f"{finding.code} {CODES[finding.code].name}: {finding.message}"
    again = isinstance(finding.facts, HalfDone) and finding.facts.again
    test = _test(finding, trees.get(REMOUNT if again else VIEW, EMPTY), *plain)
    common = frame(cell, what, "strace taskset")
    if common is None or not test:
        return ""
    injected = "signal=SIGKILL" if fault.fault == KILLED else f"error={fault.fault}"
    name, ordinal = fault.point.name, fault.point.ordinal
    traced = (
        f"mount_it strace -D -f -qq -o trace -e signal=none -e trace={name} -e inject={name}:{injected}:when={ordinal}"
    )
    steps = b"; ".join(b"sync -f .; " + step_typed(step) for step in cell.scenario.steps)
    shown = test + b"; code=$?"
    unmount = f"{common.unmount}; wait".encode()
    return joined(
        [
            *common.begin,
            *(_MOUNT % common.mount.replace('"$program"', '"$program" -f', 1)).encode().split(b"\n"),
            traced.encode(),
            b"(cd merged; " + steps + b"); failed=$?",
            *([] if again else [shown]),
            unmount,
            *([b"mount_it", shown, unmount] if again else []),
            *told(what),
        ]
    )


def _test(finding: Finding, tree: Snapshot, before: Snapshot, after: Snapshot) -> bytes:
    """A command that succeeds where it shows, and neither before the step nor after it; empty where none is known."""
    facts = finding.facts
    if isinstance(facts, Unsaid):
        path = next(
            (one for one in sorted({*before.entries, *after.entries}) if (one in before) != (one in after)), None
        )
        if path is None:
            return b""
        said = b'[ "$failed" != 0 ]' if facts.failed else b'[ "$failed" = 0 ]'
        return said + b" && " + (b"" if (path in after) is facts.failed else b"! ") + _is_there(path)
    for path in sorted({*tree.entries, *before.entries, *after.entries}):
        here, early, late = (one.get(path) for one in (tree, before, after))
        if here is not None and here.kind is Kind.UNKNOWN:
            return _is_listed(path) + b" && ! " + _can_be_opened(path)
        if here is not None and early is None and late is None:
            return _is_there(path)
        if here is None and early is not None and late is not None:
            return b"! " + _is_there(path)
        texts = [one.text if one is not None and one.kind is Kind.FILE else None for one in (here, early, late)]
        if None not in texts and texts[0] not in texts[1:]:
            said = b'"$(cat ' + _in_merged(path) + b')"'
            wanted = [text.rstrip(b"\n") for text in dict.fromkeys(texts[1:]) if text is not None and b"\0" not in text]
            return b" && ".join(b"[ " + said + b" != " + quote_bytes(text) + b" ]" for text in wanted)
    return b""


def _in_merged(path: bytes) -> bytes:
    return quote_bytes(b"merged/" + path if path else b"merged")


def _is_listed(path: bytes) -> bytes:
    folder, _, name = path.rpartition(b"/")
    return b"ls -A " + _in_merged(folder) + b" | grep -qxF -- " + quote_bytes(name)


def _can_be_opened(path: bytes) -> bytes:
    return b"{ [ -e " + _in_merged(path) + b" ] || [ -L " + _in_merged(path) + b" ]; }"


def _is_there(path: bytes) -> bytes:
    """By its name, or in its folder: what the kernel remembers of a name may be another thing than what the daemon lists."""
    return b"{ [ -e " + _in_merged(path) + b" ] || [ -L " + _in_merged(path) + b" ] || " + _is_listed(path) + b"; }"
