"""Version numbers, from packages and from what programs say of themselves. Pure."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d+(?:\.\d+)+[A-Za-z0-9.~-]*|\b\d+\b")

_OTHERS = ("fusermount", "FUSE library", "using FUSE", "unknown argument")


def upstream(package_version: str) -> str:
    """Upstream's number in a Debian package's version: ``1:1.47.2-3+b12`` is ``1.47.2``."""
    version = package_version.partition(":")[2] or package_version
    version = version.rpartition("-")[0] or version  # a native package has no revision
    return re.split(r"[+~](?:dfsg|ds|really|deb|ubuntu)", version)[0]


def answer_of(program: str, output: str) -> str:
    """The line of a ``--version`` output in which the program speaks of itself, or the first line that is not empty.

    fuse-overlayfs lets ``fusermount3`` and libfuse speak first, and may complain about options before that; a file that
    the user gives may have any name.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(program)] + [
        line for line in lines if not line.startswith(_OTHERS)
    ]
    return next(iter([*own, *lines]), "")[:200]


def number_in(answer: str) -> str:
    """The version in a program's answer, ``unknown`` when there is none: ``fuse-overlayfs: version 1.13-dev`` is ``1.13-dev``."""
    found = _NUMBER.search(answer)
    return found.group() if found else "unknown"


def kernel_number(release: str) -> str:
    """``6.18.44`` of ``6.18.44-generic``: what comes after it is the builder's."""
    found = re.match(r"\d+(?:\.\d+){0,2}", release)
    return found.group() if found else release or "unknown"
