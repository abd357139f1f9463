"""A world is a userland in which a stack can run; a tool is one program at one version in one world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    version: str  # upstream's, from the package where there is one: a program may lie (Debian's 1.14 says 1.13-dev)
    package: str  # full package version ("1.14-1+b2"), empty when no package has it
    path: str  # inside the world; empty for the kernel
    sha256: str  # of the program's file; empty for the kernel
    says: str = ""  # what the program itself answers to --version, first line


@dataclass(frozen=True)
class Tool:
    """One version of one kind of tool in one world, and the driver that knows how to use it."""

    name: str  # "kernel", "fuse-overlayfs", "fuse-stack"
    driver: str  # a key of ``harness.drivers.DRIVERS``
    main: Part
    world: World
    parts: tuple[Part, ...] = ()  # the other programs of a stack
    options: tuple[str, ...] = ()  # what sets this tool apart from another of the same version ("userxattr")
    origin: str = ""  # "world", "host", "crate", "given" (named by --tool)

    @property
    def version(self) -> str:
        return self.main.version

    @property
    def label(self) -> str:
        """``fuse-overlayfs 1.14``: for sentences and column heads."""
        return f"{self.name} {self.version}"

    @property
    def key(self) -> str:
        """``fuse-overlayfs-1.14``: the tool's part of a cell's id; letters, digits, ``.``, ``_``, ``+``, ``~`` and ``-`` alone."""
        return re.sub(r"[^A-Za-z0-9._+~-]+", "_", f"{self.name}-{self.version}")


def version_order(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions as people read them: 1.4 before 1.10 before 1.14-dev before 1.14."""
    pieces = re.findall(r"\d+|[A-Za-z]+", version)
    order = tuple((1, int(p), "") if p.isdigit() else (-1, 0, p) for p in pieces)
    return (*order, (0, 0, ""))


@dataclass(frozen=True)
class Unavailable:
    """A tool that cannot be used here and now: its cells are skipped with this reason."""

    name: str  # "fuse-overlayfs"
    where: str  # a world's name, "crate", or a path
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Excluded:
    """A tool that is there and would say nothing new; ``--tool NAME@WHERE`` takes it all the same."""

    name: str
    where: str
    reason: str
