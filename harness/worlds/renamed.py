"""Names that tools had before names were made of program and setup. They are refused, with the name of today as remedy. Pure."""

from __future__ import annotations

import fnmatch
import re

RENAMED = {
    "kernel-nouserxattr": "kernel+nouserxattr",
    "fuse-stack": "fuse-overlayfs+stack",
    "apptainer-ext3": "apptainer+ext3",
    "apptainer-tmpfs": "apptainer+tmpfs",
    "apptainer-sandbox": "apptainer+sandbox",
    "apptainer-userns": "apptainer+userns",
    "apptainer-fakeroot": "apptainer+fakeroot",
    "singularity-ce-tmpfs": "singularity-ce+tmpfs",
    "singularity-ce-userns": "singularity-ce+userns",
    "singularity-ce-ext3": "singularity-ce+ext3",
    "singularity-ce-oci": "singularity-ce+oci",
    "singularity-ce-oci-folder": "singularity-ce+oci+folder",
    "singularity-ce-oci-ext3": "singularity-ce+oci+ext3",
}


def renamed(word: str) -> tuple[str, str]:
    """The old name that a word is, alone or with a version as in a cell's id (``apptainer-ext3-1.4.5-root``), and that of today.

    Two empty strings where it is none.
    """
    name = re.split("-[0-9]", word, maxsplit=1)[0]
    return (name, RENAMED[name]) if name in RENAMED else ("", "")


def renamed_in(pattern: str) -> list[str]:
    """The names of today of the old names that a pattern, without its bounds, would have spoken of."""
    return [new for old, new in RENAMED.items() if fnmatch.fnmatchcase(old, pattern)]
