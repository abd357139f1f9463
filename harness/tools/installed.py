"""SingularityCE, which no distribution has: a user's own installation, put into the world that holds the programs it calls.

``--tool singularity-ce=PATH`` names a folder that it is installed under, or a ``.deb`` or ``.tar.*`` of such a folder, which is
unpacked once into the cache. One installation is several tools: one in each setup.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.drivers import setups_of
from harness.errors import LabError, UsageError
from harness.machine.cache import cache_folder, locked
from harness.machine.guarded import claim, remove_tree
from harness.machine.process import run
from harness.tools.asked import NATIVE, Word, each_once
from harness.tools.given import check_program
from harness.worlds.ledger import Ledger
from harness.worlds.model import Part, Tool, Unavailable, World
from harness.worlds.suites import IMAGES as WORLD
from harness.worlds.versions import number_in, upstream

_INSIDE = ("bin", "usr/bin", "usr/local/bin", "opt/singularity/bin")
_ARCHIVES = (".deb", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst")

Find = Callable[[str, World, Ledger], Part | None]


def installation(path: Path, ledger: Ledger | None = None, word: str = "") -> Path:
    """The folder that holds ``bin/singularity``, unpacked first where *path* is an archive.

    *word*: how the user named it. Raises UsageError when it is no installation for this machine.
    """
    word = word or f"--tool {NATIVE}={path}"
    if not path.exists():
        raise UsageError("there is no such file or folder", where=word, remedy="see how the path is written")
    top = path
    if path.is_file() and path.name.endswith(_ARCHIVES):
        top = _unpacked(path, word, ledger or Ledger.open())
    elif path.is_file():  # the program itself
        top = path.resolve().parent.parent
    homes = [top / inside for inside in _INSIDE] + sorted(top.glob("*/bin"))
    home = next((folder.parent for folder in homes if (folder / "singularity").is_file()), None)
    if home is None:
        raise UsageError(
            "it holds no bin/singularity", where=word, remedy="name the folder that SingularityCE is installed under"
        )
    check_program(home / "bin/singularity", word, NATIVE)
    starters = [home / "libexec/singularity/bin/starter", home / "lib/singularity/bin/starter"]
    if not any(starter.is_file() for starter in starters):
        raise UsageError(
            "the installation has no libexec/singularity/bin/starter, without which it runs no container",
            where=word,
            remedy="name a whole installation, not a copy of its bin",
        )
    return home.resolve()


def _unpacked(archive: Path, word: str, ledger: Ledger) -> Path:
    digest = ledger.digest(archive)[:16]
    claim(cache_folder() / "installed")
    place = cache_folder() / "installed" / digest
    with locked(f"installed-{digest}", lambda: None):
        if (place / ".whole").exists():
            return place
        if place.exists():
            remove_tree(place)
        part = place.with_name(f".{digest}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        unpack: list[str | Path]
        unpack = ["dpkg-deb", "-x", archive, part] if archive.suffix == ".deb" else ["tar", "-C", part, "-xf", archive]
        done = run(unpack, timeout=300)
        if not done.ok:
            shutil.rmtree(part, ignore_errors=True)
            words = (done.err.strip().splitlines() or ["no words"])[-1]
            raise UsageError(f"the archive cannot be unpacked: {words}", where=word, remedy="is it whole?")
        (part / ".whole").touch()
        part.rename(place)
    return place


def installed_tools(
    words: Sequence[Word], world: World | None, ledger: Ledger, find: Find, host: World
) -> list[Tool | Unavailable]:
    """The tools of installations that words name with their paths, each once. Raises UsageError for a path that is none.

    Of two that are one release, neither called anything by the user, each is told apart by the digest of its program.
    """
    homes = {word.place: installation(word.path, ledger, word.option) for word in words if word.path is not None}
    known = {place: ledger.program(home / "bin/singularity", host) for place, home in homes.items()}
    programs: dict[tuple[str, str], list[tuple[Word, Part]]] = defaultdict(list)  # by the label that each would have
    for word in each_once(words, lambda word: known[word.place].sha256):
        there = known[word.place]
        mark = f" {word.called}" if word.called else ""
        version = word.version or _version(there.says)
        main = Part(NATIVE, version, "", str(homes[word.place]), there.sha256, there.says, mark)
        programs[version, mark].append((word, main))
    found: list[Tool | Unavailable] = []
    for (_, mark), twins in programs.items():
        for word, main in twins:
            alone = len(twins) == 1 or mark
            main = main if alone else replace(main, mark=f"+{main.sha256[:8]}")  # noqa: PLW2901
            found += _tools_of(main, word, world, ledger, find)
    return found


def _tools_of(main: Part, word: Word, world: World | None, ledger: Ledger, find: Find) -> list[Tool | Unavailable]:
    path, names = word.path, [setup.name for setup in setups_of(NATIVE)]
    if world is None:
        remedy = f"whiteout-lab worlds build {WORLD}"
        return [Unavailable(name, str(path), f"the world {WORLD} is not built", remedy, WORLD) for name in names]
    found: list[Tool | Unavailable] = []
    for setup in setups_of(NATIVE):
        parts = {program: find(program, world, ledger) for program in setup.parts}
        missing = sorted(program for program, part in parts.items() if part is None)
        if missing:
            reason = f"the world {WORLD} lacks {', '.join(missing)}"
            found.append(
                Unavailable(
                    setup.name, str(path), reason, f"whiteout-lab worlds prune; whiteout-lab worlds build {WORLD}"
                )
            )
        else:
            called = tuple(p for p in parts.values() if p)
            found.append(Tool(setup.name, main, world, called, origin="installed", rank=word.place))
    return found


def installations() -> list[Path]:
    """What is installed without being named: the paths in ``$WHITEOUT_LAB_SINGULARITY``, else the ``singularity`` on ``PATH``.

    apptainer calls itself so too, and is no SingularityCE. Raises UsageError for a path in the variable that is no installation.
    """
    named = [Path(word) for word in os.environ.get("WHITEOUT_LAB_SINGULARITY", "").split(os.pathsep) if word]
    if named:
        return [path.absolute() for path in named]
    program = shutil.which("singularity")
    if program is None or "apptainer" in os.path.realpath(program):
        return []
    try:
        return [installation(Path(program))]
    except LabError:
        return []


def _version(says: str) -> str:
    """``4.5.0`` of ``singularity-ce version 4.5.0-noble``."""
    number = number_in(says)
    return upstream(number) if number != "unknown" else number
