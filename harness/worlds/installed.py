"""SingularityCE, which no distribution has: a user's own installation, put into the world that holds the programs it calls.

``--tool singularity-ce=PATH`` names a folder that it is installed under, or a ``.deb`` or ``.tar.*`` of such a folder, which is
unpacked once into the cache. One installation is several tools: its native mode with each kind of overlay, and its OCI mode.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from harness.drivers import DRIVERS
from harness.errors import LabError, UsageError
from harness.launch.guarded import claim, remove_tree
from harness.launch.process import run
from harness.worlds.cache import cache_folder, locked
from harness.worlds.given import check_program
from harness.worlds.ledger import Ledger
from harness.worlds.model import Part, Tool, Unavailable, World
from harness.worlds.suites import IMAGES as WORLD
from harness.worlds.versions import number_in, upstream

NATIVE = "singularity-ce"
CALLED = {name: driver.programs for name, driver in DRIVERS.items() if driver.family == NATIVE}
_INSIDE = ("bin", "usr/bin", "usr/local/bin", "opt/singularity/bin")
_ARCHIVES = (".deb", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst")

Find = Callable[[str, World, Ledger], Part | None]


def installation(path: Path, ledger: Ledger | None = None) -> Path:
    """The folder that holds ``bin/singularity``, unpacked first where *path* is an archive.

    Raises UsageError when it is no installation for this machine.
    """
    word = f"--tool {NATIVE}={path}"
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
    path: Path, world: World | None, ledger: Ledger, find: Find, host: World
) -> list[Tool | Unavailable]:
    """The tools of one installation. Raises UsageError when *path* is none."""
    home = installation(path, ledger)
    known = ledger.program(home / "bin/singularity", host)
    version = _version(known.says)
    if world is None:
        remedy = f"whiteout-lab worlds build {WORLD}"
        return [Unavailable(name, str(path), f"the world {WORLD} is not built", remedy) for name in CALLED]
    main = Part(NATIVE, version, "", str(home), known.sha256, known.says)
    found: list[Tool | Unavailable] = []
    for name, programs in CALLED.items():
        parts = {program: find(program, world, ledger) for program in programs}
        missing = sorted(program for program, part in parts.items() if part is None)
        if missing:
            reason = f"the world {WORLD} lacks {', '.join(missing)}"
            found.append(
                Unavailable(name, str(path), reason, f"whiteout-lab worlds prune; whiteout-lab worlds build {WORLD}")
            )
        else:
            found.append(Tool(name, name, main, world, tuple(p for p in parts.values() if p), origin="installed"))
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
