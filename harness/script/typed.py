"""A cell as a person types it: the fewest commands after which one sees what is wrong. Pure; for the text of a bug report.

Beside the script that a cell compiles to it takes no evidence and judges nothing: what is to be seen is listed by ``ls`` and ``getfattr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.cells.plan import Cell
from harness.drivers.base import Runner, Typed
from harness.machine.quote import quote_bytes
from harness.profile import Profile
from harness.scenario.layers import layer
from harness.scenario.steps import Rename, Step, Write
from harness.script.below import stack_of
from harness.script.parts import segments
from harness.script.trees import build, folders
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.union import merge
from harness.worlds.inside import LAB

_RENAME = b"perl -e 'rename $ARGV[0], $ARGV[1] or die \"rename: $!\\n\"' "
_LINE = re.compile(rb"printf %s '([ -&(-Z^-~]*)\n' >")  # a line with nothing in it that a shell or an echo changes
_LISTED = b"ls -lAR --time-style=+ "
_SKELETON = (
    b"for name in usr dev proc sys tmp etc mnt root home run var/tmp; do mkdir -p image/1/$name; done",
    b"for name in bin sbin lib lib64; do ln -s usr/$name image/1/$name; done",
    b"for name in passwd group hosts resolv.conf localtime; do : >image/1/etc/$name; done",
)


def typed(cell: Cell, *, again: bool = False) -> bytes:
    """The commands, in an empty folder; empty where a few would not do: another file system below, a stack on a stack, a second owner.

    *again*: whether what is wrong is seen after another mount.
    """
    scenario = cell.scenario
    if scenario.below.fs != "host" or scenario.stack == "nested" or scenario.handover or cell.laid_by_root:
        return b""
    layers = [layer(tree, cell.profile) for tree in scenario.layers] or [EMPTY]
    if isinstance(cell.driver, Runner):
        if len(layers) > 1 and not cell.driver.flattened:
            return b""
        return _contained(cell, cell.driver, merge(layers))
    prepared = layer(scenario.upper, cell.profile)
    lowers = tuple(f"lower{n or ''}" for n in (range(1, len(layers) + 1) if len(layers) > 1 else (0,)))
    text = cell.driver.script(stack_of(cell, lowers, "upper", "work", "merged")).typed
    if not text.mount:
        return b""
    user = (
        [b"# as an ordinary user, in: unshare --user --map-root-user --mount"] if cell.profile is Profile.USER else []
    )
    trees = [*zip(lowers, layers, strict=True), ("upper", prepared)]
    lines = [*(user or [b"# as root"]), *_laid(trees, b" work merged"), *_lines(text.begin)]
    for number, segment in enumerate(segments(scenario.steps)):
        lines += [b""] if not number else []
        lines += [*_lines(text.mount), b"cd merged", *(step_typed(step) for _, step in segment)]
        lines += [b"ls -lAR --time-style=+", b"cd ..", *_lines(text.unmount)]
    lines += _listing(text)
    lines += [*_lines(text.mount), _LISTED + b"merged", *_lines(text.unmount)] if again else []
    return b"\n".join([*lines, *_lines(text.end)]) + b"\n"


def _contained(cell: Cell, driver: Runner, whole: Snapshot) -> bytes:
    text = driver.script(stack_of(cell, ("image/1",), "upper", "work", LAB)).typed
    if not text.run:
        return b""
    lines = [b"# as root" if cell.profile is Profile.ROOT else b"# as an ordinary user"]
    lines += [*_laid([(f"image/1{LAB}", whole)], b""), *_SKELETON, *_lines(text.begin), b""]
    for segment in segments(cell.scenario.steps):
        steps = [b"cd " + LAB.encode(), *(step_typed(step) for _, step in segment), b"ls -lAR --time-style=+"]
        lines.append(text.run.encode() + b" sh -c " + quote_bytes(b"\n".join(steps)))
    return b"\n".join([*lines, *_listing(text), *_lines(text.end)]) + b"\n"


def step_typed(step: Step) -> bytes:
    """A step as a command of the shell, in the folder that it is done in."""
    words = [quote_bytes(word) if word else b"''" for word in step.words()]
    if isinstance(step, Write):
        return b"printf %s " + words[2] + (b" >>" if step.append else b" >") + words[1]
    if isinstance(step, Rename):
        return _RENAME + b" ".join(words[1:])
    return b"ls -Ab " + words[1] if words[0] == b"names" else b" ".join(words)


def _laid(trees: Iterable[tuple[str, Snapshot]], more: bytes) -> list[bytes]:
    made = [word for folder, snapshot in trees for word in folders(folder, snapshot)]
    short = [word for word in made if not any(other.startswith(word + b"/") for other in made)]
    built = [_LINE.sub(rb"echo '\1' >", line) for folder, tree in trees for line in build(folder, tree)]
    return [b"mkdir -p " + b" ".join(short) + more, *built]


def _lines(text: str) -> list[bytes]:
    return [line.encode("utf-8", "surrogateescape") for line in text.splitlines()]


def _listing(text: Typed) -> list[bytes]:
    """What shows the marks: names, types and device numbers; xattrs."""
    if not text.upper:
        return []
    return [_LISTED + text.upper.encode(), b"getfattr -R -h -d -m - " + text.upper.encode()]
