"""The JSON schema of scenario files, generated from the model, with what an editor shows of each key."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from harness.scenario.model import Scenario

# A key by its name, and where it means something else in one table, by "Table.name". The examples are TOML.
DESCRIPTIONS = {
    "Scenario.schema": "the version of this format: 1",
    "Scenario.title": "what is done, in a few words",
    "Scenario.guards": "one sentence: the behaviour that this scenario guards",
    "Scenario.steps": "what is done on the mounted tree, in this order; done on a plain directory it says what must come of it",
    "Scenario.links": "where one can read about it: an issue, a commit, a page",
    "Scenario.layers": "the lower layers, the lowest first: a table of paths each",
    "Scenario.upper": "what lies in the upper directory before the first mount",
    "Scenario.below": "the file system that the upper and work directories lie on",
    "Scenario.stack": "nested: the layers are mounted first, and that mount is the only lower directory",
    "Scenario.env": "environment variables of the tool",
    "Scenario.options": 'mount options added to those of a driver: { fuse-overlayfs = "squash_to_root" }',
    "Scenario.on": "the drivers or tools that this scenario is for; left out: all",
    "Scenario.also": "tools that run only the scenarios which name them, and this one too",
    "Scenario.profiles": "with whose privilege it runs; left out: both",
    "Scenario.handover": "who goes on with an image after the last writable run",
    "Scenario.refuses": 'tools that must refuse to mount this stack: ["kernel<5.11"]',
    "Scenario.faults": "what is tried in a daemon, in runs of their own, and every night: see whiteout-lab faults --help",
    "FaultAt.fault": "killed before the call, or the error that it gives: EIO, EMFILE, ENOSPC",
    "FaultAt.at": "a shell pattern of the call, as why and faults --verbose show it: 'renameat*(upper, *'",
    "FaultAt.time": "at the n-th call that fits, from 1; 0: at each, in a run each",
    "Scenario.repeat": "how often each cell is run, where one run may differ from the next",
    "Below.fs": "its type; host: that of the work folder; same: another mount of the tool under test",
    "Below.features": 'of ext4: features as mke2fs -O takes them, such as "^filetype"',
    "Handover.profile": "another privilege goes on",
    "Handover.mode": "the other mode of SingularityCE goes on",
    "FailsBy.root": "what it must come to as root",
    "FailsBy.user": "what it must come to as an ordinary user",
    "Node.text": "a regular file with this text; with whiteout = \"xattr\" a file that only looks like a whiteout",
    "Node.symlink": "a symbolic link to this target",
    "Node.link": "a further name (hard link) of a path of this layer",
    "Node.char": "a character device: [major, minor]",
    "Node.block": "a block device: [major, minor]",
    "Node.fifo": "a FIFO",
    "Node.literal": "a user's own file whose name begins with .wh.: it deletes nothing",
    "Node.whiteout": "the name is deleted: in which encoding the layer says so",
    "Node.opaque": "of a directory: it hides what lies below it; in which encodings the layer says so",
    "Node.mode": 'permission bits as an octal string: "0755"',
    "Node.owner": "numeric owner and group: [0, 0]",
    "Node.xattrs": 'extended attributes: { "user.colour" = "red" }',
    "do": "the step",
    "fails": "what it must come to on the plain directory: fail, not fail, or whatever comes of it; by profile where that differs",
    "path": "the path that it is done to, relative to the root of the tree",
    "to": "the second path: the new name",
    "mode": 'permission bits as an octal string: "0755"',
    "Write.text": "the content; \\xNN, \\n, \\t and \\\\ are escapes",
    "Write.append": "at the end of the file, and not instead of what it holds",
    "Symlink.target": "what the link says: any text",
    "Chown.owner": "numeric owner and group: [0, 0]",
    "Truncate.size": "the new size in bytes",
    "Mknod.device": "[major, minor]",
    "name": "the name of the extended attribute, with its namespace: user.colour",
    "Setxattr.value": "its value; \\xNN is an escape",
}  # fmt: skip


def described(table: str, key: str) -> str:
    """What an editor shows of a key; empty where nobody wrote it down."""
    return DESCRIPTIONS.get(f"{table}.{key}", "") or DESCRIPTIONS.get(key, "")


def schema() -> dict[str, Any]:
    """The schema as a JSON object (draft 2020-12). ``name`` is left out: the file's name says it."""
    whole = msgspec.json.schema(Scenario)
    whole["$defs"]["Scenario"]["properties"].pop("name")
    for table, model in whole["$defs"].items():
        for key, rule in model.get("properties", {}).items():
            if words := described(table, key):
                rule["description"] = words
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Whiteout Lab scenario",
        **whole,
    }


def schema_text() -> str:
    """The published file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
