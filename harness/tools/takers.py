"""Which importers and packers are here: who is given layers that others wrote, each at its exact version. No cell runs them.

A setup that runs containers' programs is looked for in the worlds that are for it (``Suite.takes``), another one in every world and on the
host. Of one version in two worlds the first is taken.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.drivers import IMPORTERS, PACKERS
from harness.drivers.base import Importer, Packer
from harness.drivers.native import SINGULARITY
from harness.drivers.pack_migrate import CRAFT_PARTS
from harness.tools.asked import Word
from harness.tools.discover import Found, choose, find_program, part_of
from harness.tools.installed import installations, installed_tools
from harness.worlds.host import host_world
from harness.worlds.inside import EMPTY
from harness.worlds.ledger import Ledger
from harness.worlds.model import HOST, Part, Tool, Unavailable, World, version_order
from harness.worlds.suites import IMAGES, SUITES

Takes = Importer | Packer


def discover_takers(worlds: Sequence[World], *, host: World | None = None) -> list[Found]:
    """Every importer and packer of *worlds* (suites; the host is added), and why others are not here. See ``discover``.

    Raises UsageError for an installation that the environment names and that is none.
    """
    host = next((world for world in worlds if world.is_host), None) or host or host_world()
    suites = [world for world in worlds if not world.is_host]
    ledger = Ledger.open()
    try:
        every: tuple[Takes, ...] = (*IMPORTERS.values(), *PACKERS.values())
        found = [one for setup in every for one in _of(setup, suites, host, ledger)]
    finally:
        ledger.close()
    return choose(found, ())


def _of(setup: Takes, suites: Sequence[World], host: World, ledger: Ledger) -> Iterator[Found]:
    """What one setup is here."""
    if setup.program == SINGULARITY:
        yield from _installed(setup, suites, host, ledger)
        return
    if setup.program == CRAFT_PARTS:
        yield _migrates(setup, host, ledger)
        return
    if not setup.container:
        yield from _found(setup, (*suites, host), ledger)
        return
    yield from _found(setup, [world for world in suites if _takes(setup, world.suite)], ledger)
    built = {world.suite for world in suites}
    for name in SUITES:
        if _takes(setup, name) and name not in built:
            remedy = f"whiteout-lab worlds build {name}"
            yield Unavailable(setup.name, name, f"the world {name} is not built", remedy, name)


def _migrates(setup: Takes, host: World, ledger: Ledger) -> Found:
    """The package of this program's own environment, and the interpreter that has it."""
    try:
        version = importlib.metadata.version(CRAFT_PARTS)
    except importlib.metadata.PackageNotFoundError:
        return Unavailable(setup.name, HOST, "craft-parts is not installed", "pip install craft-parts")
    unseen = [f"/{name}" for name in EMPTY if Path(sys.prefix).is_relative_to(f"/{name}")]
    if unseen:
        reason = f"craft-parts is installed below {unseen[0]}, which is empty in a cell"
        return Unavailable(setup.name, HOST, reason, "keep this project's environment elsewhere")
    known = ledger.program(Path(sys.executable), host)
    return Tool(setup.name, Part(CRAFT_PARTS, version, "", sys.executable, known.sha256), host, origin=HOST)


def _takes(setup: Takes, suite: str) -> bool:
    return suite in SUITES and setup.program in SUITES[suite].takes


def _found(setup: Takes, worlds: Iterable[World], ledger: Ledger) -> Iterator[Found]:
    for world in worlds:
        main = part_of(setup.program, world, ledger)
        if main is None or _too_old(setup, main.version):
            continue
        called = {name: part_of(name, world, ledger) for name in setup.parts}
        missing = [name for name, part in called.items() if part is None]
        missing += [name for name in setup.helpers if find_program(name, world) is None]
        if not missing:
            parts = tuple(part for part in called.values() if part)
            yield Tool(setup.name, main, world, parts, origin=HOST if world.is_host else "world")
        elif not world.is_host:
            remedy = f"whiteout-lab worlds prune; whiteout-lab worlds build {world.suite}"
            yield Unavailable(setup.name, world.name, f"the world {world.name} lacks {', '.join(missing)}", remedy)


def _too_old(setup: Takes, version: str) -> bool:
    """Whether the program has no such setup yet."""
    return isinstance(setup, Importer) and version_order(version) < version_order(setup.since or "0")


def _installed(setup: Takes, suites: Sequence[World], host: World, ledger: Ledger) -> Iterator[Found]:
    """The installations of SingularityCE, each once: their other setups are tools of cells."""
    images = next((world for world in suites if world.name == IMAGES), None)
    words = [
        Word(SINGULARITY, path=path, place=place, text=f"{SINGULARITY}={path}")
        for place, path in enumerate(installations())
    ]
    seen: set[str] = set()
    for one in installed_tools(words, images, ledger, part_of, host):
        where = one.main.path if isinstance(one, Tool) else one.where
        if where in seen:
            continue
        seen.add(where)
        if isinstance(one, Tool):
            parts = tuple(part for name in setup.parts if (part := part_of(name, one.world, ledger)))
            yield replace(one, name=setup.name, parts=parts)
        else:
            yield replace(one, name=setup.name)
