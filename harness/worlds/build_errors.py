"""What a failed ``mmdebstrap`` means, from its last words. Pure."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import WorldError

_FULL = "the disk is full"
_NOTHING = 64 * 1024 * 1024  # bytes: with less than this left, the disk is what failed
_NEEDED = "about 350 MB are needed while a world is built, 110 MB after that"

# The first that matches names the cause; from the particular to the general.
_MIRROR = "name another mirror in WHITEOUT_LAB_MIRROR"
_SIGNS: tuple[tuple[str, str, str], ...] = (
    (r"No space left on device|not enough free space|Disk quota exceeded", _FULL, ""),
    (
        r"Failed to fetch .* [45]\d\d +[A-Z]|does not have a Release file",
        "the mirror does not have what its index promises",
        f"try again later, or {_MIRROR}",
    ),
    (
        r"NO_PUBKEY|is not signed|signed-by.*not (found|exist)|couldn't be verified|keyring",
        "the archive's signature cannot be checked: its key is missing",
        "apt-get install debian-archive-keyring gpg; where its keys are older than the suite, as on Ubuntu, as root: make setup",
    ),
    (
        r"is not valid yet|expired",
        "the archive's index is not valid at this time",
        f"see that the clock is right, or {_MIRROR}",
    ),
    (
        r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|unreachable|timed out|No route",
        "the Debian archive cannot be reached",
        f"connect to the network and try again, or {_MIRROR}",
    ),
    (
        r"Unable to locate package|has no installation candidate",
        "the archive does not have every package of the recipe",
        _MIRROR,
    ),
    (
        r"Read-only file system|Permission denied",
        "the cache folder cannot be written to",
        "name another one in WHITEOUT_LAB_CACHE",
    ),
)


def build_error(suite: str, output: str, code: int, free: int, cache: Path) -> WorldError:
    """The error of a failed build: what happened, apt's last error lines, and the remedy."""
    errors = [line.strip() for line in output.splitlines() if re.match(r"\s*(E:|Err:|dpkg-deb: error|tar: )", line)]
    words = "\n".join(errors or output.splitlines()[-5:])
    if free < _NOTHING:
        what, remedy = _FULL, ""
    elif code == -9:
        what, remedy = "the build took too long, or was killed", "try again"
    else:
        what, remedy = next(
            ((what, remedy) for pattern, what, remedy in _SIGNS if re.search(pattern, words, re.IGNORECASE)),
            (f"mmdebstrap failed with exit code {code}", "see its words above"),
        )
    if what == _FULL:
        remedy = f"make room in {cache}, or name another folder in WHITEOUT_LAB_CACHE; {_NEEDED}"
    last = "\n".join(f"    {line[:300]}" for line in words.splitlines()[-4:])
    return WorldError(f"the world cannot be built: {what}\n{last}".rstrip(), where=suite, remedy=remedy)
