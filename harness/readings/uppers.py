"""What cells wrote, as what readings are given: the upper over the layers of its scenario, and the oracle's tree. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from harness.evidence.recording import Recording
from harness.judge.rules.view import difference
from harness.places import ORACLE, UPPER, PlaceName
from harness.profile import Profile
from harness.readings.given import Given
from harness.scenario.layers import layer
from harness.scenario.model import Scenario
from harness.snapshot.model import EMPTY, Entry, Kind, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.whiteouts.encodings import NOISE_XATTRS
from harness.whiteouts.markers import markers_of
from harness.whiteouts.union import merge

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
    users = recording.tool.kind == "containers" and recording.profile is Profile.USER
    mapped = users or recording.tool.owners == "mapped"  # what is written belongs to whoever ran it
    layers = tuple(tar_of(_moved(tree, mapped=mapped)) for tree in (*below, upper))
    return Given(recording.scenario.name, layers, _moved(oracle, mapped=mapped), (recording.id,))


def marked_before(scenario: Scenario) -> bool:
    """Whether its layers, or its upper before the first step, have marks: then what differs need not be the writer's."""
    trees = (*scenario.layers, scenario.upper)
    return any(markers_of(entry) for tree in trees for entry in layer(tree, Profile.ROOT))


def says_what_is_meant(given: Given) -> bool:
    """Whether the layers, every mark honoured, give the tree that is meant: else its writer is wrong, and no reader can be right."""
    made = merge(given.trees)
    return made.entries.keys() == given.meant.entries.keys() and not any(
        difference(entry, made.entries[entry.path]) for entry in given.meant if entry.path
    )


def closed(given: Given) -> bool:
    """Whether the last layer has what an ordinary user cannot copy: what its owner may not read, and a device, but for a whiteout."""
    return any(
        entry.mode & wanted != wanted
        or entry.kind is Kind.BLOCK
        or (entry.kind is Kind.CHAR and not entry.is_whiteout_device)
        for entry in given.trees[-1]
        for wanted in [{Kind.DIR: 0o500, Kind.FILE: 0o400}.get(entry.kind, 0)]
    )


def laid_by(given: Given) -> Profile:
    """Who can lay the layers out: what an ordinary user may not make or set, root must."""
    for tree in given.trees:
        for entry in tree:
            trusted = any(name.startswith((b"trusted.", b"security.")) for name in entry.xattrs)
            if trusted or (entry.uid, entry.gid) != (0, 0) or entry.device not in {None, (0, 0)}:
                return Profile.ROOT
    return Profile.USER


def _unpackable(entry: Entry) -> bool:
    """No archive holds it, or it is not put back as it was: an ACL."""
    return entry.kind in {Kind.UNKNOWN, Kind.SOCKET} or any(name.startswith(b"system.") for name in entry.xattrs)


def _moved(tree: Snapshot, *, mapped: bool) -> Snapshot:
    """A tree as it is given to others, on another file system. *mapped*: its owners are no evidence."""
    moved = (_elsewhere(entry) for entry in tree)
    owned = (msgspec.structs.replace(entry, uid=0, gid=0) if mapped else entry for entry in moved)
    return Snapshot.of(owned, unseen=tree.unseen)


def _elsewhere(entry: Entry) -> Entry:
    """Without what holds on the file system alone that it was written on (handles of inodes, and its name).

    A snapshot holds short content alone: in place of another stands its digest, in every tree alike.
    """
    if not NOISE_XATTRS.isdisjoint(entry.xattrs):
        xattrs = {name: value for name, value in entry.xattrs.items() if name not in NOISE_XATTRS}
        entry = msgspec.structs.replace(entry, xattrs=xattrs)
    if entry.kind is not Kind.FILE or entry.text is not None:
        return entry
    text = entry.digest.encode()
    return msgspec.structs.replace(entry, text=text, size=len(text), digest=hashlib.sha256(text).hexdigest())
