"""Who and where this machine is: what is taken out of files that leave it."""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
from collections.abc import Iterable
from pathlib import Path

_COMMON = {"/", "/root", "/home", "/nonexistent", "/tmp", "/usr", "/mnt", "/opt", "/var", "/bin", "/usr/bin"}  # noqa: S108


def identity(folders: Iterable[Path]) -> dict[str, str]:
    """Kinds by value, such as ``{"ada": "user"}``; *folders*: of this program's, which say where somebody keeps things."""
    found: dict[str, str] = {}
    names = {os.environ.get(name, "") for name in ("SUDO_USER", "USER", "LOGNAME", "USERNAME")}
    with contextlib.suppress(KeyError):
        names.add(pwd.getpwuid(os.geteuid()).pw_name)
    for name in filter(None, names):
        found[name] = "user"
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            found[entry.pw_dir] = "home"
            found |= {entry.pw_gecos.split(",")[0]: "user"} if entry.pw_gecos.strip(", ") else {}
    found[str(Path.home())] = "home"
    for path in folders:
        found[str(path)] = "folder"
    for name in (platform.node(), os.environ.get("HOSTNAME", "")):
        found[name] = found[name.partition(".")[0]] = "host"
    for file in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found[Path(file).read_text(encoding="ascii").strip()] = "machine"
    return {value: kind for value, kind in found.items() if value and value not in _COMMON}
