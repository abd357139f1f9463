"""What unpacking leaves undone, because no package's script has run: the few files and folders that a cell needs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_FOLDERS = ("mnt", "dev", "proc", "sys", "tmp", "run", "root", "etc", "usr/bin", "usr/sbin", "usr/lib")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
_LINKS = {
    "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
    "bin/sh": "dash", "usr/bin/awk": "mawk",
}  # fmt: skip
_NOT_OURS = (
    "etc/resolv.conf", "etc/hostname",  # copied from the host, which is nobody's business in a recording
    "etc/mtab",  # where it is, libfuse runs mount(8) at each mount to keep it; where it is not, it leaves that away
)  # fmt: skip


def furnish(root: Path) -> None:
    """Complete an unpacked root, and make everything in it readable for every user."""
    for name in _NOT_OURS:
        (root / name).unlink(missing_ok=True)
    for name, target in _LINKS.items():
        link = root / name
        if not os.path.lexists(link) and (link.parent / target).exists():
            link.symlink_to(target)
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, content in _FILES.items():
        if not (root / name).exists():
            (root / name).write_text(content, encoding="ascii")
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
