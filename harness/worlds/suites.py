"""The Debian suites that worlds are made of, as data. A new one is one row."""

from __future__ import annotations

from dataclasses import dataclass

# What a cell's script calls, and what the stacks are made of. Everything else comes in by dependency.
_COMMON = (
    "fuse-overlayfs", "fuse3",  # the tool under test
    "fuse2fs", "e2fsprogs",  # the file systems that a scenario may ask for below the upper
    "attr", "coreutils", "findutils", "grep", "mount", "perl-base", "sed", "tar", "util-linux",  # the steps and the evidence
    "base-files", "bash", "dash", "libc-bin",
)  # fmt: skip
_STACK = ("squashfuse", "squashfs-tools")  # what the founding stack has besides
_MERGED = (
    *_COMMON,
    *_STACK,
    "usr-is-merged",
)  # or apt may choose usrmerge, which works only while it is being installed


@dataclass(frozen=True)
class Suite:
    """One release of Debian: its packages, and the reason for having it."""

    name: str
    packages: tuple[str, ...]
    why: str


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "bullseye",
            _COMMON,
            "fuse-overlayfs 1.4: before user.overlay.* was written or read; no stack: nobody builds images on it",
        ),
        Suite(
            "bookworm",
            _MERGED,
            "fuse-overlayfs 1.10: reads user.overlay.opaque; what Debian 12 and its derivatives run",
        ),
        Suite(
            "trixie",
            _MERGED,
            "fuse-overlayfs 1.14 on libfuse 3.17, and the fuse2fs and squashfuse that SingularityCE wants",
        ),
        Suite(
            "sid", _MERGED, "what comes next: newer squashfs-tools, e2fsprogs, tar and libfuse around the same programs"
        ),
    )
}
