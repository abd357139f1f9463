"""What a script left, before anything of it is read: plain files in one folder, and nothing that leads elsewhere.

A step can follow a link of its own layer to the folder of its cell and change the evidence there. Inside, that reaches nothing
else; but the evidence is read and moved outside, by a process with other rights. So every name that is no regular file goes first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

from harness.machine.guarded import remove_tree
from harness.names import escape


def only_files(out: Path, folders: Collection[str] = ()) -> str:
    """Make *out* a folder of regular files, for the owner to read; it is made when it is not there. *folders* in it may be such folders.

    Returns what else was found, and is gone now, in words; empty when there was nothing. No link is followed.
    """
    found: list[str] = []
    if os.path.lexists(out) and not stat.S_ISDIR(out.lstat().st_mode):
        out.unlink()
        found.append(out.name)
    if not out.exists():
        out.mkdir()
    if out.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
        out.chmod(0o755)
    for entry in list(os.scandir(os.fsencode(out))):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode) and os.fsdecode(entry.name) in folders:
            found += filter(None, [only_files(out / os.fsdecode(entry.name))])
            continue
        if stat.S_ISDIR(status.st_mode):
            remove_tree(entry.path)
        elif not stat.S_ISREG(status.st_mode):
            os.unlink(entry.path)  # noqa: PTH108 (a name in bytes)
        else:
            if not status.st_mode & stat.S_IRUSR:
                os.chmod(entry.path, 0o644)  # noqa: PTH101
            continue
        found.append(f"out/{escape(entry.name)}")
    return f"a step reached the evidence of the cell: {', '.join(sorted(found))}" if found else ""
