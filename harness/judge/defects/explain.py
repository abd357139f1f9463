"""Which defects explain a cell's findings; which are back where they should be gone; which should be there and are not. Pure.

A defect is one program's, and a cell has several: the one under test, those that it calls, and below a container the overlay that merged
a tree. So a defect of fuse-overlayfs explains what a container shows where fuse-overlayfs was the container's overlay at that place.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from harness.evidence.answers import FUSE, KERNEL, KERNEL_USERXATTR
from harness.evidence.recording import Recording
from harness.judge.defects.model import Defect, Fact, Named, Sign, named
from harness.judge.facts import Flat, as_table
from harness.judge.findings import Finding, flat
from harness.places import REMOUNT, STEPS, VIEW, PlaceName, is_of
from harness.worlds.ranges import Pattern, in_ranges, parse_range
from harness.worlds.versions import kernel_number

_WROTE = (VIEW, REMOUNT)  # the writable runs: whose overlay made the upper, and what is made of it
_OVERLAYS = (FUSE, "kernel")
_NOUSERXATTR = "kernel+nouserxattr"


@dataclass(frozen=True)
class Program:
    """One program of a cell at a place. ``tool``: the name of the tool that it would be by itself."""

    tool: str
    version: str  # the number alone
    main: bool = True  # it is under test itself, and not below a container

    @property
    def name(self) -> str:
        return self.tool.partition("+")[0]


class Explainer:
    """What is known of one cell."""

    def __init__(self, recording: Recording, defects: Sequence[Defect]) -> None:
        self.recording = recording
        self._tool = own_name(recording)
        self._signs: dict[str, list[tuple[Defect, Sign]]] = {}  # code -> the signs that may speak of it here
        for defect in defects:
            for sign in defect.signs:
                if self._speaks(sign):
                    for code in sign.codes:
                        self._signs.setdefault(code, []).append((defect, sign))
        for signs in self._signs.values():  # what speaks of less explains more
            signs.sort(key=lambda one: (not one[1].scenarios, not one[1].facts, not one[1].paths))
        self._seen_programs: dict[PlaceName, tuple[Program, ...]] = {}

    def _programs(self, place: PlaceName) -> tuple[Program, ...]:
        if place not in self._seen_programs:
            self._seen_programs[place] = tuple(programs(self.recording, place))
        return self._seen_programs[place]

    def _speaks(self, sign: Sign) -> bool:
        recording = self.recording
        return (not sign.profiles or recording.profile in sign.profiles) and (
            not sign.scenarios or recording.scenario.name in sign.scenarios
        )

    def explained(self, finding: Finding) -> Finding:
        """The finding with the defect that explains it, or that is back; what follows from it is as known, or as new, as it is."""
        defect = next(self._of(finding), None)
        known = named(defect) if defect is not None else None
        back = None if known else next((named(defect) for defect in self._mended(finding)), None)
        below = tuple(msgspec.structs.replace(one, known=known, back=back) for one in finding.consequences)
        return msgspec.structs.replace(finding, known=known, back=back, consequences=below)

    def _of(self, finding: Finding) -> Iterator[Defect]:
        """The defects that explain a finding."""
        for defect, sign, program in self._fitting(finding):
            if _covers(defect, sign, program.version):
                yield defect

    def _mended(self, finding: Finding) -> Iterator[Defect]:
        """The defects that a finding is a sign of, and that its program's version comes after."""
        for defect, _, program in self._fitting(finding):
            if not in_ranges(defect.versions, program.version) and _is_over(defect.versions, program.version):
                yield defect

    def _fitting(self, finding: Finding) -> Iterator[tuple[Defect, Sign, Program]]:
        """The signs that a finding is such as, whatever the version, and the programs whose they would be."""
        for defect, sign in self._signs.get(finding.code, ()):
            if not says(sign, finding):
                continue
            for program in self._programs(finding.place):
                if program.name == defect.program and _of_tool(sign, self._tool, program.tool):
                    yield defect, sign, program

    def gone(self, findings: Iterable[Finding], seen: Callable[[str], bool]) -> tuple[Named, ...]:
        """The defects that must show in this cell, and do not: the program under test has them, and the scenario is a witness.

        *seen*: whether somebody looked where a code's findings are.
        """
        shown = self._shown(findings)
        must: dict[str, Named] = {}
        for defect, sign in self._as_witness():
            if defect.name not in shown and all(map(seen, sign.codes)) and self._must_show(defect, sign):
                must.setdefault(defect.name, named(defect, sign.codes[0]))
        return tuple(must[name] for name in sorted(must))

    def tells(self, findings: Iterable[Finding], seen: Callable[[str], bool]) -> dict[str, bool]:
        """What the cell says as a witness, by the defect's name: whether it shows, whatever the version. *findings* are explained.

        What nobody looked at says nothing, and neither does what fits a defect in a version that it is not known of: that is new, or back.
        """
        every = tuple(flat(findings))
        shown = self._shown(every)
        unsure = {defect.name for one in every if one.known is None for defect, _, _ in self._fitting(one)}
        shows: dict[str, bool] = {}
        for defect, sign in self._as_witness():
            if defect.name in shown:
                shows[defect.name] = True
            elif defect.name not in unsure and all(map(seen, sign.codes)) and self._could_show(defect, sign):
                shows[defect.name] = False
        return dict(sorted(shows.items()))

    def _shown(self, findings: Iterable[Finding]) -> set[str]:
        """The names of the defects that explain findings, and what follows from them."""
        return {defect.name for one in flat(findings) for defect in self._of(one)}

    def _as_witness(self) -> Iterator[tuple[Defect, Sign]]:
        """The signs here of defects that the cell's scenario is a witness of."""
        name = self.recording.scenario.name
        return (one for signs in self._signs.values() for one in signs if name in one[0].witnesses)

    def _could_show(self, defect: Defect, sign: Sign) -> bool:
        """Whether the defect's program is in the cell where a sign speaks of it, at any version."""
        there = (one for place in sign.places or (STEPS, *self.recording.backends) for one in self._programs(place))
        return any(one.name == defect.program and _of_tool(sign, self._tool, one.tool) for one in there)

    def _must_show(self, defect: Defect, sign: Sign) -> bool:
        return not sign.sometimes and any(
            one.main
            and one.name == defect.program
            and _covers(defect, sign, one.version)
            and _of_tool(sign, self._tool, one.tool)
            for one in self._programs(VIEW)
        )


def says(sign: Sign, finding: Finding) -> bool:
    """Whether a finding is such as a sign says, whosever it is."""
    return (
        (sign.sometimes or finding.times == finding.of)
        and (not sign.places or is_of(finding.place, sign.places))
        and (not sign.paths or _one_fits(sign.paths, finding.path))
        and _facts_fit(sign.facts, finding)
    )


def _of_tool(sign: Sign, *names: str) -> bool:
    """Whether a sign speaks of the cell's tool, or of the tool that a program below a container would be by itself."""
    return not sign.tools or any(_one_fits(sign.tools, name) for name in names)


def programs(recording: Recording, place: PlaceName) -> Iterator[Program]:
    """The programs of a cell that may be the cause of what a place shows.

    A layer or a step has the overlays of the writable runs. Without any recorded overlay (no container came so far as to be asked, or an
    old recording) nobody knows, and it may be any that the tool has.
    """
    tool = recording.tool
    yield Program(own_name(recording), tool.plain)
    yield from (Program(part.name, part.plain, main=False) for part in tool.parts if part.name not in _OVERLAYS)
    if tool.kind == "imports":  # the tree of an image is merged by whom its store says
        yield from (Program(part.name, part.plain, main=False) for part in tool.parts if part.name == FUSE)
        yield Program("kernel", kernel_number(tool.kernel), main=False)
    if tool.kind != "containers":
        return
    merged = recording.backends.get(place)
    if merged is not None:
        ran: Iterable[str | None] = (merged,)
    else:
        ran = dict.fromkeys(recording.backends[one] for one in _WROTE if one in recording.backends) or (None,)
    for overlay in ran:
        if overlay in {None, FUSE}:
            yield from (Program(one.name, one.plain, main=False) for one in tool.parts if one.name == FUSE)
        if overlay in {None, KERNEL, KERNEL_USERXATTR}:
            names = ["kernel"]
            if overlay is None or (overlay == KERNEL and recording.profile == "user"):
                names.append(_NOUSERXATTR)  # as a user, and not told to use user.*
            yield from (Program(name, kernel_number(tool.kernel), main=False) for name in names)


def own_name(recording: Recording) -> str:
    """Program and setup of the tool under test: the name of today, also of an older recording."""
    tool = recording.tool
    return f"{tool.program}+{tool.setup}" if tool.setup else tool.program


def _covers(defect: Defect, sign: Sign, version: str) -> bool:
    return in_ranges(defect.versions, version) and (not sign.versions or in_ranges(sign.versions, version))


def _is_over(ranges: Iterable[str], version: str) -> bool:
    """Whether a version comes after one that was mended: it lies beyond the upper bound of a range."""
    parsed = filter(None, map(parse_range, ranges))
    uppers = [Pattern("*", (bound,)) for one in parsed for bound in one.bounds if bound[0] in {"<", "<="}]
    return any(not upper.fits("", version) for upper in uppers)


def _facts_fit(wanted: Mapping[str, Fact], finding: Finding) -> bool:
    if not wanted:
        return True
    there = as_table(finding.facts) if finding.facts is not None else {}
    return all(name in there and _fact_fits(value, there[name]) for name, value in wanted.items())


def _fact_fits(wanted: Fact, there: Flat) -> bool:
    if isinstance(wanted, str):
        return any(fnmatch.fnmatchcase(one, wanted) for one in (there if isinstance(there, list) else [str(there)]))
    return type(there) is type(wanted) and there == wanted


def _one_fits(patterns: Iterable[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)
