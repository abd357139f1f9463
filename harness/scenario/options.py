"""What a scenario may say to a tool: mount options and environment variables. Pure.

A scenario can come from a stranger, and both reach a program that runs as root. So they are what is listed here: never the stack, which
the driver says; nothing that names a path, loads code (``plugins`` of fuse-overlayfs, ``LD_PRELOAD``) or undoes ``nodev``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.drivers import PROGRAMS
from harness.scenario.mistakes import Mistakes, named
from harness.worlds.ranges import choices

# https://docs.kernel.org/filesystems/overlayfs.html
_KERNEL = (
    "redirect_dir", "metacopy", "index", "uuid", "xino", "nfs_export", "verity", "volatile", "fsync",
    "override_creds", "nooverride_creds",
)  # fmt: skip
# fuse-overlayfs(1), and what main.c of 0.2 to 1.16 reads besides; then those of FUSE itself, mount.fuse(8)
_FUSE = (
    "redirect_dir", "timeout", "threaded", "fsync", "fast_ino", "writeback", "noxattrs", "xattr_permissions", "squash_to_root",
    "squash_to_uid", "squash_to_gid", "static_nlink", "volatile", "noacl", "uidmapping", "gidmapping",
    "default_permissions", "allow_other", "max_write", "max_read", "clone_fd", "noatime", "lazytime",
)  # fmt: skip
_OPTIONS = {"kernel": _KERNEL, "fuse-overlayfs": _FUSE}
_STACK = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir", "userxattr", "nodev", "dev", "suid")
_WORD = re.compile(r"(?P<name>[a-z0-9_+]+)(=[A-Za-z0-9_.:-]*)?")

# Of these programs, what changes how they merge; SINGULARITY_BIND and its like would bring in what the cell is kept from.
_ENV = re.compile(
    r"FUSE_OVERLAYFS_[A-Z0-9_]+|RUST_(LOG|BACKTRACE)|(SINGULARITY|APPTAINER)_(UNSQUASH|DEBUG|TMP_SANDBOX)"
)


def check_options(options: Mapping[str, str], key: str, mistakes: Mistakes) -> None:
    """Tell programs that take no options of a scenario, and options that are not a scenario's to say."""
    for program, text in options.items():
        at = named(key, program)
        if program not in _OPTIONS:
            what = "takes no mount options" if program in PROGRAMS else "is no program"
            mistakes.add(f"{program!r} {what}", at, choices(program, list(_OPTIONS)))
            continue
        for option in text.split(","):
            _check_option(program, option, at, mistakes)


def _check_option(program: str, option: str, key: str, mistakes: Mistakes) -> None:
    word = _WORD.fullmatch(option)
    if word is not None and word["name"] in _OPTIONS[program]:
        return
    name = option.partition("=")[0]
    if name in _STACK:
        mistakes.add(
            f"the option {name!r} is the driver's to say", key, "layers, upper, below and stack say what is mounted"
        )
    else:
        mistakes.add(f"no option {option!r} that a scenario may give", key, choices(name, _OPTIONS[program]))


def check_env(env: Mapping[str, str], key: str, mistakes: Mistakes) -> None:
    """Tell variables that are not a scenario's to set."""
    for name, value in env.items():
        if not _ENV.fullmatch(name):
            remedy = "FUSE_OVERLAYFS_... and a few others: what else a variable says could run a program of the file's"
            mistakes.add(f"{name!r} is no variable that a scenario may set", named(key, name), remedy)
        elif "\0" in value:
            mistakes.add("a value with a NUL byte", named(key, name), "leave it away")
