"""A trace as a history: the steps of the script, the requests that daemons served for them, and the calls by which they did. Pure."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harness.diagnose.fuse import Nodes, Request, read_reply, read_request
from harness.diagnose.strace import Call, calls, descriptor, strings_in, unquoted
from harness.diagnose.syscalls import SYSCALLS, Does, Folders, does
from harness.worlds.inside import LAB

_FUSE = "</dev/fuse>"
_PHASES, _STEPS = "/out/phases>", "/out/merged.steps>"
_STEP = re.compile(rb"step (\d+)\n\Z")
_EXIT = re.compile(rb"^exit \d+\n\Z", re.MULTILINE)
_LAYERS = re.compile(rb"(lowerdir|upperdir|workdir)=([^,]*)")
_COLON = re.compile(rb"(?<!\\):")


@dataclass(frozen=True)
class Served:
    """A request that a daemon served. ``path``: from the mount's root, None where no answer named its node; ``target``: of a rename."""

    request: Request
    path: bytes | None
    target: bytes | None = None


@dataclass(frozen=True)
class Roots:
    """Where a daemon has its layers. Paths as it sees them, the longest first where one is below another."""

    names: tuple[tuple[bytes, bytes], ...]  # path -> "upper", "work", "lower/1"

    def relative(self, path: bytes) -> bytes | None:
        """``upper/a/f``; None for what lies outside of all layers."""
        for root, name in self.names:
            if path == root or path.startswith(root + b"/"):
                return name + path[len(root) :]
        return None

    def through(self, link: bytes, target: bytes) -> Roots:
        """The same where a link is known that leads to a layer: that is known by its other path too."""
        known = dict(self.names)
        found = {
            target + root[len(link) :]: name
            for root, name in self.names
            if (root == link or root.startswith(link + b"/")) and target + root[len(link) :] not in known
        }
        return Roots(_longest_first({**known, **found}.items())) if found else self


@dataclass(frozen=True)
class Done:
    """A call that a program did to a tree, or asked of it. ``paths``: relative to a root, such as ``upper/a``; the last is what it makes.

    ``ordinal``: which call of its name it is, of its process since that began its program, from 1; as strace counts them for faults.
    ``phase``: of the script, ``step``: the index of the scenario's step that went on, ``served``: the request.
    """

    call: Call
    does: Does
    paths: tuple[bytes, ...]
    phase: str
    roots: Roots
    ordinal: int = 0
    step: int | None = None
    served: Served | None = None

    @property
    def makes(self) -> bytes:
        """The path that it makes, changes or asks for: of several the last."""
        return self.paths[-1]


@dataclass(frozen=True)
class Trace:
    """``daemons``: calls of who serves a mounted tree, to its layers. ``steps``: those of the steps, to the mounted tree. In their order.

    ``requests``: how many were decoded. ``cut``: whether a call has no end: its process, or the trace, ended in it.
    """

    daemons: tuple[Done, ...] = ()
    steps: tuple[Done, ...] = ()
    requests: int = 0
    cut: bool = False


def roots_of(words: Sequence[bytes], current: bytes) -> Roots | None:
    """The layers that the words of a command name; None where they name no upper. *current*: the folder that it was given in."""
    found = dict(pair for word in words for pair in _LAYERS.findall(word))
    if b"upperdir" not in found:
        return None
    lowers = [one for one in _COLON.split(found.get(b"lowerdir", b"")) if one]
    names = [(found[b"upperdir"], b"upper"), (found.get(b"workdir", b""), b"work")]
    names += [(one, b"lower/%d" % (len(lowers) - number)) for number, one in enumerate(lowers)]
    absolute = {_absolute(path, current): name for path, name in names if path}
    return Roots(_longest_first(absolute.items()))


def _longest_first(names: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(sorted(names, key=lambda pair: -len(pair[0])))


def _leads(call: Call, paths: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """A link, and where it leads, as reading it or opening it has shown."""
    if not call.ok or len(paths) != 1:
        return None
    if call.name in {"readlink", "readlinkat"}:
        target = unquoted(call.arguments[-2])
        return None if target is None else (paths[0], _absolute(target, os.path.dirname(paths[0])))  # noqa: PTH120 (bytes)
    opened = descriptor(call.result) if call.name.startswith("open") else None
    return None if opened is None or opened[1] == paths[0] else (paths[0], opened[1])


def _absolute(path: bytes, current: bytes) -> bytes:
    return os.path.normpath(path if path.startswith(b"/") else current + b"/" + path)


def read_trace(lines: Iterable[str], merged: Collection[bytes] = (b"/mnt/merged", LAB.encode())) -> Trace:
    """The history of a traced cell. *merged*: where its steps are done."""
    reader = _Reader(Roots(tuple((path, b"merged") for path in merged)))
    for call in calls(lines):
        reader.read(call)
    return Trace(tuple(reader.daemons), tuple(reader.steps), reader.requests, reader.cut)


class _Reader:
    """Reads calls in their order, and keeps what each process is about."""

    def __init__(self, merged: Roots) -> None:
        self._merged = merged
        self._folders = Folders()
        self._phase = ""
        self._step: int | None = None
        self._nodes: dict[int, Nodes] = {}
        self._serving: dict[int, Served] = {}
        self._piped: set[int] = set()  # processes that spliced a request into a pipe, and have not read it yet
        self._roots: dict[int, Roots] = {}
        self._told: Roots | None = (
            None  # by the last command that names layers: a daemon may be its child, or a thread of it
        )
        self._counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.daemons: list[Done] = []
        self.steps: list[Done] = []
        self.requests = 0
        self.cut = False

    def read(self, call: Call) -> None:
        """One call more."""
        if call.name == "execve" and call.ok:
            self._counts[call.process] = Counter()
            words = strings_in(call.arguments[1]) if len(call.arguments) > 1 else []
            told = roots_of(words, self._folders.current(call.process))
            if told is not None:
                self._told = self._roots[call.process] = told
        elif call.name in {"read", "readv", "splice"}:
            self._heard(call)
        elif call.name in {"write", "writev"}:
            self._said(call)
        if call.name in SYSCALLS:
            self._counts[call.process][call.name] += 1
            if call.process in self._roots or self._step is not None:  # of others nothing is told
                self._folders.see(call)
                self._done(call)

    def _heard(self, call: Call) -> None:
        """A request, read from the device, or from the pipe that it was spliced into."""
        source = call.arguments[0] if call.arguments else ""
        if call.name == "splice":
            if _FUSE in source and call.ok:
                self._piped.add(call.process)
            return
        if _FUSE not in source and not (call.process in self._piped and "pipe:" in source):
            return
        self._piped.discard(call.process)
        request = read_request(b"".join(strings_in(",".join(call.arguments[1:])))) if call.ok else None
        self._serving.pop(call.process, None)
        if request is None:
            return
        self.requests += 1
        if self._told is not None:
            self._roots.setdefault(call.process, self._told)
        nodes = self._nodes.setdefault(call.process, Nodes())
        if request.opcode == "INIT":
            self._nodes[call.process] = nodes = Nodes()
        self._serving[call.process] = Served(request, nodes.path(request), nodes.target(request))

    def _said(self, call: Call) -> None:
        """An answer to the kernel; or a word of the script: where it is, and which step begins or ends."""
        target = call.arguments[0] if call.arguments else ""
        if _FUSE in target:
            served = self._serving.get(call.process)
            reply = read_reply(b"".join(strings_in(call.text)))  # none: a notification, in the middle of a request
            if served is not None and reply is not None and reply.unique == served.request.unique:
                self._nodes[call.process].learn(served.request, reply)
                del self._serving[call.process]
            return
        if not target.endswith((_PHASES, _STEPS)):
            return
        said = b"".join(strings_in(call.text))
        if target.endswith(_PHASES):
            self._phase = said.decode().strip()
            return
        step = _STEP.match(said)
        if step is not None:
            self._step = int(step[1])
        elif _EXIT.search(said):
            self._step = None

    def _done(self, call: Call) -> None:
        self.cut = self.cut or call.result == "?"
        roots = self._roots.get(call.process)
        if roots is None and self._step is None:
            return
        absolute = self._folders.paths(call)
        led = _leads(call, absolute) if roots is not None else None
        if roots is not None and led is not None:
            roots = self._roots[call.process] = roots.through(*led)
        where = roots or self._merged
        paths = [where.relative(path) for path in absolute]
        if not paths or None in paths:
            return
        served = self._serving.get(call.process)
        ordinal = self._counts[call.process][call.name]
        done = Done(call, does(call), tuple(filter(None, paths)), self._phase, where, ordinal, self._step, served)
        (self.steps if roots is None else self.daemons).append(done)
