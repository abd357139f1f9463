"""The host as a world."""

from __future__ import annotations

from pathlib import Path

from harness.machine.process import run, which
from harness.worlds.ledger import Ledger
from harness.worlds.model import HOST, World

INTERESTING = (
    "fuse-overlayfs",
    "squashfuse",
    "fuse2fs",
    "fuse3",
    "squashfs-tools",
    "e2fsprogs",
    "attr",
    "tar",
    "coreutils",
    "util-linux",
)
_STATUS = Path("/var/lib/dpkg/status")


def host_world() -> World:
    """The host, with the versions of the packages that matter where ``dpkg-query`` knows them."""
    ledger = Ledger.open()
    packages = ledger.look_up(str(_STATUS), _STATUS, lambda: ("", _ask_dpkg())).says
    ledger.close()
    return World(HOST, Path("/"), dict(line.split("\t") for line in packages.splitlines() if line.count("\t") == 1))


def _ask_dpkg() -> str:
    if which("dpkg-query") is None:
        return ""
    # Exit code 1 says that some of them are not installed: that is the question, not a failure.
    done = run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\t${Version}\\n", *INTERESTING], timeout=20)
    installed = [line.removeprefix("installed ") for line in done.out.splitlines() if line.startswith("installed ")]
    return "\n".join(installed)
