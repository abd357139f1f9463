"""A trace and what the cell left, put together: a story for each marker, for what no step made, and for litter. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.compare.steps import step_words
from harness.compare.words import bare
from harness.diagnose.story import UPPER, WORK, Came, below, came, of_marker, rooted
from harness.diagnose.syscalls import Does
from harness.diagnose.told import Seen, Story, What
from harness.diagnose.trace import Done, Trace
from harness.diagnose.words import call_line, request_words, sentence
from harness.evidence.recording import Recording
from harness.judge.findings import Finding
from harness.judge.rules.evidence import shown
from harness.names import unescape
from harness.places import ORACLE, PlaceName
from harness.places import UPPER as UPPER_PLACE
from harness.scenario.layers import layer
from harness.scenario.steps import Step
from harness.snapshot.model import EMPTY, Snapshot
from harness.whiteouts.encodings import ENCODINGS, Says
from harness.whiteouts.markers import Marker, find_markers, is_marker_entry

_MADE = 12  # calls of one story


def stories(
    recording: Recording,
    trees: Mapping[PlaceName, Snapshot],
    findings: Sequence[Finding],
    trace: Trace,
    after: Sequence[tuple[int, Snapshot]] = (),
    *,
    inside: bytes = b"",
) -> tuple[Story, ...]:
    """A story for each marker of the upper, and for each entry that no step made; then litter.

    *after*: the upper as it was after some steps, by their indices, where somebody looked.
    *inside*: where in the daemon's upper the recorded one lies: of a container's root it is a folder.
    """
    upper, oracle = trees.get(UPPER_PLACE, EMPTY), trees.get(ORACLE, EMPTY)
    teller = _Teller(recording, findings, trace, after, below(UPPER, inside))
    found = [teller.of_marker(one) for one in find_markers(upper)]
    strays = [one.path for one in upper if one.path not in oracle and not is_marker_entry(one)]
    found += [teller.of_entry(path) for path in strays if path]
    found.sort(key=lambda one: not one.findings)
    found += [teller.of_litter(unescape(line)) for line in recording.work_left]
    return tuple(found)


class _Teller:
    """Tells of one cell."""

    def __init__(
        self,
        recording: Recording,
        findings: Sequence[Finding],
        trace: Trace,
        after: Sequence[tuple[int, Snapshot]],
        upper: bytes,
    ) -> None:
        self._steps: Sequence[Step] = recording.scenario.steps
        self._findings = [one for one in findings if one.place == UPPER_PLACE]
        self._daemons = [one for one in trace.daemons if one.phase not in _AFTER]
        self._asked = [one for one in trace.steps if one.call.ok and one.does not in {Does.READS, Does.LISTS}]
        self._after = [(step, frozenset(find_markers(tree))) for step, tree in after]
        self._upper = upper
        self._given = frozenset(find_markers(layer(recording.scenario.upper, recording.profile)))
        self._served = any(rooted(one.makes)[0] == UPPER for one in trace.daemons)

    def of_marker(self, marker: Marker) -> Story:
        found = of_marker(self._daemons, marker, self._upper)
        says = _says(marker)
        if found:
            return self._told(found, marker.at, What.MARKER, says, self._of_mark(marker))
        if marker in self._given:
            told = "The scenario put it there before the first step."
            return Story(shown(marker.at), What.MARKER, says, Seen.GIVEN, told, findings=self._of_mark(marker))
        return self._by_steps(marker, says)

    def of_entry(self, path: bytes) -> Story:
        return self._of(below(self._upper, path), path, What.ENTRY, "an entry that no step made")

    def of_litter(self, path: bytes) -> Story:
        """Its name in the script leads through the work folder, wherever that lies."""
        _, _, inside = (b"/" + path).partition(b"/work/")
        return self._of(below(WORK, inside), path, What.LITTER, "left in the work folder")

    def _of(self, there: bytes, path: bytes, what: What, says: str) -> Story:
        found = came(self._daemons, there)
        return self._told(found, path, what, says, self._found(path)) if found else self._unseen(path, what, says)

    def _told(self, found: Came, path: bytes, what: What, says: str, findings: tuple[str, ...]) -> Story:
        decided = found.decided
        return Story(
            path=shown(path),
            what=what,
            says=says,
            seen=Seen.CALLS,
            sentence=sentence(found, self._step(decided.step)),
            step=decided.step,
            step_words=self._step(decided.step),
            request=request_words(decided.served) if decided.served is not None else "",
            unique=decided.served.request.unique if decided.served is not None else 0,
            read=tuple(map(call_line, found.read)),
            refused=tuple(map(call_line, found.refused)),
            made=tuple(map(call_line, found.made[-_MADE:])),
            findings=findings,
        )

    def _by_steps(self, marker: Marker, says: str) -> Story:
        """The kernel makes no system calls: what is seen is after which step the marker was there, and what that step asked for."""
        first = self._since(marker)
        asked = [one for one in self._asked if one.step == first] if first is not None else self._asked_of(marker)
        if not asked and first is None:
            return self._unseen(marker.at, What.MARKER, says)
        step = first if first is not None else asked[-1].step
        calls = tuple(map(call_line, asked))
        if first is not None:
            told = f"There after {self._step(step)}, and not before; made inside the kernel"
            told += f", asked by {calls[-1]}" if calls else ""
        else:
            told = f"Made by no call of a daemon; the last step that asked for a change there: {self._step(step)}"
        return Story(
            path=shown(marker.at),
            what=What.MARKER,
            says=says,
            seen=Seen.STEPS if first is not None else Seen.NAMES,
            sentence=f"{told}.",
            step=step,
            step_words=self._step(step),
            made=calls,
            findings=self._of_mark(marker),
        )

    def _since(self, marker: Marker) -> int | None:
        """The step after which it was there, and from then on after each."""
        since = None
        for step, markers in reversed(self._after):
            if marker not in markers:
                break
            since = step
        return since

    def _asked_of(self, marker: Marker) -> list[Done]:
        """The last changes that steps asked for of what a marker speaks of."""
        merged = below(b"merged", marker.path)
        if self._served:  # a daemon was there, and its calls should have been seen
            return []
        return [one for one in self._asked if merged in one.paths][-1:]

    def _unseen(self, path: bytes, what: What, says: str) -> Story:
        seen, told = Seen.NOT, "No call was seen that made it."
        if not self._served:
            seen, told = Seen.NAMES, "Made inside the kernel: no daemon served this tree."
        return Story(shown(path), what, says, seen, told, findings=self._found(path))

    def _step(self, index: int | None) -> str:
        return f"step {index + 1}, {bare(step_words(self._steps[index]))}" if index is not None else ""

    def _of_mark(self, marker: Marker) -> tuple[str, ...]:
        """What is found of a mark: a finding names the entry, or what it deletes."""
        deleted = self._found(marker.path) if marker.says is Says.GONE and marker.path != marker.at else ()
        return tuple(dict.fromkeys((*self._found(marker.at), *deleted)))

    def _found(self, path: bytes) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_named(one) for one in self._findings if one.path == shown(path)))


# Phases of a script after it has taken the upper: what is done there made nothing of what lies in it.
_AFTER = frozenset({"upper", "mount again", "remount-view", "last unmount", "end"})


def _says(marker: Marker) -> str:
    row = ENCODINGS[marker.encoding]
    path = shown(marker.path)
    if marker.says is Says.GONE:
        return f"{row.noun}: {path} is deleted"
    return (
        f"{row.looks_like}: {path} is opaque"
        if marker.says is Says.OPAQUE
        else f"{row.looks_like}: {path} holds whiteouts"
    )


def _named(finding: Finding) -> str:
    return f"{finding.code} ({finding.known.defect})" if finding.known else finding.code


def about(told: Sequence[Story], path: str) -> Iterator[Story]:
    """The stories of a path, as people write it: of the entry, or of what lies below it."""
    wanted = path.strip("/")
    for one in told:
        here = one.path.strip("/")
        if not wanted or here == wanted or here.startswith(wanted + "/"):
            yield one
