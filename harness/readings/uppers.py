"""What cells wrote, as what readings are given: the upper over the layers of its scenario, and the oracle's tree. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from harness.evidence.recording import Recording
from harness.places import ORACLE, UPPER, PlaceName
from harness.profile import Profile
from harness.readings.given import Given
from harness.scenario.layers import layer
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.snapshot.tar_write import tar_of

FOUNDING = "https://github.com/sylabs/singularity/issues/3176"


def is_founding(scenario: Scenario) -> bool:
    """Whether a scenario is of the case that this program was founded for."""
    return FOUNDING in scenario.links


def of_cell(recording: Recording, trees: Mapping[PlaceName, Snapshot]) -> Given | None:
    """The upper of a cell; None where there is none, where part of it could not be read, and where nobody knows what it should mean."""
    upper, oracle = trees.get(UPPER), trees.get(ORACLE)
    if upper is None or oracle is None or any(_unpackable(entry) for tree in (upper, oracle) for entry in tree):
        return None
    below = [layer(tree, recording.profile) for tree in recording.scenario.layers] or [EMPTY]
    layers = tuple(tar_of(_with_content(tree)) for tree in (*below, upper))
    return Given(recording.scenario.name, layers, _with_content(oracle), (recording.id,))


def laid_by(given: Given) -> Profile:
    """Who can lay the layers out: what an ordinary user may not make or set, root must."""
    for tree in given.trees:
        for entry in tree:
            trusted = any(name.startswith((b"trusted.", b"security.")) for name in entry.xattrs)
            if trusted or (entry.uid, entry.gid) != (0, 0) or entry.device not in {None, (0, 0)}:
                return Profile.ROOT
    return Profile.USER


def _unpackable(entry: Entry) -> bool:
    return entry.kind in {Kind.UNKNOWN, Kind.SOCKET}


def _with_content(tree: Snapshot) -> Snapshot:
    """A snapshot holds short content alone: in place of another stands its digest, in every tree alike."""
    return Snapshot.of(map(_stand_in, tree), unseen=tree.unseen)


def _stand_in(entry: Entry) -> Entry:
    if entry.kind is not Kind.FILE or entry.text is not None:
        return entry
    text = entry.digest.encode()
    return msgspec.structs.replace(entry, text=text, size=len(text), digest=hashlib.sha256(text).hexdigest())
