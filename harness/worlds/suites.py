"""The Debian suites that worlds are made of, as data. A new one is one row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# What a cell's script calls, and what the stacks are made of. Everything else comes in by dependency.
_COMMON = (
    "fuse-overlayfs", "fuse3",  # the tool under test
    "fuse2fs", "e2fsprogs",  # the file systems that a scenario may ask for below the upper
    "attr", "coreutils", "findutils", "grep", "mount", "perl-base", "sed", "tar", "util-linux",  # the steps and the evidence
    "base-files", "bash", "dash", "libc-bin",
)  # fmt: skip
_STACK = ("squashfuse", "squashfs-tools")  # what the founding stack has besides
# without the last, apt may choose usrmerge, which works only while it is being installed
_MERGED = (*_COMMON, *_STACK, "usr-is-merged")


# What SingularityCE calls, and what takes its images over: seen by running it (issue sylabs/singularity#3176 and its releases' notes).
_IMAGES = (
    *_MERGED,
    "squashfs-tools-ng",  # sqfs2tar: squashfs layers to tar layers
    "crun", "conmon", "uidmap",  # OCI mode
    "busybox-static",  # a cell's own network is brought up with it
    "docker-registry", "podman", "netbase", "ca-certificates",  # where an image is pushed to, and who pulls it
    "tzdata",  # /etc/localtime, which singularity.conf binds into containers
)  # fmt: skip

# A kernel that is a program, and what a cell, and a disk whose writes are kept, need inside.
_GUEST = (
    "user-mode-linux", "dmsetup", "kmod", "e2fsprogs",
    "attr", "coreutils", "findutils", "grep", "mount", "perl-base", "sed", "tar", "util-linux",
    "base-files", "bash", "dash", "libc-bin", "usr-is-merged",
)  # fmt: skip

# What takes images in every release, and what makes layers: the programs, and those without which a user runs none of them.
_TAKERS = (
    *_COMMON,
    *_STACK,
    "busybox-static",  # a cell's own network is brought up with it
    "podman", "buildah", "crun", "conmon", "netbase", "ca-certificates",
    "docker.io", "containerd", "runc",
    "umoci", "libarchive-tools", "squashfs-tools-ng",
    "uidmap", "rootlesskit",  # a user's podman maps ids by the one, a user's docker and containerd are started by the other
)  # fmt: skip
_TAKEN = ("podman", "buildah", "docker", "containerd", "ctr", "umoci")


@dataclass(frozen=True)
class Suite:
    """One userland: the packages of a release of Debian, and the reason for having it.

    ``provides``: the tools that are looked for in it, by which cells run. ``takes``: the programs that are given images, or
    containers' layers, in it.
    """

    name: str
    packages: tuple[str, ...]
    why: str
    release: str = ""  # of Debian, where it is not the name
    provides: tuple[str, ...] = ("fuse-overlayfs", "fuse-overlayfs+stack")
    takes: tuple[str, ...] = ()
    guest: bool = False  # whether it has a kernel that is a program, for cells that need one to themselves

    @property
    def debian(self) -> str:
        return self.release or self.name

    @property
    def images(self) -> bool:
        """Whether it is for programs that run containers from images."""
        return bool(self.provides) and "fuse-overlayfs" not in self.provides


IMAGES = "images"  # the world for what the user brings: SingularityCE

IMPORTERS = "importers-trixie"  # the one of them that is built unasked

GUEST = "guest-sid"  # the newest guest kernel
GUESTS_RUN_ON = frozenset({"x86_64"})  # machines that its package is made for

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "bullseye",
            _COMMON,
            "fuse-overlayfs 1.4: before user.overlay.* was written or read; no stack: nobody builds images on it",
        ),
        Suite(
            "bookworm",
            _MERGED,
            "fuse-overlayfs 1.10: reads user.overlay.opaque; what Debian 12 and its derivatives run",
        ),
        Suite(
            "trixie",
            _MERGED,
            "fuse-overlayfs 1.14 on libfuse 3.17, and the fuse2fs and squashfuse that SingularityCE wants",
        ),
        Suite(
            "sid", _MERGED, "what comes next: newer squashfs-tools, e2fsprogs, tar and libfuse around the same programs"
        ),
        Suite(
            IMAGES,
            _IMAGES,
            "trixie with the programs that SingularityCE calls, a registry, and podman",
            release="trixie",
            provides=("singularity-ce",),
        ),
        Suite(
            "apptainer",
            (*_MERGED, "apptainer", "busybox-static", "squashfs-tools-ng", "uidmap", "tzdata"),
            "sid with apptainer, which is in no other suite",
            release="sid",
            provides=("apptainer",),
            takes=("apptainer",),
        ),
        Suite(
            "importers-bullseye",
            _TAKERS,
            "what takes images and makes layers: podman 3.0, docker 20.10, containerd 1.4, umoci 0.4 (30 s, 600 MB)",
            release="bullseye",
            provides=(),
            takes=_TAKEN,
        ),
        Suite(
            "importers-bookworm",
            (*_TAKERS, "usr-is-merged"),
            "the same of Debian 12: podman 4.3, docker 20.10, containerd 1.6, umoci 0.4 (26 s, 560 MB)",
            release="bookworm",
            provides=(),
            takes=_TAKEN,
        ),
        Suite(
            IMPORTERS,
            (*_TAKERS, "usr-is-merged", "docker-cli"),
            "the same of Debian 13: podman 5.4, docker 26.1, containerd 1.7, umoci 0.4 (34 s, 700 MB)",
            release="trixie",
            provides=(),
            takes=_TAKEN,
        ),
        Suite(
            "importers-sid",
            (*_TAKERS, "usr-is-merged", "docker-cli", "crane"),
            "what comes next of the same: podman 5.8, docker 28.5, containerd 2.1, umoci 0.6, and crane (38 s, 750 MB)",
            release="sid",
            provides=(),
            takes=(*_TAKEN, "crane"),
        ),
        Suite(
            GUEST,
            _GUEST,
            "Linux as a program (User-mode Linux 7.2), for what a crash of the machine leaves (12 s, 270 MB)",
            release="sid",
            provides=(),
            guest=True,
        ),
    )
}


class Taking(Enum):
    """The worlds in which images are taken: none, one, or that of every release."""

    # No tuples: an empty one is lost as a value in Python 3.11.2, which Debian 12 has.
    NONE = frozenset[str]()
    ONE = frozenset({IMPORTERS})
    ALL = frozenset(suite.name for suite in SUITES.values() if suite.takes and not suite.provides)


def wanted(*, containers: bool, singularity: bool, taking: Taking = Taking.NONE, guests: bool = False) -> list[str]:
    """The suites that are built unasked. *containers*: whether cells may run them here; *singularity*: whether there is one to run.

    *guests*: whether kernels of their own are needed.
    """
    return [
        suite.name
        for suite in SUITES.values()
        if (containers and suite.name in taking.value)
        or (guests and suite.guest)
        or (suite.provides and (not suite.images or (containers and (singularity or suite.name != IMAGES))))
    ]
