"""Worlds: Debian suites unpacked to folders, side by side, each once, whole or not at all.

A world lies in ``worlds/SUITE-RECIPE/`` of the cache: ``root/``, and ``world.json`` with the version of every package. It is built beside
its place and renamed into it. One that is built since the suite has newer packages lies beside it, in ``SUITE-RECIPE.2/``, and so on:
nothing that runs in the older one is disturbed. The newest is called as its suite is, an older one by its number too: ``sid.1``.
Two locks for each suite: one is held by the program that builds, one by ``mmdebstrap`` itself, so that what a killed program leaves
running is waited for before its leftover is swept.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from harness.errors import BrokenMachinery, LabError, UsageError, WorldError
from harness.machine.cache import Say, cache_folder, locked, worlds_folder, write_whole
from harness.machine.guarded import is_marked, mark, remove_tree
from harness.machine.process import run, which
from harness.worlds.build_errors import build_error
from harness.worlds.complete_root import complete_root
from harness.worlds.model import World
from harness.worlds.suites import SUITES, Suite
from harness.worlds.versions import upstream

RECIPE = 3  # goes up when a world made by this module is no longer what an older one made
_LIST = "whiteout-lab-packages"  # written by a hook inside the root, while the packages' files are still there
_OPTIONS = (
    "--variant=extract",
    # For root too: any other mode mounts the host's /dev/shm, /proc and /sys into the root as soon as there is a hook,
    # and a build that is killed leaves them there. Unpacking needs neither privilege nor a mount.
    "--mode=chrootless",
    "--skip=check/chrootless",  # from 1.5 on it refuses root in this mode; --variant=extract runs no package's script
    "--verbose",
    '--aptopt=Acquire::Check-Valid-Until "false"',  # sid's index, or a mirror's, may look expired
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "2"',
    '--aptopt=Acquire::http::Timeout "20"',
    # The release alone: updates and security move from day to day, and their mirrors are not always complete.
    '--setup-hook=! [ -f "$1/etc/apt/sources.list" ] || sed -i -e "/-security /d" -e "/-updates /d" "$1/etc/apt/sources.list"',
    f'--extract-hook=ls "$1/var/cache/apt/archives" > "$1/{_LIST}"',
)
SIMULATE = "--simulate"
_ARCHIVE = "http://deb.debian.org/debian"  # what mmdebstrap itself takes for a release of Debian
_LIMIT = 1800.0  # seconds for one build, also over a slow line


@dataclass(frozen=True)
class Record:
    """``world.json``."""

    schema: int
    suite: str
    recipe: str
    requested: tuple[str, ...]
    packages: dict[str, str]
    built: str


def recipe_digest(suite: Suite, machine: str = "") -> str:
    """Twelve digits that change with everything that goes into a world, save the day on which it is built."""
    recipe = [RECIPE, suite.debian, sorted(suite.packages), suite.images, list(_OPTIONS), machine or platform.machine()]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Packages and versions from the names of their files: ``fuse2fs_1%3a1.47-1_amd64.deb``."""
    pieces = [name.removesuffix(".deb").split("_") for name in names if name.endswith(".deb")]
    return {piece[0]: piece[1].replace("%3a", ":") for piece in sorted(pieces) if len(piece) == 3}


def generations(suite: str) -> list[World]:
    """The worlds of a suite that were built by the recipe of today, the newest first. No network, no process."""
    recipe = recipe_digest(SUITES[suite])
    found: list[tuple[int, World]] = []
    for folder in (cache_folder() / "worlds").glob(f"{suite}-{recipe}*"):
        _, dot, number = folder.name.partition(".")
        if dot and not number.isdigit():
            continue
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            record = msgspec.json.decode((folder / "world.json").read_bytes(), type=Record)
            found.append((int(number or 1), World(suite, folder / "root", record.packages, suite, recipe)))
    found.sort(key=lambda one: -one[0])
    return [world if not place else replace(world, name=f"{suite}.{n}") for place, (n, world) in enumerate(found)]


def world_in_place(suite: str) -> World | None:
    """The newest world of a suite, if it has been built by the recipe of today."""
    return next(iter(generations(suite)), None)


def worlds_in_place() -> list[World]:
    """Every world that is ready, in the order of the suites, and behind them those that a newer one stands beside."""
    every = [generations(suite) for suite in SUITES]
    return [*(worlds[0] for worlds in every if worlds), *(world for worlds in every for world in worlds[1:])]


def ensure(suites: Sequence[str], say: Say) -> dict[str, World | WorldError]:
    """Each suite's world: the one in place, at once and without a network, or a new one. Builds run side by side.

    *say* gets a line for each stage. Raises UsageError for a suite that nobody knows.
    """
    for suite in suites:
        if suite not in SUITES:
            raise UsageError(f"there is no world {suite!r}", remedy=f"known: {', '.join(SUITES)}")
    there: dict[str, World | WorldError] = {s: world for s in suites if (world := world_in_place(s)) is not None}
    missing = [suite for suite in dict.fromkeys(suites) if suite not in there]
    if missing:
        with ThreadPoolExecutor(len(missing)) as pool:
            there.update(zip(missing, pool.map(lambda suite: _ensure_one(suite, say), missing), strict=True))
    return {suite: there[suite] for suite in dict.fromkeys(suites)}


def _ensure_one(suite: str, say: Say) -> World | WorldError:
    try:
        with locked(f"{suite}.build", lambda: say(f"{suite}: another program is building it, waiting")):
            there = world_in_place(suite)
            if there is not None:
                return there
            return build_beside(suite, say)
    except WorldError as error:
        return error
    except LabError as error:
        return WorldError(error.what, where=error.where, remedy=error.remedy)
    except OSError as error:
        return WorldError(
            f"cannot be built: {error}", where=suite, remedy="see that the cache folder can be written to"
        )


def building(suite: str, say: Say) -> tuple[Path, Path]:
    """A new folder for a build of a suite, marked, and the lock that ``mmdebstrap`` is to hold. The lock of its builds must be held."""
    with locked(
        f"{suite}.unpack", lambda: say(f"{suite}: the rest of a killed build is still running, waiting")
    ) as lock:
        for leftover in worlds_folder().glob(f".building-{suite}-*"):
            remove_tree(leftover)
    if which("mmdebstrap") is None:
        raise WorldError(
            "mmdebstrap is not installed", where=suite, remedy="apt-get install mmdebstrap debian-archive-keyring"
        )
    folder = worlds_folder() / f".building-{suite}-{os.getpid()}"
    folder.mkdir(mode=0o755)
    mark(folder)
    return folder, lock


def build_beside(name: str, say: Say) -> World:
    """A new world of a suite, beside those that there are. The lock of its builds must be held.

    Raises LabError, and OSError.
    """
    suite, recipe = SUITES[name], recipe_digest(SUITES[name])
    there = generations(name)
    newest = max((int(world.root.parent.name.partition(".")[2] or 1) for world in there), default=0)
    target = worlds_folder() / (f"{name}-{recipe}.{newest + 1}" if newest else f"{name}-{recipe}")
    folder, lock = building(name, say)
    root = folder / "root"
    try:
        unpack(suite, root, lock, say)
        listed = root / _LIST
        packages = _unpacked(suite, listed.read_text(encoding="utf-8").splitlines())
        listed.unlink()
        complete_root(root, mtab=suite.images)
        now = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds")
        record = Record(1, name, recipe, suite.packages, packages, now)
        write_whole(folder / "world.json", msgspec.json.format(msgspec.json.encode(record), indent=1))
        if target.exists():  # without a readable world.json, or it would be one of those
            remove_tree(target)
        folder.rename(target)
    except BaseException:
        with contextlib.suppress(BrokenMachinery):
            remove_tree(folder)
        raise
    say(f"{name}: ready, {len(packages)} packages")
    return World(name, target / "root", packages, name, recipe)


def _unpacked(suite: Suite, names: Sequence[str]) -> dict[str, str]:
    packages = package_versions(names)
    if missing := sorted(set(suite.packages) - set(packages)):
        raise WorldError(
            f"mmdebstrap ended well without {', '.join(missing)}",
            where=suite.name,
            remedy="try again with its newest version",
        )
    return packages


def unpack(suite: Suite, root: Path, lock: Path, say: Say, *more: str) -> str:
    """Call ``mmdebstrap`` for a suite, with *more* options; returns its words. Raises WorldError."""
    mirror = os.environ.get("WHITEOUT_LAB_MIRROR", "")
    if SIMULATE in more and not mirror:  # it calls no hook then, and would take updates and security in
        mirror = _ARCHIVE
    command = [
        *(["flock", str(lock)] if which("flock") else []),
        "mmdebstrap", *_OPTIONS, *more, f"--include={','.join(suite.packages)}",
        suite.debian, str(root), *([mirror] if mirror else []),
    ]  # fmt: skip
    stages = {
        "I: running apt-get update": "reading the index",
        "I: downloading packages": "fetching packages",
        "I: extracting": "unpacking",
    }

    def hear(line: str) -> None:
        for start, stage in stages.items():
            if line.startswith(start):
                say(f"{suite.name}: {stage}")

    done = run(command, timeout=_LIMIT, on_line=hear, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if not done.ok:
        raise build_error(
            suite.name, f"{done.out}\n{done.err}", done.code, shutil.disk_usage(root.parent).free, root.parent.parent
        )
    return f"{done.out}\n{done.err}"


KEPT = 3  # worlds of a suite that a newer one stands beside, and that have a version of a program of their own


def superseded(worlds: Sequence[World], kept: int = KEPT) -> list[World]:
    """Of the worlds of a suite, the newest first, those that nobody needs any more. Pure.

    The newest stays, and the one before it, in which a run may still be at work, or be gone on with. Of those before these the newest
    *kept* stay that have a program under test at a version that no newer world has.
    """
    programs = {name.partition("+")[0] for name in SUITES[worlds[0].suite].provides} if worlds else set()
    seen: set[tuple[str, str]] = set()
    gone: list[World] = []
    own = 0
    for place, world in enumerate(worlds):
        has = {(program, upstream(world.packages.get(program, ""))) for program in programs}
        own += place > 1 and not has <= seen
        if place > 1 and (has <= seen or own > kept):
            gone.append(world)
        seen |= has
    return gone


def prune_suite(suite: str) -> list[str]:
    """Delete the worlds of a suite that nobody needs any more; returns the names of their folders. The lock of its builds must be held."""
    gone = [world.root.parent for world in superseded(generations(suite))]
    for folder in gone:
        remove_tree(folder)
    return [folder.name for folder in gone]


def prune(*, everything: bool = False) -> list[str]:
    """Delete worlds of older recipes, those that nobody needs any more, and leftovers, or *everything*; returns the names of what went."""
    folder = cache_folder() / "worlds"
    if not is_marked(folder):
        return []
    gone: list[str] = []
    with contextlib.ExitStack() as stack:
        for suite in SUITES:  # a build under way is waited for
            stack.enter_context(locked(f"{suite}.build", lambda: None))
            stack.enter_context(locked(f"{suite}.unpack", lambda: None))
        every = [] if everything else [generations(suite) for suite in SUITES]
        keep = {world.root.parent for worlds in every for world in worlds if world not in superseded(worlds)}
        for path in sorted(folder.iterdir()):
            if path.is_dir() and path not in keep:
                remove_tree(path)
                gone.append(path.name)
    return gone
