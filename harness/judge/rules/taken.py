"""WL305 of an importer that was given layers by themselves: its tree beside the one that they mean. Pure.

In a cell the tree comes from an export, which carries neither owners nor xattrs (``harness.judge.rules.layer``); who is given layers shows
the tree that it made itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from harness.judge.facts.layer import AgainstTheSpec, Misread, ReachedOutside
from harness.judge.findings import Finding
from harness.judge.rules import words
from harness.judge.rules.evidence import shown
from harness.judge.rules.rule import Hit, Rule
from harness.judge.rules.trees import otherwise
from harness.places import PlaceName
from harness.snapshot.model import Entry, Kind, Snapshot


@dataclass(frozen=True)
class TakenEvidence:
    """A tree that an importer made. ``owners``: whether they are evidence.

    ``unsaid``: directories that no member of a layer made, of which nobody says mode, owner and xattrs. ``invalid``: whether the layers
    must be refused, and so no tree is right. ``touched``: what was changed outside of the tree.
    """

    tree: Snapshot
    meant: Snapshot
    place: PlaceName
    owners: bool = True
    unsaid: frozenset[bytes] = frozenset()
    invalid: bool = False
    touched: str = ""


def taken_otherwise(evidence: TakenEvidence) -> Iterator[Hit[Misread]]:
    """WL305."""
    if evidence.invalid:
        return
    for path, taken, differences in otherwise(
        evidence.tree, evidence.meant, lambda wanted, seen: _compared(evidence, seen, wanted)
    ):
        yield Hit(shown(path), evidence.place, Misread(taken=taken, differences=differences))


def _compared(evidence: TakenEvidence, seen: Entry, wanted: Entry) -> Entry:
    if seen.kind is Kind.UNKNOWN and not evidence.owners and not wanted.mode & 0o400:
        return wanted  # the user who looks may not open it
    if seen.path in evidence.unsaid and seen.kind is wanted.kind:
        return replace(seen, mode=wanted.mode, uid=wanted.uid, gid=wanted.gid, xattrs=wanted.xattrs)
    return seen if evidence.owners else replace(seen, uid=wanted.uid, gid=wanted.gid)


def against_the_spec(evidence: TakenEvidence) -> Iterator[Hit[AgainstTheSpec]]:
    """WL309: opencontainers/image-spec, layer.md, "Whiteouts": a .wh. file without a base name is invalid."""
    if evidence.invalid:
        yield Hit("/", evidence.place, AgainstTheSpec(entries=len(evidence.tree.entries) - 1))


def reached_outside(evidence: TakenEvidence) -> Iterator[Hit[ReachedOutside]]:
    """WL310."""
    if evidence.touched:
        yield Hit("/", evidence.place, ReachedOutside(changed=evidence.touched))


RULES: tuple[Rule[TakenEvidence, Any], ...] = (
    Rule(
        "WL305", frozenset(), taken_otherwise, words.misread,
        ("makes another tree than layers mean at {}", "make another tree than layers mean at {}"),
    ),
    Rule(
        "WL309", frozenset(), against_the_spec, words.against_the_spec,
        ("takes a layer that is invalid", "take a layer that is invalid"),
    ),
    Rule(
        "WL310", frozenset(), reached_outside, words.reached_outside,
        ("changes what lies outside of its tree", "change what lies outside of their trees"),
    ),
)  # fmt: skip


def taken_findings(evidence: TakenEvidence) -> list[Finding]:
    """What is wrong with the tree that an importer made."""
    return [finding for rule in RULES for finding in rule(evidence)]
