"""What this machine can run, from facts. Pure: each obstacle has its remedy, and the cells that it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.doctor.obstacle import Obstacle
from harness.machine.packages import package_of

_MEGABYTE = 1024 * 1024
_ROOM = 600 * _MEGABYTE  # four worlds and one run
_CONTAINER = "run the container with --privileged, or with --security-opt seccomp=unconfined --cap-add SYS_ADMIN"
_ELSEWHERE = "name a folder on ext4, xfs or btrfs in WHITEOUT_LAB_WORK"
_AS_ROOT_TOO = "run it as root (sudo): the profile user is then an ordinary user with uid 1000"
_WHERE = "(kernel.apparmor_restrict_unprivileged_userns is 1, as in Ubuntu since 23.10, and on GitHub's runners)"
_AS_ROOT = "run it as root (sudo), or take the profile user alone: --profile user"

PROGRAMS: Mapping[str, str] = {  # program: what it is for. Whatever a command starts is here
    "unshare": "every cell",
    "mount": "every cell",
    "setpriv": "the profile user, when started as root",
    "tar": "every cell on the host's own programs; a packed installation of SingularityCE",
    "setfattr": "scenarios with xattrs, on the host's own programs",
    "perl": "steps that no shell command can do, on the host's own programs",
    "mke2fs": "scenarios on an ext3 or ext4 image, on the host's own programs",
    "fuse2fs": "scenarios on an ext3 image by FUSE, on the host's own programs",
    "sqfs2tar": "whiteout-lab inspect of a SIF, an OCI-SIF or a squashfs",
    "tar2sqfs": "whiteout-lab seal to a squashfs",
    "zstd": "whiteout-lab inspect of an image whose layers are compressed with it",
    "mmdebstrap": "building worlds",
    "gpg": "building worlds",
    "flock": "building worlds, so that two builds that are killed do not meet",
    "dpkg-query": "saying from which packages the host's own programs are",
    "dpkg-deb": "SingularityCE from its .deb file",
    "find": "sweeping up after a run that was killed",
    "fusermount3": "FUSE outside of a cell",
    "cargo": "fuse-overlayfs 2, from its crate",
    "strace": "whiteout-lab why: which system calls made a marker",
    "ldd": "whiteout-lab faults: which libraries strace needs",
    "git": "whiteout-lab bisect, over the commits of a repository",
    "bsdtar": "the measurements of make bench",
    "getfattr": "the measurements of make bench",
    "chromium": "the tests of the report",
}


@dataclass(frozen=True)
class Tried:
    """One thing that was really tried. ``message``: the machine's own words when it failed."""

    ok: bool
    message: str = ""


NOT_TRIED = Tried(ok=False, message="not tried")


@dataclass(frozen=True)
class Facts:
    """What was seen of the machine. ``tried`` is by the keys of capabilities."""

    is_root: bool
    kernel: str
    work: str
    tried: Mapping[str, Tried]
    settings: Mapping[str, str] = field(default_factory=dict)  # of the kernel: sysctl name -> value
    seccomp: bool = False
    free: int = 0  # bytes where the work folder lies
    cgroup: str = ""
    python: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)  # program -> path; empty: not installed
    versions: Mapping[str, str] = field(default_factory=dict)  # program -> what it says; asked by ``doctor`` alone

    def can(self, key: str) -> bool:
        return self.tried.get(key, NOT_TRIED).ok

    @property
    def userns(self) -> bool:
        return self.can("userns") and self.can("mount@user") and self.can("proc@user")

    @property
    def overlay(self) -> bool:
        return self.can("overlay@root")

    @property
    def overlay_userns(self) -> bool:
        return self.userns and self.can("overlay@user")

    @property
    def fuse(self) -> bool:
        return self.can("fuse@root")

    @property
    def fuse_user(self) -> bool:
        return self.userns and self.can("fuse@user")

    @property
    def loop(self) -> bool:
        return self.can("loop")

    @property
    def user_xattr(self) -> bool:
        return self.can("user_xattr")

    def obstacles(self) -> dict[str, Obstacle]:
        """What the planner asks: the capabilities that are not there, by key."""
        return {c.key: Obstacle(c.detail, c.remedy) for c in assess(self) if not c.ok and c.stops_cells}


@dataclass(frozen=True)
class Capability:
    """One line of ``doctor``."""

    key: str
    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed_for: str = ""
    stops_cells: bool = False  # whether the planner skips cells without it


@dataclass(frozen=True)
class Explained:
    """What ``doctor`` says of one capability that was tried."""

    name: str
    fine: str  # the detail when it is there
    remedy: str
    needed_for: str
    stops_cells: bool = True


def assess(facts: Facts) -> list[Capability]:
    """Every capability, in the order in which a reader wants them."""
    return [*_privilege(facts), *_mounts(facts), *_files(facts), *_rest(facts), *_programs(facts)]


def _judge(facts: Facts, key: str, explained: Explained) -> Capability:
    tried = facts.tried.get(key, NOT_TRIED)
    detail = explained.fine if tried.ok else f"{explained.name}: {tried.message}"
    remedy = "" if tried.ok else explained.remedy
    return Capability(key, explained.name, tried.ok, detail, remedy, explained.needed_for, explained.stops_cells)


def _privilege(facts: Facts) -> list[Capability]:
    return [_root(facts), _userns(facts)]


def _root(facts: Facts) -> Capability:
    ok, detail, remedy = True, "this is root, and may mount", ""
    if not facts.is_root:
        ok, detail, remedy = False, "the program does not run as root", _AS_ROOT
    elif not facts.can("mount@root"):
        message = facts.tried.get("mount@root", NOT_TRIED).message
        ok, detail, remedy = False, f"this is root, but may not mount: {message}", _CONTAINER
    return Capability("root", "root", ok, detail, remedy, "the profile root", stops_cells=True)


def _userns(facts: Facts) -> Capability:
    if facts.userns:
        ok, detail, remedy = True, "one was made, and a file system and /proc mounted in it", ""
    else:
        stages = {
            "userns": "",
            "mount@user": "nothing can be mounted in one",
            "proc@user": "/proc cannot be mounted in one",
        }
        failed = next(stage for stage in stages if not facts.can(stage))
        message = facts.tried.get(failed, NOT_TRIED).message
        reason, remedy = _userns_remedy(facts)
        ok, detail = False, f"user namespaces: {'; '.join(filter(None, (stages[failed], message, reason)))}"
    return Capability("userns", "user namespaces", ok, detail, remedy, "the profile user", stops_cells=True)


def _userns_remedy(facts: Facts) -> tuple[str, str]:
    """What blocks user namespaces, most telling first, and what to do."""
    settings = facts.settings
    if settings.get("user.max_user_namespaces") == "0":
        return "user.max_user_namespaces is 0", "as root: sysctl -w user.max_user_namespaces=15000"
    if settings.get("kernel.unprivileged_userns_clone") == "0":
        return "kernel.unprivileged_userns_clone is 0", "as root: sysctl -w kernel.unprivileged_userns_clone=1"
    if settings.get("kernel.apparmor_restrict_unprivileged_userns") == "1":
        return f"AppArmor takes every privilege from a process in one, unless a profile lets its program {_WHERE}", (
            _apparmor_remedy(facts)
        )
    if facts.seccomp:
        return "a seccomp filter is in force, as in a container", _CONTAINER
    if not facts.programs.get("unshare", "?"):
        return "unshare is not installed", "apt-get install util-linux"
    return "", "see that the kernel is built with CONFIG_USER_NS, and that no security module forbids it"


def _apparmor_remedy(facts: Facts) -> str:
    """For all programs until the next boot, or for the one by which cells are started, for good. A profile is attached by path."""
    unshare = facts.programs.get("unshare") or "/usr/bin/unshare"
    path = "/{,usr/}bin/unshare" if unshare in {"/bin/unshare", "/usr/bin/unshare"} else unshare  # /bin is a link
    profile = f"abi <abi/4.0>, profile whiteout-lab {path} flags=(unconfined) {{ userns, }}"
    file = "/etc/apparmor.d/whiteout-lab"
    return (
        "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (until the next boot, for every program; make userns);"
        f" or, for {unshare} alone, whoever starts it: echo '{profile}' > {file} && apparmor_parser -r {file}"
    )


def _mounts(facts: Facts) -> list[Capability]:
    container = _CONTAINER if facts.seccomp else ""
    kernel = f"mounted on the work folder, kernel {facts.kernel}"
    as_root = {
        "overlay@root": Explained(
            "kernel overlay as root",
            kernel,
            container
            or f"as root: modprobe overlay; and see that the work folder is not itself on an overlay ({_ELSEWHERE})",
            "the tool kernel in the profile root",
        ),
        "fuse@root": Explained(
            "FUSE as root",
            "/dev/fuse was opened, and a mount made",
            container or "as root: modprobe fuse",
            "fuse-overlayfs in the profile root",
        ),
        "loop": Explained(
            "loop devices", "a free one was found", container or "as root: modprobe loop", "scenarios on an ext4 image"
        ),
    }
    as_user = {
        "overlay@user": Explained(
            "kernel overlay in a user namespace",
            f"{kernel}, with userxattr",
            f"a kernel of 5.11 or later, its module loaded (as root: modprobe overlay), and a work folder on a local disk ({_ELSEWHERE})",
            "the tool kernel in the profile user",
        ),
        "fuse@user": Explained(
            "FUSE in a user namespace",
            "/dev/fuse was opened, and a mount made",
            _fuse_remedy(facts),
            "fuse-overlayfs in the profile user",
        ),
        "whiteout@user": Explained(
            "0:0 devices in a user namespace",
            "made by mknod",
            "a kernel of 5.8 or later",
            "native whiteouts in layers of the profile user",
            stops_cells=False,
        ),
    }
    rows = {**(as_root if facts.is_root else {}), **(as_user if facts.userns else {})}
    return [_judge(facts, key, explained) for key, explained in rows.items()]


def _fuse_remedy(facts: Facts) -> str:
    message = facts.tried.get("fuse@user", NOT_TRIED).message
    if "ermission denied" in message and not facts.is_root:
        return 'as root: chmod 666 /dev/fuse (and a udev rule to keep it: KERNEL=="fuse", MODE="0666")'
    if "o such" in message:
        return "as root: modprobe fuse; in a container: --device /dev/fuse"
    return "a kernel of 4.18 or later with fuse; in a container: --device /dev/fuse and --privileged"


def _files(facts: Facts) -> list[Capability]:
    on = "on the work folder"
    rows = {
        "work": Explained("work folder", f"{facts.work} can be written to", _ELSEWHERE, "every cell"),
        "user_xattr": Explained(f"user xattrs {on}", "set and read", _ELSEWHERE, "every cell"),
        "trusted_xattr": Explained(
            f"trusted xattrs {on}", "set and read", _ELSEWHERE, "marks of the profile root", stops_cells=False
        ),
    }
    if not facts.is_root:
        del rows["trusted_xattr"]
    room = facts.free >= _ROOM
    free = f"{facts.free // _MEGABYTE} MB are free in {facts.work}"
    remedy = "" if room else "make room, or name other folders in WHITEOUT_LAB_CACHE and WHITEOUT_LAB_WORK"
    space = Capability("space", "free space", room, free, remedy, f"worlds and runs ({_ROOM // _MEGABYTE} MB)")
    return [*(_judge(facts, key, explained) for key, explained in rows.items()), space]


def _rest(facts: Facts) -> list[Capability]:
    recent = tuple(int(n) for n in facts.python.split(".")[:2] if n.isdigit()) >= (3, 11)
    cgroup = facts.cgroup or "no cgroup file system is mounted; nothing needs one yet"
    container = (
        (True, "the cells get a network, control groups and devices of their own", "")
        if facts.is_root
        else (False, "containers need 65536 subordinate ids below the cell's own user namespace", _AS_ROOT_TOO)
    )
    return [
        Capability(
            "container",
            "containers in cells",
            *container,
            "apptainer and SingularityCE, in both profiles",
            stops_cells=True,
        ),
        Capability("cgroup", "control groups", ok=True, detail=cgroup),
        Capability(
            "python", "Python", recent, facts.python, "" if recent else "install Python 3.11 or later", "the program"
        ),
    ]


def _programs(facts: Facts) -> list[Capability]:
    found: list[Capability] = []
    for name, purpose in PROGRAMS.items():
        path = facts.programs.get(name, "")
        version = facts.versions.get(name, "")
        detail = f"{version} ({path})" if version else path or "not installed"
        remedy = "" if path else f"apt-get install {package_of(name)}"
        found.append(Capability(f"program:{name}", name, bool(path), detail, remedy, purpose))
    return found
