"""Which findings are known: of the tool by its own name, and of the engine that merged a container's tree. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator

import msgspec

from harness.evidence.recording import Recording
from harness.evidence.stations import FUSE, KERNEL, KERNEL_USERXATTR
from harness.judge.findings import Finding
from harness.places import Station
from harness.scenario.known import Known
from harness.worlds.ranges import one_matches
from harness.worlds.versions import kernel_number

# The kernel's overlay that a user mounts without userxattr, by its name of today and of older recordings.
_NOUSERXATTR = ("kernel+nouserxattr", "kernel-nouserxattr")
_WROTE = (Station.VIEW, Station.REMOUNT)  # the writable runs: whose engine made the upper, and what is made of it


class Naming:
    """What is known of one cell."""

    def __init__(self, recording: Recording) -> None:
        known = [one for one in recording.scenario.known if not one.profiles or recording.profile in one.profiles]
        tool = recording.tool
        self.own = [one for one in known if not one.tools or one_matches(one.tools, tool.name, tool.plain)]
        self._of_engines = {
            station: [
                msgspec.structs.replace(one, optional=True)  # which engine a program took is its choice of the day
                for name, version in dict.fromkeys(_engines(recording, station))
                for one in known
                if one_matches(one.tools, name, version)
            ]
            for station in Station
        }

    def named(self, finding: Finding) -> Finding:
        """The finding with what is known of it; what follows from it is as known, or as new, as it is."""
        here = (*self.own, *self._of_engines[finding.station])
        known = next((one for one in here if speaks_of(one, finding)), None)
        below = tuple(msgspec.structs.replace(one, known=known) for one in finding.consequences)
        return msgspec.structs.replace(finding, known=known, consequences=below)


def speaks_of(known: Known, finding: Finding) -> bool:
    """Whether a known finding is this one. What was not found every time is known only where it is said to be so."""
    return (
        known.code == finding.code
        and (known.sometimes or finding.times == finding.of)
        and (not known.stations or finding.station in known.stations)
        and _fits(known.path, finding.path)
        and _fits(known.words, finding.message)
    )


def _engines(recording: Recording, station: Station) -> Iterator[tuple[str, str]]:
    """The overlays below a program that runs containers: name and version of what merged the tree of a station.

    A layer or a step has the engines of the writable runs. Without any recorded engine (no container came so far as to be asked,
    or an old recording) nobody knows, and it may be any that the tool has.
    """
    if recording.tool.kind != "containers":
        return
    merged = recording.engines.get(station)
    if merged is not None:
        ran: Iterable[str | None] = (merged,)
    else:
        ran = [recording.engines[one] for one in _WROTE if one in recording.engines] or (None,)
    for engine in ran:
        if engine in {None, FUSE}:
            yield from ((part.name, part.plain) for part in recording.tool.parts if part.name == FUSE)
        if engine in {None, KERNEL, KERNEL_USERXATTR}:
            names = ["kernel"]
            if engine is None or (engine == KERNEL and recording.profile == "user"):
                names += _NOUSERXATTR  # as a user, and not told to use user.*
            yield from ((name, kernel_number(recording.tool.kernel)) for name in names)


def _fits(pattern: str, text: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(text, pattern)
