"""The steps of a scenario, done on paper: a step that cannot come to what its author says is a slip, and an error when the file is read.

A plain directory as root has it, by the rules of the system calls (mkdir(2), rmdir(2), unlink(2), rename(2), link(2), …). Where a result
hangs on more than names and types (symbolic links, hard links, devices, what a file system stores) the rehearsal ends: it says what
is certain, and the run says the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.names import unescape
from harness.profile import Profile
from harness.scenario import steps
from harness.scenario.layers import layer
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Kind
from harness.whiteouts.union import merge

_MOST = 1_000_000  # entries times steps; a larger scenario is not rehearsed


class _Unsure(Exception):
    """From here on the result hangs on more than names and types."""


def slips(scenario: Scenario, profile: Profile) -> list[tuple[int, str]]:
    """The first step that comes to something else than its author says, as index and sentence; none where nothing is certain."""
    layers = [layer(tree, profile) for tree in scenario.layers] or [EMPTY]
    entries = sum(len(list(one)) for one in layers) + len(scenario.upper)
    if entries * (len(scenario.steps) + entries) > _MOST:
        return []
    merged = list(merge(layers, layer(scenario.upper, profile)))
    paper = _Paper({entry.path: entry.kind for entry in merged}, linked=any(entry.same_as for entry in merged))
    for index, step in enumerate(scenario.steps):
        try:
            why = _DOES.get(type(step), _unsure)(paper, step)
        except _Unsure:
            return []
        must = step.must(profile)
        if must is not steps.Fails.AS_ORACLE and bool(why) is not (must is steps.Fails.MUST):
            message = (
                f"it fails on a plain directory: {why}"
                if why
                else "it succeeds on a plain directory, and is said to fail"
            )
            return [(index, message)]
    return []


class _Paper:
    """A tree of names and types. Each step's method returns why it fails, or an empty string once it is done."""

    def __init__(self, kinds: dict[bytes, Kind], *, linked: bool) -> None:
        self.kinds = kinds
        self.linked = linked  # whether two names may be one file

    def above(self, path: bytes) -> str:
        """Why no name can be looked for at a path; empty when it can. The root itself is for nobody to make or remove."""
        if not path:
            raise _Unsure
        parts = path.split(b"/")
        for folder in (b"/".join(parts[:length]) for length in range(1, len(parts))):
            kind = self.kinds.get(folder)
            if kind is Kind.LINK:
                raise _Unsure
            if kind is not Kind.DIR:
                return f"{_shown(folder)} is {'no directory' if kind else 'not there'}"
        return ""

    def absent(self, path: bytes) -> str:
        return self.above(path) or ("" if path in self.kinds else f"{_shown(path)} is not there")

    def taken(self, path: bytes) -> str:
        return self.above(path) or (f"{_shown(path)} is there already" if path in self.kinds else "")

    def below(self, path: bytes) -> list[bytes]:
        return [one for one in self.kinds if one.startswith(path + b"/")]

    def made(self, path: bytes, kind: Kind) -> str:
        if not (why := self.taken(path)):
            self.kinds[path] = kind
        return why

    def plain(self, path: bytes) -> Kind:
        """The type of what is there, where opening it is no question of links or devices."""
        if (kind := self.kinds[path]) not in {Kind.DIR, Kind.FILE}:
            raise _Unsure
        return kind

    def rmdir(self, step: steps.Rmdir) -> str:
        path = _path(step.path)
        if why := self.absent(path):
            return why
        if self.kinds[path] is not Kind.DIR:
            return f"{_shown(path)} is no directory"
        if self.below(path):
            return f"{_shown(path)} is not empty"
        del self.kinds[path]
        return ""

    def unlink(self, step: steps.Unlink) -> str:
        path = _path(step.path)
        if why := self.absent(path):
            return why
        if self.kinds[path] is Kind.DIR:
            return f"{_shown(path)} is a directory"
        del self.kinds[path]
        return ""

    def write(self, step: steps.Write | steps.Touch) -> str:
        path = _path(step.path)
        if path not in self.kinds:
            return self.made(path, Kind.FILE)
        if self.plain(path) is Kind.DIR and isinstance(step, steps.Write):
            return f"{_shown(path)} is a directory"
        return ""

    def remove(self, step: steps.Remove) -> str:
        path = _path(step.path)
        if why := self.absent(path):
            return why
        for one in [path, *self.below(path)]:
            del self.kinds[one]
        return ""

    def rename(self, step: steps.Rename | steps.Move) -> str:
        old, new = _path(step.path), _path(step.to)
        if why := self.absent(old) or self.above(new):
            return why
        if old == new or new.startswith(old + b"/") or self.linked:
            raise _Unsure
        there = self.kinds.get(new)
        if isinstance(step, steps.Move) and there is Kind.DIR:  # mv moves into it
            raise _Unsure
        if there is not None and (there is Kind.DIR) is not (self.kinds[old] is Kind.DIR):
            return f"one of {_shown(old)} and {_shown(new)} is a directory, the other is none"
        if there is Kind.DIR and self.below(new):
            return f"{_shown(new)} is not empty"
        for one in [old, *self.below(old)]:
            self.kinds[new + one[len(old) :]] = self.kinds.pop(one)
        return ""

    def copy(self, step: steps.Copy) -> str:
        old, new = _path(step.path), _path(step.to)
        if why := self.absent(old) or self.above(new):
            return why
        if new in self.kinds or new.startswith(old + b"/"):
            raise _Unsure
        for one in [old, *self.below(old)]:
            self.kinds[new + one[len(old) :]] = self.kinds[one]
        return ""

    def link(self, step: steps.Link) -> str:
        old, new = _path(step.path), _path(step.to)
        if why := self.absent(old) or self.taken(new):
            return why
        if self.kinds[old] is not Kind.FILE:
            raise _Unsure
        self.kinds[new] = Kind.FILE
        self.linked = True
        return ""

    def stat(self, step: steps.Stat | steps.Readdir) -> str:
        path = _path(step.path)
        return self.absent(path) if path else ""

    def read(self, step: steps.Read) -> str:
        path = _path(step.path)
        return self.absent(path) or (f"{_shown(path)} is a directory" if self.plain(path) is Kind.DIR else "")

    def change(self, step: steps.Chmod) -> str:
        path = _path(step.path)
        why = self.absent(path) if path else ""
        if path and not why:
            self.plain(path)
        return why


_DOES: dict[type, Callable[[_Paper, Any], str]] = {
    steps.Mkdir: lambda paper, step: paper.made(_path(step.path), Kind.DIR),
    steps.Symlink: lambda paper, step: paper.made(_path(step.path), Kind.LINK),
    steps.Mkfifo: lambda paper, step: paper.made(_path(step.path), Kind.FIFO),
    steps.Rmdir: _Paper.rmdir,
    steps.Unlink: _Paper.unlink,
    steps.Write: _Paper.write,
    steps.Touch: _Paper.write,
    steps.Remove: _Paper.remove,
    steps.Rename: _Paper.rename,
    steps.Move: _Paper.rename,
    steps.Copy: _Paper.copy,
    steps.Link: _Paper.link,
    steps.Stat: _Paper.stat,
    steps.Readdir: _Paper.stat,
    steps.Read: _Paper.read,
    steps.Chmod: _Paper.change,
    steps.Remount: lambda _paper, _step: "",
}


def _unsure(_paper: _Paper, _step: object) -> str:
    raise _Unsure


def _path(text: str) -> bytes:
    path = unescape(text).rstrip(b"/")
    return b"" if path == b"." else path


def _shown(path: bytes) -> str:
    return repr(path.decode("utf-8", "replace"))
