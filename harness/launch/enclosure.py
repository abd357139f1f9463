"""The namespaces in which a cell runs, and what is mounted there, as an argument vector. Pure.

``unshare --mount --pid --net --fork --kill-child --propagation private``, and a user namespace for the profile ``user``. Every cell is
entered by ``pivot_root``, on the machine's own root too: in a chroot the kernel refuses ``unshare --user``. The cell's folder
stands at ``/mnt`` in every world, so that one script fits all, and so that a path which an ordinary user may not walk is not walked.

What a scenario says is not trusted: a step that follows a link of its own layer out of the tree finds everything but the cell's folder
read-only, no device node that can be opened but a few harmless ones, and processes of the cell alone.

The first process is ``init.sh`` beside this module. It holds the *lifeline*: standard input is a pipe from the program, and at
its end of file, which also SIGKILL of the program causes, it leaves; the kernel then ends every process of the PID namespace and
drops every mount.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.profile import Profile
from harness.worlds.inside import CELL, EMPTY, GIVEN, HOME, INSTALLED, SCRIPT, SHARED, USER, runtime

INIT = Path(__file__).with_name("init.sh")

# Beside the cell's folder: where the machine's own tree is put in place, and a /dev of empty files over which nodes are bound.
PLACES = ("root", "dev")
# /dev/tty is left away: what is written there reaches the terminal that the program was started from.
_NODES = ("null", "zero", "full", "random", "urandom", "fuse")
# What of the machine's mounts no cell needs: what is put in place anew, and where others keep theirs.
_LEFT_AWAY = ("/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/var/lib", CELL)  # noqa: S108 (mounts, not files)
_SETTINGS = ("sys", "sysrq-trigger", "irq", "bus")  # what root may change of the machine below /proc
# A read-only bind in a user namespace must repeat what the mount says already, or it is refused.
_KEPT_FLAGS = ("nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime")


def fstab_word(path: Path) -> str:
    """A path as a word of fstab(5): white space and backslashes as octal numbers."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in str(path))


@dataclass(frozen=True)
class Mounted:
    """A mount of this machine: where, as a word of fstab(5), and its options that a bind can carry on."""

    where: str
    flags: tuple[str, ...]


def read_mountinfo(text: str) -> tuple[Mounted, ...]:
    """The mounts that ``/proc/self/mountinfo`` names (proc(5)); it escapes paths as fstab(5) does, but for ``#``."""
    lines = [line.split(" ") for line in text.splitlines()]
    return tuple(
        Mounted(words[4].replace("#", "\\043"), tuple(flag for flag in words[5].split(",") if flag in _KEPT_FLAGS))
        for words in lines
        if len(words) > 5
    )


@dataclass(frozen=True)
class Enclosure:
    """Everything that decides the namespaces of a cell. ``uid``: of the unprivileged user when the program itself is root."""

    root: Path
    profile: Profile
    as_root: bool  # whether this program runs as root
    uid: int
    tool: Path | None = None  # a program, or an installation, from outside the world
    own_fuse: bool = False  # whether /dev/fuse must be a node of the cell's own
    shared: Path | None = None  # where cells of a run keep what they make alike; it stands at SHARED
    container: bool = False  # whether it runs containers: it gets control groups and a /dev of its own
    hands_over: bool = False  # whether a script of root's becomes a user by itself
    loop: bool = False  # whether it mounts an image by a loop device
    machine: tuple[Mounted, ...] = ()  # what is mounted on this machine

    @property
    def goes_down(self) -> bool:
        """Whether root becomes an unprivileged user inside; an ordinary user is one already."""
        return self.as_root and self.profile is Profile.USER

    @property
    def _kind(self) -> str:
        if self.container:
            return "container"
        return "loop" if self.loop else "own" if (self.goes_down or self.hands_over) and self.own_fuse else ""

    def argv(self, cell: Path) -> list[str]:
        """The command that runs ``script.sh`` in *cell*. The folders PLACES must be beside *cell*, open to every user."""
        user = [] if self.as_root else ["--user", "--map-root-user"]
        own = ["--ipc", "--uts", "--cgroup"] if self.container else []
        return [
            "unshare", *user, "--mount", "--pid", "--net", *own, "--fork", "--kill-child", "--propagation", "private",
            "sh", str(INIT), *(f"{name}={value}" for name, value in self._values(cell).items()),
        ]  # fmt: skip

    def _values(self, cell: Path) -> dict[str, str]:
        """What ``init.sh`` is told, by the names that it knows; where something stands inside is its business too."""
        return {
            "root": str(self._place(cell)),
            "cell": str(cell),
            "mounts": "\n".join(self.mounts(cell)),
            "dev": self._kind,
            "uid": str(self.uid) if self.goes_down else "",
            "tool": str(self.tool or "") if self.container else "",
            "shared": str(self.shared or ""),
            "inside": CELL,
            "installed_at": INSTALLED,
            "shared_at": SHARED,
            "runtime": runtime(USER),
            "ordinary": str(USER),
        }

    def _place(self, cell: Path) -> Path:
        """Where the root of the cell is put together."""
        return cell.parent / "root" if self.root == Path("/") else self.root

    def mounts(self, cell: Path) -> list[str]:
        """What is mounted before the cell's root is entered, as lines of fstab(5): one process mounts them all."""
        at, source = fstab_word(self._place(cell)), fstab_word(cell)
        lines = [*self._host(at)] if self.root == Path("/") else [f"{at} {at} none bind,{self._closed(at)}"]
        if self._kind:
            lines.append(f"tmpfs {at}/dev tmpfs mode=755")
        else:
            dev = f"{fstab_word(cell.parent)}/dev"
            lines.append(f"{dev} {at}/dev none bind,{self._closed(dev)}")
            # read-only for their modes and owners, which are the machine's; what is written to a device does not ask
            lines += [
                f"/dev/{node} {at}/dev/{node} none bind,{self._closed(f'/dev/{node}', devices=True)}" for node in _NODES
            ]
        # uid_map and its like are written there where the script becomes a user, and by containers
        sealed = self.profile is Profile.ROOT and not self.container and not self.hands_over
        lines.append(f"proc {at}/proc proc nosuid,nodev,noexec{',ro' if sealed else ''}")
        # no device of a layer can be opened, by whatever name; in a user namespace nobody could make one
        lines.append(f"{source} {at}{CELL} none bind{',nodev' if self.as_root else ''}")
        lines.append(f"{source}/script.sh {at}{SCRIPT} none bind,{self._closed(source)}")
        if self.container:
            # crun wants a plain cgroup2 there; the sysfs is that of the cell's own network
            lines += [
                f"sysfs {at}/sys sysfs ro,nosuid,nodev,noexec",
                f"cgroup2 {at}/sys/fs/cgroup cgroup2",
                f"tmpfs {at}/run tmpfs mode=755",
                f"tmpfs {at}/tmp tmpfs mode=1777",  # noqa: S108
            ]
            if self.profile is Profile.ROOT and not self.hands_over:
                # a user's own namespaces get no /proc where parts of the one that they come from are covered
                lines += [f"{at}/proc/{name} {at}/proc/{name} none bind,ro" for name in _SETTINGS]
        elif self.tool is not None:
            lines.append(f"{fstab_word(self.tool)} {at}{GIVEN} none bind,{self._closed(fstab_word(self.tool))}")
        return lines

    def _host(self, at: str) -> list[str]:
        """The machine's own tree, read-only, mount by mount, without those that no cell needs; nothing of its /tmp and /run."""
        # what was mounted by a more privileged user namespace can only be bound as a whole
        bind = "bind" if self.as_root else "rbind"
        lines = [f"/ {at} none {bind},{self._closed('/')}"]
        lines += [
            f"{mount.where} {at}{mount.where} none {bind},{self._closed(mount.where)}"
            for mount in self.machine
            if mount.where != "/" and not any(f"{mount.where}/".startswith(f"{left}/") for left in _LEFT_AWAY)
        ]
        return [*lines, *(f"tmpfs {at}/{name} tmpfs ro" for name in EMPTY)]

    def _closed(self, where: str, *, devices: bool = False) -> str:
        """Options of a bind of a path that nobody may write to, and where no device can be opened, unless *devices*."""
        around = [one for one in self.machine if f"{where}/".startswith(f"{one.where.rstrip('/')}/")]
        flags = max(around, key=lambda one: len(one.where)).flags if around else ()
        return ",".join(dict.fromkeys(("ro", *flags, *(("nodev",) if self.as_root and not devices else ()))))

    def environment(self) -> dict[str, str]:
        """The whole environment of the cell: nothing of the caller's leaks in."""
        plain = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "HOME": "/",
            "WHITEOUT_LAB_CELL": "1",  # the script is not alone: somebody else judges what it saw
        }
        if not self.container:
            return plain
        own = {"PATH": f"{INSTALLED}/bin:{plain['PATH']}", "HOME": HOME} | ({"SHARED": SHARED} if self.shared else {})
        return plain | own | ({"XDG_RUNTIME_DIR": runtime(self.uid)} if self.profile is Profile.USER else {})
