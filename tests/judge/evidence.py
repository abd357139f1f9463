"""What a rule sees, made of a few entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from harness.evidence.recording import Recording, Step, ToolRecord
from harness.judge.findings import Finding
from harness.judge.rules.every import RULES
from harness.judge.rules.evidence import Evidence
from harness.places import Station
from harness.profile import Profile
from harness.scenario.model import Scenario, Tree
from harness.scenario.steps import Mkdir
from harness.scenario.steps import Step as Action
from harness.snapshot.model import Entry, Kind, Snapshot


def folder(path: str, **xattrs: str) -> Entry:
    """``folder("d", trusted_overlay_opaque="y")``."""
    named = {key.replace("_", ".").encode(): value.encode() for key, value in xattrs.items()}
    return Entry(path.encode(), Kind.DIR, 0o755, xattrs=named)


def file(path: str, text: str = "", **changes: object) -> Entry:
    fields: dict[str, object] = {"mode": 0o644, "size": len(text), "digest": text, "text": text.encode()} | changes
    return Entry(path.encode(), Kind.FILE, **fields)  # type: ignore[arg-type]


def gone(path: str) -> Entry:
    return Entry(path.encode(), Kind.CHAR, 0, device=(0, 0))


def tree(entries: Iterable[Entry], listed: Iterable[str] | None = None) -> Snapshot:
    return Snapshot.of([folder(""), *entries], listed=None if listed is None else [name.encode() for name in listed])


def evidence(
    *,
    upper: Iterable[Entry] = (),
    layers: tuple[Tree, ...] = (),
    prepared: Tree | None = None,
    view: Snapshot | None = None,
    remount: Snapshot | None = None,
    oracle: Snapshot | None = None,
    steps: tuple[Action, ...] = (Mkdir(path="x"),),
    did: tuple[Step, ...] = (),
    must: tuple[Step, ...] = (),
    profile: Profile = Profile.ROOT,
    timed_out: bool = False,
    exits: tuple[int, ...] = (0,),
) -> Evidence:
    scenario = Scenario(1, "title", "guards", steps, layers=layers, upper=prepared or {}, name="case")
    recording = Recording(
        1, "case[tool-1-root]", scenario, ToolRecord("fuse-overlayfs", "1.14", "fuse-overlayfs"), profile,
        "2026-01-01T00:00:00+00:00", 0.1, 0, timed_out, "steps 1" if timed_out else "end", "", exits, did, must, (), (), {},
    )  # fmt: skip
    given = {Station.UPPER: tree(upper), Station.VIEW: view, Station.REMOUNT: remount, Station.ORACLE: oracle}
    return Evidence(recording, {station: one for station, one in given.items() if one is not None})


Check = Callable[[Any], Iterator[Any]]  # what a rule is called by: how it looks


def findings(check: Check, seen: Evidence) -> list[Finding]:
    """What a rule finds, as its row of the table says it."""
    (row,) = (rule for rule in RULES if rule.check is check)
    return list(row(seen))


def found(check: Check, seen: Evidence) -> list[tuple[str, str]]:
    """Code and path of what a rule finds."""
    return [(finding.code, finding.path) for finding in findings(check, seen)]


def messages(check: Check, seen: Evidence) -> list[str]:
    return [finding.message for finding in findings(check, seen)]


__all__ = ["Finding", "evidence", "file", "findings", "folder", "found", "gone", "messages", "tree"]
