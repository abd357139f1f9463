"""The namespaces in which a cell runs, as an argument vector. Pure.

``unshare --mount --pid --fork --kill-child --propagation private``, and a user namespace for the profile ``user``. A world that is a
folder is entered by ``pivot_root``: in a chroot the kernel refuses ``unshare --user``. The cell's folder stands at ``/mnt`` in every
world, so that one script fits all, and so that a path which an ordinary user may not walk is not walked.

The first process is ``init.sh`` beside this module. It holds the *lifeline*: standard input is a pipe from the program, and at
its end of file, which also SIGKILL of the program causes, it leaves; the kernel then ends every process of the PID namespace and
drops every mount.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.scenario.layers import Profile

CELL = "/mnt"
KEPT = "/run/kept"

INIT = Path(__file__).with_name("init.sh")


def fstab_word(path: Path) -> str:
    """A path as a word of fstab(5): white space and backslashes as octal numbers."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in str(path))


@dataclass(frozen=True)
class Enclosure:
    """Everything that decides the namespaces of a cell. ``uid``: of the unprivileged user when the program itself is root."""

    root: Path
    profile: Profile
    as_root: bool  # whether this program runs as root
    uid: int
    tool: Path | None = None  # a program, or an installation, from outside the world
    own_fuse: bool = False  # whether /dev/fuse must be a node of the cell's own
    kept: Path | None = None  # where cells of a run keep what they make alike; it stands at KEPT
    container: bool = False  # whether it runs containers: it gets a network, control groups and a /dev of its own

    @property
    def goes_down(self) -> bool:
        """Whether root becomes an unprivileged user inside; an ordinary user is one already."""
        return self.as_root and self.profile is Profile.USER

    def argv(self, cell: Path) -> list[str]:
        """The command that runs ``script.sh`` in *cell*."""
        user = [] if self.as_root else ["--user", "--map-root-user"]
        down = str(self.uid) if self.goes_down else ""
        own = ["--net", "--ipc", "--uts", "--cgroup"] if self.container else []
        kind = "container" if self.container else "own" if self.goes_down and self.own_fuse else ""
        return [
            "unshare", *user, "--mount", "--pid", *own, "--fork", "--kill-child", "--propagation", "private",
            "sh", str(INIT), str(self.root), str(cell), str(self.tool or ""), down,
            fstab_word(self.root), fstab_word(cell), kind, str(self.kept or ""),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """The whole environment of the cell: nothing of the caller's leaks in."""
        plain = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/"}
        if not self.container:
            return plain
        own = {"PATH": f"/opt/tool/bin:{plain['PATH']}", "HOME": f"{CELL}/home"} | ({"KEPT": KEPT} if self.kept else {})
        return plain | own | ({"XDG_RUNTIME_DIR": f"/run/user/{self.uid}"} if self.profile is Profile.USER else {})
