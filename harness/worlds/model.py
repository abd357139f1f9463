"""A world is a userland in which a stack can run; a tool is one program at one version in one world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

HOST = "host"


@dataclass(frozen=True)
class World:
    """The host itself (``root`` is ``/``), or a Debian suite unpacked to a folder."""

    name: str
    root: Path
    packages: Mapping[str, str] = field(default_factory=dict)  # Debian package -> full version
    suite: str = ""
    recipe: str = ""  # the digest that names the folder in the cache; empty for the host

    @property
    def is_host(self) -> bool:
        return self.name == HOST


@dataclass(frozen=True)
class Part:
    """One program that a tool uses, and exactly which one it is."""

    name: str  # "squashfuse"
    version: str  # upstream's number alone, from the package where there is one: a program may lie (Debian's 1.14 says 1.13-dev)
    package: str  # full package version ("1.14-1+b2"), empty when no package has it
    path: str  # inside the world; empty for the kernel
    sha256: str  # of the program's file; empty for the kernel
    says: str = ""  # what the program itself answers to --version, first line
    mark: str = ""  # what tells it apart from another of its version: "+b6b56130" (a digest), " patched" (a name), "~sid" (a world)

    @property
    def shown(self) -> str:
        """``1.14``, ``1.14 patched``: the version as people see it; a mark takes no part in order or in ranges."""
        return self.version + self.mark


@dataclass(frozen=True)
class Tool:
    """One program at one version in one setup in one world."""

    name: str  # program and setup, a key of ``harness.drivers.SETUPS``: "kernel", "apptainer+ext3"
    main: Part
    world: World
    parts: tuple[Part, ...] = ()  # the other programs of a stack
    origin: str = ""  # "world", "host", "crate", "given" (named by --tool)
    rank: int = field(
        default=0, compare=False
    )  # among tools of one version: as named, and what is there unasked before what is given

    @property
    def version(self) -> str:
        """The number alone, which order and ranges go by."""
        return self.main.version

    @property
    def label(self) -> str:
        """``fuse-overlayfs 1.14``, ``fuse-overlayfs 1.14 patched``: for sentences and column heads; no two tools of a run share one."""
        return f"{self.name} {self.main.shown}"

    @property
    def key(self) -> str:
        """``fuse-overlayfs-1.14``, ``fuse-overlayfs-1.14+patched``: the tool's part of a cell's id.

        Letters, digits, ``.``, ``_``, ``+``, ``~`` and ``-`` alone; no two tools of a run share one.
        """
        mark = self.main.mark.replace(" ", "+")
        return re.sub(r"[^A-Za-z0-9._+~-]+", "_", f"{self.name}-{self.version}{mark}")


@lru_cache(maxsize=4096)  # a report asks it some 27,000 times, of a few versions
def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions as people read them: 1.4 is 1.4.0, before 1.10, before 1.14-dev, 1.14-rc1 and 1.14~rc1, before 1.14.

    Zeros at a number's end say nothing; a word after the number says that it is not there yet (Debian's ``~`` does so too: deb-version(7));
    what follows ``+`` names a build and takes no part (semver.org, 10).
    """
    pieces = re.findall(r"[0-9]+|[A-Za-z]+|~(?=[0-9])", version.partition("+")[0])
    numbers = list(takewhile(str.isdigit, pieces))
    rest = pieces[len(numbers) :]
    while len(numbers) > 1 and not numbers[-1].strip("0"):
        numbers.pop()
    return (*map(_weight, (*numbers, *rest)), (0, 0, ""))


def _weight(piece: str) -> tuple[int, int, str]:
    if piece.isdigit():
        digits = piece.lstrip("0")
        return (1, len(digits), digits)  # as numbers are ordered, and of any length
    return (-2, 0, "") if piece == "~" else (-1, 0, piece)


@dataclass(frozen=True)
class Unavailable:
    """A tool that cannot be used here and now: its cells are skipped with this reason."""

    name: str  # "fuse-overlayfs"
    where: str  # a world's name, "crate", or a path
    reason: str
    remedy: str = ""
    world: str = ""  # the world that would bring it, where that is only not built


@dataclass(frozen=True)
class Excluded:
    """A tool that is there and would say nothing new; ``--tool NAME@WHERE`` takes it all the same."""

    name: str
    where: str
    reason: str
