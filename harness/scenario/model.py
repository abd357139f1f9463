"""The scenario file: what its keys are and mean. The JSON schema is generated from here."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from harness.scenario.steps import Step

SCHEMA = 1
KILLED = "killed"  # a fault: the daemon is

Mode = Annotated[str, msgspec.Meta(pattern="^[0-7]{3,4}$", description="octal permission bits, as a string: '0755'")]
Owner = Annotated[tuple[int, int], msgspec.Meta(description="numeric owner and group: [0, 0]")]


class Whiteout(StrEnum):
    """Encodings of a deletion that a layer may be given."""

    DEVICE = "device"
    FILE = "file"
    XATTR = "xattr"


class Opaque(StrEnum):
    """Encodings of an opaque mark that a layer may be given.

    ``native`` is what the kernel reads: ``trusted.`` as root, ``user.`` for a user. ``holds`` is ``opaque=x`` in the same
    namespace: the directory holds xattr whiteouts.
    """

    NATIVE = "native"
    TRUSTED = "trusted"
    USER = "user"
    FUSE = "fuse"
    FILE = "file"
    HOLDS = "holds"


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    r"""One entry of a layer. A key that ends in ``/`` is a directory; otherwise one of the keys says the type, or it is an empty file.

    A plain string instead of a table is the text of a regular file. Names and texts may hold escapes: ``\xNN``, ``\n``, ``\t``, ``\\``.
    """

    text: str | None = None
    symlink: str | None = None
    link: str | None = None  # another name (hard link) of a path of this layer
    char: tuple[int, int] | None = None
    block: tuple[int, int] | None = None
    fifo: bool = False
    literal: bool = False  # a user's own file whose name begins with .wh.: it deletes nothing (podman#3582)
    whiteout: Whiteout | None = None  # with xattr, "text" is allowed: a file that is not empty is no whiteout
    opaque: tuple[Opaque, ...] = ()
    mode: Mode | None = None
    owner: Owner | None = None
    xattrs: dict[str, str] = {}


Tree = dict[str, str | Node]


class Below(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The file system that upper and work lie on.

    ``host``: the one of the work folder. ``tmpfs``; ``ramfs`` (no xattrs at all); ``ext4``: an image on a loop device, made
    with ``features`` (mke2fs -O); ``ext3-fuse``: an ext3 image by fuse2fs; ``same``: another mount of the tool under test.
    """

    fs: Literal["host", "tmpfs", "ramfs", "ext4", "ext3-fuse", "same"] = "host"
    features: str = ""


class Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who goes on with an image after the last writable run: reads it, seals it, pushes it. For tools that run containers.

    ``profile``: another privilege; ``mode``: SingularityCE's native mode, or its OCI mode. At least one of them.
    """

    profile: Literal["root", "user"] | None = None
    mode: Literal["native", "oci"] | None = None


class FaultAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault that is tried in a daemon, in runs of their own: see ``faults``. It is no part of an ordinary run.

    ``at``: a shell pattern of the system call as ``why`` shows it; ``time``: at the n-th that fits, from 1; 0: at each, in a run each.
    """

    fault: str
    at: str = "*"
    time: Annotated[int, msgspec.Meta(ge=0, le=10000)] = 0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One scenario file. ``name`` is the file's name without ``.toml`` and is not a key of the file."""

    schema: Literal[1]
    title: str  # what is done, in a few words
    guards: str  # one sentence: the behaviour that this scenario guards
    steps: tuple[Step, ...]
    links: tuple[str, ...] = ()
    layers: tuple[Tree, ...] = ()  # the lowest first
    upper: Tree = {}  # what lies in the upper before the first mount
    below: Below = msgspec.field(default_factory=Below)
    stack: Literal["plain", "nested"] = "plain"  # nested: the layers are mounted first, and that mount is the lower
    env: dict[str, str] = {}  # environment variables of the tool
    options: dict[str, str] = {}  # program -> mount options added to those of its driver
    on: tuple[str, ...] = ()  # tools that this scenario is for; empty: all
    also: tuple[str, ...] = ()  # tools that run only the scenarios which name them (the stack), and this one too
    profiles: tuple[Literal["root", "user"], ...] = ()  # empty: both
    handover: Handover | None = None
    refuses: tuple[str, ...] = ()  # tools (as in known: "fuse-overlayfs>=1.8") that must refuse to mount this stack
    faults: tuple[FaultAt, ...] = ()  # empty: the usual ones, where faults are tried at all
    repeat: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1  # how often a cell is run, where runs may differ
    name: str = ""


def as_node(value: str | Node) -> Node:
    """The node that a tree's value stands for."""
    return Node(text=value) if isinstance(value, str) else value
