"""fuse-overlayfs 2, the rewrite in Rust: built from its crate once, kept in the cache like a world."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.errors import BrokenMachinery, MissingProgram, WorldError
from harness.machine.cache import Say, cache_folder, crates_folder, locked
from harness.machine.guarded import mark, remove_tree
from harness.machine.process import run, which
from harness.worlds.model import version_order
from harness.worlds.versions import answer_of, number_in

CRATE = "fuse-overlayfs"
_LIMIT = 1800.0


def crates_in_place() -> list[tuple[str, Path]]:
    """Version and program of each release that has been built, the oldest first."""
    programs = (cache_folder() / "crates").glob(f"{CRATE}-*/bin/{CRATE}")
    found = [(program.parent.parent.name.removeprefix(f"{CRATE}-"), program) for program in programs]
    return sorted(found, key=lambda pair: version_order(pair[0]))


def ensure_crate(say: Say) -> Path:
    """The program of the newest release that is in place; if there is none it is built, which takes minutes."""
    if there := crates_in_place():
        return there[-1][1]
    if which("cargo") is None:
        raise MissingProgram(
            "cargo is not installed",
            where=f"{CRATE}@crate",
            remedy="install cargo 1.85 or later (apt-get install cargo, or rustup where that is older)",
        )
    with locked("crate.build", lambda: say("crate: another program is building it, waiting")):
        if there := crates_in_place():
            return there[-1][1]
        with locked("crate.cargo", lambda: say("crate: the rest of a killed build is still running, waiting")) as lock:
            for leftover in crates_folder().glob(".building-*"):
                remove_tree(leftover)
        return _build(lock, say)


def _build(lock: Path, say: Say) -> Path:
    building = crates_folder() / f".building-{os.getpid()}"
    building.mkdir()
    mark(building)
    say(f"crate: cargo builds {CRATE} (about 3 minutes, once)")
    try:
        held = ["flock", str(lock)] if which("flock") else []
        command = [
            *held,
            "cargo",
            "install",
            CRATE,
            "--locked",
            "--root",
            str(building),
            "--target-dir",
            str(building / "target"),
        ]
        done = run(
            command, timeout=_LIMIT, on_line=lambda line: say(f"crate: {line.strip()}") if "Finished" in line else None
        )
        program = building / "bin" / CRATE
        if not done.ok or not program.exists():
            errors = [line for line in done.err.splitlines() if line.startswith(("error", "  ", "Caused"))]
            raise _cannot("\n".join(errors[:6]))  # noqa: TRY301 (the clean-up below is for this too)
        version = number_in(answer_of(CRATE, run([program, "--version"], timeout=20).out))
        remove_tree(building / "target")
        target = crates_folder() / f"{CRATE}-{version}"
        building.rename(target)
    except BaseException:
        with contextlib.suppress(BrokenMachinery):
            remove_tree(building)
        raise
    say(f"crate: ready, {CRATE} {version}")
    return target / "bin" / CRATE


def _cannot(message: str) -> WorldError:
    return WorldError(
        f"cargo cannot build it:\n{message}",
        where=f"{CRATE}@crate",
        remedy="see that cargo is 1.85 or later, that pkg-config and a C compiler are installed, and that the network can be reached",
    )
