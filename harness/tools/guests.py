"""Which guest kernels are here: those of worlds that have one as a program, and one that the user built (``make ARCH=um``).

No ordinary cell runs under them.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.drivers.kernel import PLAIN
from harness.errors import UsageError
from harness.tools.asked import KERNEL, Word, parse_words
from harness.tools.discover import Found
from harness.tools.given import given_programs
from harness.worlds.host import host_world
from harness.worlds.ledger import Ledger
from harness.worlds.model import Part, Tool, Unavailable, World
from harness.worlds.suites import GUEST, GUESTS_RUN_ON, SUITES
from harness.worlds.versions import kernel_number

_BANNER = re.compile(rb"Linux version ([0-9][^\s%]*) \(")
_PROGRAM, _MODULES, _PACKAGE = "usr/bin/linux.uml", "usr/lib/uml/modules", "user-mode-linux"


def discover_guests(worlds: Sequence[World], given: Iterable[str] = ()) -> list[Found]:
    """The kernel's own overlay under each guest kernel of *worlds*, and why others are not here.

    *given*: the words of ``--tool``: where they choose other tools there is none, and a path is a kernel to add, which uses what else is in
    the newest guest's world. Raises UsageError for a file that is no program.
    """
    words = parse_words(given)
    choosing = [word for word in words if word.path is None]
    ledger = Ledger.open()
    try:
        here: list[Found] = [tool for world in worlds if (tool := _of(world, ledger)) is not None]
        brought = _given([word for word in words if word.name == KERNEL and word.path is not None], worlds, ledger)
    finally:
        ledger.close()
    chosen = not choosing or any(word.name == KERNEL for word in choosing)
    return [*(here if chosen else ()), *(_missing(worlds) if chosen else ()), *brought]


def _of(world: World, ledger: Ledger) -> Tool | None:
    suite, program = SUITES.get(world.suite), world.root / _PROGRAM
    if suite is None or not suite.guest or not program.is_file():
        return None
    release = max((path.name for path in (world.root / _MODULES).iterdir()), default="")
    package, inside = world.packages.get(_PACKAGE, ""), str(Path("/") / _PROGRAM)
    main = Part(KERNEL, kernel_number(release), package, inside, ledger.digest(program), f"Linux {release}")
    return Tool(PLAIN.name, main, world, origin="guest")


def _missing(worlds: Sequence[World]) -> list[Found]:
    built = {world.suite for world in worlds}
    lacking = [name for name, suite in SUITES.items() if suite.guest and name not in built]
    if platform.machine() not in GUESTS_RUN_ON:
        reason = f"User-mode Linux is for {', '.join(sorted(GUESTS_RUN_ON))} alone"
        return [Unavailable(PLAIN.name, name, reason) for name in lacking]
    return [
        Unavailable(PLAIN.name, name, f"the world {name} is not built", f"whiteout-lab worlds build {name}", name)
        for name in lacking
    ]


def _given(words: Sequence[Word], worlds: Sequence[World], ledger: Ledger) -> list[Found]:
    if not words:
        return []
    world = next((world for world in worlds if world.suite == GUEST), None)
    if world is None:
        return _missing(worlds)
    by_place = {word.place: word for word in words}
    return [
        _kernel(replace(tool, world=world), by_place[tool.rank]) for tool in given_programs(words, host_world(), ledger)
    ]


def _kernel(tool: Tool, word: Word) -> Tool:
    """A given one at the release that stands in its file: where it needs a newer libc than this machine's it cannot say it itself."""
    found = _BANNER.search(Path(tool.main.path).read_bytes())
    if found is None:
        raise UsageError(
            "the file is no kernel that is a program", where=word.option, remedy="make ARCH=um gives one: ./linux"
        )
    release = found[1].decode()
    version = word.version or kernel_number(release)
    return replace(tool, main=replace(tool.main, version=version, says=f"Linux {release}"))
