"""What unpacking leaves undone, because no package's script has run: the few files and folders that a cell needs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from harness.worlds.inside import CELL, HOME, INSTALLED, NOBODY, USER

_FOLDERS = ("dev", "proc", "sys", "tmp", "run", "root", "etc", "usr/bin", "usr/sbin", "usr/lib")
_PLACES = (CELL, INSTALLED)  # what a cell puts there
_FILES = {
    "etc/passwd": (
        f"root:x:0:0:root:{HOME}:/bin/sh\n"
        f"user:x:{USER}:{USER}:user:{HOME}:/bin/sh\n"  # who the profile user is where programs ask for a name
        f"nobody:x:{NOBODY}:{NOBODY}:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "etc/group": f"root:x:0:\ntty:x:5:\nuser:x:{USER}:\nnogroup:x:{NOBODY}:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "",
    # at least 65536 of them: with fewer, singularity and podman map one user alone
    "etc/subuid": "user:100000:65536\n",
    "etc/subgid": "user:100000:65536\n",
}
_SETUID = ("usr/bin/fusermount3",)  # its package's script would do that; without it an ordinary user mounts nothing
_LINKS = {
    "etc/localtime": "../usr/share/zoneinfo/UTC",  # bound into every container by singularity.conf
    "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
    "bin/sh": "dash", "usr/bin/awk": "mawk",
}  # fmt: skip
_NOT_OURS = (
    "etc/resolv.conf", "etc/hostname",  # copied from the host, which is nobody's business in a recording
    "etc/mtab",  # where it is, libfuse runs mount(8) at each mount to keep it; where it is not, it leaves that away
)  # fmt: skip


def complete_root(root: Path, *, mtab: bool = False) -> None:
    """Complete an unpacked root, and make everything in it readable for every user.

    *mtab*: whether programs of the world read ``/etc/mtab`` (SingularityCE does, and stops without it).
    """
    for name in _NOT_OURS:
        (root / name).unlink(missing_ok=True)
    for name, target in _LINKS.items():
        link = root / name
        if not os.path.lexists(link) and (link.parent / target).exists():
            link.symlink_to(target)
    for name in (*_FOLDERS, *(place.lstrip("/") for place in _PLACES)):
        (root / name).mkdir(parents=True, exist_ok=True)
    if mtab:
        (root / "etc/mtab").symlink_to("/proc/self/mounts")
    for name, content in _FILES.items():
        if not (root / name).exists():
            (root / name).write_text(content, encoding="utf-8")
    for name in _SETUID:
        program = root / name
        if program.is_file() and not program.is_symlink():
            program.chmod(0o4755)
    _open_up(root)


def _open_up(root: Path) -> None:
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                wanted = mode | 0o755
            elif stat.S_ISREG(mode):
                wanted = mode | 0o444
            else:
                continue
            if wanted != mode:
                path.chmod(stat.S_IMODE(wanted))
