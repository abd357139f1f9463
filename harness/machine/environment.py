"""What is true of this machine, for the report."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def environment(work: Path) -> dict[str, str]:
    """What is true of the machine, for the report. *work*: the folder that cells work in."""
    release = platform.freedesktop_os_release()
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.version()}",
        "machine": platform.machine(),
        "system": release.get("PRETTY_NAME", platform.system()),
        "python": platform.python_version(),
        "work folder": str(work),
        "file system of the work folder": file_system(work),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
        "processors": str(os.cpu_count()),
    }


def file_system(path: Path) -> str:
    """The type of the file system that *path*, or the nearest folder above it, lies on."""
    while not path.exists():
        path = path.parent
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split(" ")
        if words[2] == number:
            return words[words.index("-") + 1]
    return "unknown"
