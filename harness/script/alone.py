"""``reproduce.sh`` of a bundle: cells' scripts, run on a machine that has the tools alone, for people and for ``git bisect run``. Pure.

Exit codes: 0 as it should be; 1 it is wrong, and lines ``BUG`` say what; 125 this build cannot be tested (git-bisect(1)); 77 the machine
lacks something, which is said (the Autotools' code for a test that was skipped).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.cells.plan import Cell
from harness.drivers.base import Mounter, Runner
from harness.drivers.native import COMMANDS
from harness.machine.packages import package_of
from harness.machine.quote import quote
from harness.names import one_line
from harness.profile import Profile
from harness.script.parts import carried

LIMIT = 300  # seconds for one cell
LIMIT_OF_A_HANG = 20  # seconds for one that is known to hang: it needs two as a rule

# Of a script's own words (its shared functions are left out) those that need a program, which not every machine has.
_PROGRAMS: Mapping[str, str] = {
    "rename": "perl", "setfattr": "setfattr", "mksquashfs": "mksquashfs", "squashfuse": "squashfuse", "fuse2fs": "fuse2fs",
    "mke2fs": "mke2fs", "empty_ext3": "mke2fs", "registry_up": "docker-registry", "podman": "podman", "setpriv": "setpriv", "perl": "perl",
}  # fmt: skip
_ALWAYS = ("unshare", "mount", "awk", "find", "getfattr", "timeout")
_CARRIED = ("prelude.sh", "verdict.sh", "image.sh")


@dataclass(frozen=True)
class Alone:
    """How one cell is run by itself. ``program``: the command that another build may take the place of; empty for the kernel.

    ``needs``: in the words of ``reproduce.sh``. ``hangs``: that it does not come to its end is what is wrong with it.
    """

    folder: str  # below the bundle
    privilege: Literal["root", "user", "plain", "hands"]  # as reproduce.sh has them
    program: str
    needs: tuple[str, ...]
    hangs: bool = False

    def line(self) -> str:
        """The line of ``reproduce.sh``."""
        limit = LIMIT_OF_A_HANG if self.hangs else LIMIT
        words = [self.folder, self.privilege, self.program or "", str(limit), "yes" if self.hangs else "", *self.needs]
        return "try " + " ".join(quote(word) if word else "''" for word in words)


def alone(cell: Cell, script: bytes, folder: str, *, hangs: bool = False) -> Alone:
    """How a cell's *script* is run by itself."""
    driver, root = cell.driver, cell.profile is Profile.ROOT
    needs = [f"{name}:{package_of(name)}" for name in _programs(script)] + ["gnu-tar"]
    if isinstance(driver, Runner):
        handed = cell.scenario.handover is not None and cell.scenario.handover.profile is not None
        who: Literal["plain", "hands"] = "hands" if handed else "plain"
        return Alone(folder, who, _command(cell), ("root" if root or handed else "ordinary", "fuse", *needs), hangs)
    assert isinstance(driver, Mounter)
    mounts = ["root", "mounts"] if root or cell.laid_by_root else ["userns"]
    system = "fuse" if driver.is_program else "overlay"
    privilege: Literal["root", "user", "hands"] = "root" if root else "hands" if cell.laid_by_root else "user"
    return Alone(folder, privilege, _command(cell) if driver.is_program else "", (*mounts, system, *needs), hangs)


def _command(cell: Cell) -> str:
    """The program as it is called on a PATH: SingularityCE's is not the project's name."""
    return COMMANDS.get(cell.driver.program, cell.driver.program)


def _programs(script: bytes) -> list[str]:
    own = script
    for name in _CARRIED:
        own = own.replace(carried(name), b"")
    code = b"\n".join(line for line in own.splitlines() if not line.lstrip().startswith(b"#"))
    words = set(re.findall(rb"[A-Za-z0-9_-]+", code))
    found = {program for word, program in _PROGRAMS.items() if word.encode() in words}
    return sorted({*found, *_ALWAYS})


def reproduce(cells: Sequence[Alone], about: Sequence[str]) -> bytes:
    """The script. *about*: lines that say what it shows."""
    programs = sorted({one.program for one in cells if one.program})
    other = f" [PROGRAM=/path/of/{programs[0]}]" if len(programs) == 1 else ""
    head = [
        "#!/bin/sh",
        *(f"# {one_line(line)}".rstrip() for line in about),
        "#",
        f"# sh reproduce.sh{other} [ONLY=PATTERN] [--keep] [CELL]",
        "# ONLY: of the lines BUG those alone whose path and words fit a shell pattern, such as 'a/new/*'. --keep: what it saw stays.",
        "# Exit codes: 0 as it should be; 1 it is wrong; 125 this build cannot be tested; 77 the machine lacks something. For git bisect:",
        f"#   git bisect run sh -c 'make || exit 125; sh /path/of/reproduce.sh{' PROGRAM=./' + programs[0] if len(programs) == 1 else ''}'",
        "",
    ]
    body = [one.line() for one in cells]
    tail = ['[ -n "$ran" ] || { echo "there is no cell $which" >&2; exit 125; }', "exit $worst"]
    return "\n".join([*head, carried("reproduce.sh").decode(), *body, *tail, ""]).encode()
