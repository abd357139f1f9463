"""Which Debian package brings a program: the one table of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

PACKAGES: Mapping[str, str] = {  # a program that is named as its package is not here
    "bsdtar": "libarchive-tools",
    "cargo": "cargo, or rustup where that is older than 1.85",
    "ctr": "containerd",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "dpkg-deb": "dpkg",
    "dpkg-query": "dpkg",
    "find": "findutils",
    "flock": "util-linux",
    "fusermount3": "fuse3",
    "gensquashfs": "squashfs-tools-ng",
    "getfattr": "attr",
    "ldd": "libc-bin",
    "mke2fs": "e2fsprogs",
    "mksquashfs": "squashfs-tools",
    "mmdebstrap": "mmdebstrap debian-archive-keyring",
    "setfattr": "attr",
    "setpriv": "util-linux",
    "sqfs2tar": "squashfs-tools-ng",
    "tar2sqfs": "squashfs-tools-ng",
    "unshare": "util-linux",
}


def package_of(program: str) -> str:
    """What to say after ``apt-get install`` to get a program."""
    return PACKAGES.get(program, program)
