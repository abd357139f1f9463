"""WL305 of an importer that was given layers by themselves: its tree beside the one that they mean. Pure.

In a cell the tree comes from an export, which carries neither owners nor xattrs (``harness.judge.rules.layer``); who is given layers shows
the tree that it made itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from harness.judge.facts.layer import Misread, Taking
from harness.judge.findings import Finding
from harness.judge.rules import words
from harness.judge.rules.evidence import shown
from harness.judge.rules.rule import Hit, Rule
from harness.judge.rules.view import difference, topmost
from harness.places import PlaceName
from harness.snapshot.model import Entry, Snapshot


@dataclass(frozen=True)
class TakenEvidence:
    """A tree that an importer made. ``owners``: whether they are evidence.

    ``unsaid``: directories that no member of a layer made, of which nobody says mode, owner and xattrs.
    """

    tree: Snapshot
    meant: Snapshot
    place: PlaceName
    owners: bool = True
    unsaid: frozenset[bytes] = frozenset()


def taken_otherwise(evidence: TakenEvidence) -> Iterator[Hit[Misread]]:
    """WL305."""
    tree, meant = evidence.tree, evidence.meant
    extra = topmost(path for path in tree.entries if path not in meant)
    absent = topmost(path for path in meant.entries if path not in tree)
    for paths, taken in ((extra, Taking.EXTRA), (absent, Taking.ABSENT)):
        for path in paths:
            yield Hit(shown(path), evidence.place, Misread(taken=taken))
    for entry in meant:
        other = tree.get(entry.path)
        # the root of an image is its container's as well: several importers make it anew
        if entry.path and other is not None:
            differences = difference(entry, _compared(evidence, other, entry))
            if differences:
                yield Hit(shown(entry.path), evidence.place, Misread(taken=Taking.DIFFERS, differences=differences))


def _compared(evidence: TakenEvidence, seen: Entry, wanted: Entry) -> Entry:
    if seen.path in evidence.unsaid and seen.kind is wanted.kind:
        return replace(seen, mode=wanted.mode, uid=wanted.uid, gid=wanted.gid, xattrs=wanted.xattrs)
    return seen if evidence.owners else replace(seen, uid=wanted.uid, gid=wanted.gid)


_RULE: Rule[TakenEvidence, Any] = Rule(
    "WL305", frozenset(), taken_otherwise, words.misread,
    ("makes another tree than layers mean at {}", "make another tree than layers mean at {}"),
)  # fmt: skip


def taken_findings(evidence: TakenEvidence) -> list[Finding]:
    """What is wrong with the tree that an importer made."""
    return list(_RULE(evidence))
