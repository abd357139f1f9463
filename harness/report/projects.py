"""How a project wants a bug told: the headings of its template, and which part stands under each. Pure.

The headings are those of the templates as they stood on 2026-11-28: sylabs/singularity ``bug_report.md``, apptainer/apptainer
``default-issue-template.md``, containers/podman ``bug_report.yaml``; containers/fuse-overlayfs has none; overlayfs takes mail
(MAINTAINERS of the kernel).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """A part of the text."""

    WHAT = "what"  # what happens
    WHY = "why"  # how it comes to be: the step, the request, the system calls
    EXPECTED = "expected"
    STEPS = "steps"  # the fewest commands, and what they print
    VERSIONS = "versions"  # which have it and which do not, as measured
    TOOL = "tool"  # which program this was, in its own words
    RUN = "run"  # how the attachment is run, and how often it showed
    SYSTEM = "system"
    INSTALLED = "installed"
    KNOWN = "known"
    TAKEN_OUT = "taken out"
    PODMAN = "podman"  # three questions of podman's form, which a person must answer


@dataclass(frozen=True)
class Project:
    """One project: where its reports go, and its headings in their order. ``heading``: how one is written."""

    where: str
    sections: tuple[tuple[str, tuple[Part, ...]], ...]
    heading: str = "### {}"
    note: str = ""  # what must be known before it is sent


PROJECTS: dict[str, Project] = {
    "plain": Project(
        "",
        (
            ("What happens", (Part.WHAT, Part.WHY)),
            ("What should happen", (Part.EXPECTED,)),
            ("Smallest steps", (Part.STEPS,)),
            ("Versions", (Part.VERSIONS,)),
            ("How to run it", (Part.RUN,)),
            ("Environment", (Part.TOOL, Part.INSTALLED, Part.SYSTEM)),
            ("Known", (Part.KNOWN, Part.TAKEN_OUT)),
        ),
    ),
    "singularity": Project(
        "https://github.com/sylabs/singularity/issues/new/choose",
        (
            ("Version of Singularity", (Part.TOOL, Part.VERSIONS)),
            ("Describe the bug", (Part.WHAT, Part.WHY)),
            ("To Reproduce", (Part.STEPS, Part.RUN)),
            ("Expected behavior", (Part.EXPECTED,)),
            ("OS / Linux Distribution", (Part.SYSTEM,)),
            ("Installation Method", (Part.INSTALLED,)),
            ("Additional context", (Part.KNOWN, Part.TAKEN_OUT)),
        ),
        heading="**{}**",
        note="its maintainers look at what shows in the latest release: see that this is it",
    ),
    "apptainer": Project(
        "https://github.com/apptainer/apptainer/issues/new/choose",
        (
            ("Version of Apptainer", (Part.TOOL, Part.VERSIONS)),
            ("Expected behavior", (Part.EXPECTED,)),
            ("Actual behavior", (Part.WHAT, Part.WHY)),
            ("Steps to reproduce this behavior", (Part.STEPS, Part.RUN)),
            ("What OS/distro are you running", (Part.SYSTEM,)),
            ("How did you install Apptainer", (Part.INSTALLED, Part.KNOWN, Part.TAKEN_OUT)),
        ),
    ),
    "podman": Project(
        "https://github.com/containers/podman/issues/new?template=bug_report.yaml",
        (
            ("Issue Description", (Part.WHAT, Part.WHY)),
            ("Steps to reproduce the issue", (Part.STEPS, Part.RUN)),
            ("Describe the results you received", (Part.VERSIONS,)),
            ("Describe the results you expected", (Part.EXPECTED,)),
            ("podman info output", (Part.TOOL, Part.INSTALLED)),
            ("Podman in a container, Privileged Or Rootless, Upstream Latest Release", (Part.PODMAN,)),
            ("Additional environment details", (Part.SYSTEM,)),
            ("Additional information", (Part.KNOWN, Part.TAKEN_OUT)),
        ),
    ),
    "fuse-overlayfs": Project(
        "https://github.com/containers/fuse-overlayfs/issues/new",
        (
            ("What happens", (Part.WHAT, Part.WHY)),
            ("What should happen", (Part.EXPECTED,)),
            ("Steps", (Part.STEPS,)),
            ("Versions", (Part.TOOL, Part.VERSIONS, Part.INSTALLED)),
            ("How to run it", (Part.RUN,)),
            ("System", (Part.SYSTEM,)),
            ("More", (Part.KNOWN, Part.TAKEN_OUT)),
        ),
    ),
    "kernel": Project(
        "linux-unionfs@vger.kernel.org, as plain text",
        (
            ("What happens", (Part.WHAT, Part.WHY)),
            ("What should happen", (Part.EXPECTED,)),
            ("Steps", (Part.STEPS,)),
            ("Kernels", (Part.TOOL, Part.VERSIONS)),
            ("How to run it", (Part.RUN,)),
            ("System", (Part.SYSTEM, Part.KNOWN, Part.TAKEN_OUT)),
        ),
        heading="## {}",
        note="the list takes plain text with few attachments: put the archive where it can be fetched",
    ),
}
# Whose project a program under test is.
OF = {"kernel": "kernel", "fuse-overlayfs": "fuse-overlayfs", "apptainer": "apptainer", "singularity-ce": "singularity"}
