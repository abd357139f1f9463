"""What is known of a program's file: its digest, and what it answers to ``--version``.

Asking costs a process and hashing costs reading, so both are written down in the cache, by the file's path, time and size.
A start with nothing new to learn starts no process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from harness.errors import LabError
from harness.machine.cache import cache_folder, write_whole
from harness.machine.process import run
from harness.worlds.model import World
from harness.worlds.versions import answer_of

_OPTION = {"mke2fs": "-V"}  # where it is not --version
_PATIENCE = 5.0  # seconds for --version; a program that hangs is a tool all the same, with an unknown version


@dataclass(frozen=True)
class Known:
    """One file, at one time and size."""

    stamp: tuple[int, ...]
    sha256: str = ""
    says: str = ""


@dataclass
class Ledger:
    """The known files of one start. It is the only thing here that changes."""

    path: Path
    known: dict[str, Known] = field(default_factory=dict)
    changed: bool = False

    @classmethod
    def open(cls) -> Ledger:
        path = cache_folder() / "programs.json"
        try:
            return cls(path, msgspec.json.decode(path.read_bytes(), type=dict[str, Known]))
        except (OSError, msgspec.MsgspecError):
            return cls(path)

    def close(self) -> None:
        """Write down what is new. A cache that cannot be written to costs time at the next start, nothing else."""
        if self.changed:
            with contextlib.suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.path, msgspec.json.encode(self.known))

    def look_up(self, key: str, file: Path, learn: Callable[[], tuple[str, str]]) -> Known:
        """What is written down for *key* if *file* is as it was then; otherwise what *learn* finds out."""
        try:
            status = file.stat()
            stamp: tuple[int, ...] = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        except OSError:
            return Known((), *learn())
        there = self.known.get(key)
        if there is None or there.stamp != stamp:
            there = Known(stamp, *learn())
            self.known[key] = there
            self.changed = True
        return there

    def program(self, file: Path, world: World) -> Known:
        """The digest and the answer of a program; *file* is its path on the host."""
        key = " ".join(
            [str(file), *filter(None, [_OPTION.get(file.name)])]
        )  # what was asked is part of what was learnt
        return self.look_up(key, file, lambda: (_digest(file), ask(file, world)))

    def digest(self, file: Path) -> str:
        """The digest of any file, sha256 in hexadecimal."""
        return self.look_up(f"digest {file}", file, lambda: (_digest(file), "")).sha256


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def ask(file: Path, world: World) -> str:
    """What a program says to ``--version``, or to its own option for that; a world's program is run by the world's own loader."""
    command = [str(file), _OPTION.get(file.name, "--version")]
    if not world.is_host:
        loaders = sorted(world.root.glob("lib/*/ld-linux*.so.*")) + sorted(world.root.glob("lib/*/ld*.so.*"))
        if not loaders:
            return ""
        triplet = loaders[0].parent.name
        libraries = ":".join(str(world.root / folder / triplet) for folder in ("lib", "usr/lib"))
        command = [str(loaders[0]), "--library-path", libraries, *command]
    try:
        done = run(command, timeout=_PATIENCE, env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"})
    except LabError:
        return ""
    return answer_of(file.name, f"{done.out}\n{done.err}")
