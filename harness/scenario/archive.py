"""The files of ``scenarios/corpus``: layers described as archives, member by member, and what the specification says that they mean.

A scenario's layer is a tree; here order, repeats and the very bytes of names are what a case is about, so a layer is a list. No steps
and no mounts: such a file is no scenario, and no cell runs it. The JSON schema is generated from here.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from harness.profile import Profile
from harness.scenario.layers import layer as tree_of
from harness.scenario.model import Mode, Node, Owner
from harness.snapshot.model import Snapshot

SCHEMA = 1
FOLDER = "corpus"  # the folder beside the scenarios, whose files are none of them

_Device = tuple[int, int]
_ESCAPES = r"\xNN, \n, \t and \\ are escapes"


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One member of an archive. Without a key that says its type it is a regular file, or a directory where its name ends in ``/``."""

    path: Annotated[
        str,
        msgspec.Meta(
            description=f"its name, byte for byte as the archive has it; one that ends in '/' is a directory; {_ESCAPES}"
        ),
    ]
    text: Annotated[str | None, msgspec.Meta(description=f"the content of a regular file; {_ESCAPES}")] = None
    symlink: Annotated[str | None, msgspec.Meta(description="a symbolic link that says this")] = None
    hardlink: Annotated[
        str | None, msgspec.Meta(description="a hard link to this name, byte for byte as the archive has it")
    ] = None
    char: Annotated[_Device | None, msgspec.Meta(description="a character device: [major, minor]")] = None
    block: Annotated[_Device | None, msgspec.Meta(description="a block device: [major, minor]")] = None
    fifo: Annotated[bool, msgspec.Meta(description="a FIFO")] = False
    mode: Annotated[Mode | None, msgspec.Meta(description="permission bits; left out: '0755' or '0644'")] = None
    owner: Annotated[Owner | None, msgspec.Meta(description="left out: [0, 0]")] = None
    xattrs: Annotated[
        dict[str, str], msgspec.Meta(description=f'extended attributes: {{ "user.colour" = "red" }}; {_ESCAPES}')
    ] = {}
    size: Annotated[
        int | None,
        msgspec.Meta(description="of the last member: what its header says of its size in bytes, where that is a lie"),
    ] = None


class ArchiveLayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One layer: its members in the order of the archive, and how the archive writes what has several forms."""

    members: Annotated[
        tuple[str | Member, ...],
        msgspec.Meta(
            description="in the order of the archive; a string alone is the name of an empty file or a directory"
        ),
    ]
    names: Annotated[
        Literal["pax", "gnu", "records"],
        msgspec.Meta(
            description="where a name that no header holds stands: pax, in a PAX record; gnu, in a GNU member before it; "
            "records, every name in a PAX record"
        ),
    ] = "pax"
    xattrs: Annotated[
        Literal["schily", "libarchive"],
        msgspec.Meta(description="which PAX records xattrs are: SCHILY.xattr., or LIBARCHIVE.xattr. (base64)"),
    ] = "schily"
    ends: Annotated[bool, msgspec.Meta(description="whether the two blocks of zeros are there that end an archive")] = (
        True
    )


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of a tree that layers mean. A key that ends in ``/`` is a directory; a plain string is the text of a regular file."""

    text: Annotated[str | None, msgspec.Meta(description=f"a regular file with this text; {_ESCAPES}")] = None
    symlink: Annotated[str | None, msgspec.Meta(description="a symbolic link to this target")] = None
    link: Annotated[str | None, msgspec.Meta(description="a further name (hard link) of a path of this tree")] = None
    char: Annotated[_Device | None, msgspec.Meta(description="a character device: [major, minor]")] = None
    block: Annotated[_Device | None, msgspec.Meta(description="a block device: [major, minor]")] = None
    fifo: Annotated[bool, msgspec.Meta(description="a FIFO")] = False
    mode: Annotated[Mode | None, msgspec.Meta(description="left out: '0755' or '0644'")] = None
    owner: Annotated[Owner | None, msgspec.Meta(description="left out: [0, 0]")] = None
    xattrs: Annotated[dict[str, str], msgspec.Meta(description="extended attributes")] = {}
    unsaid: Annotated[
        bool, msgspec.Meta(description="of a directory that no member made: nothing says its mode and owner")
    ] = False


MeantTree = dict[str, str | Leaf]


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of several readings that the specification leaves open: a tree, or that the image is refused."""

    how: Annotated[str, msgspec.Meta(description="what this reader does, in a few words")]
    tree: Annotated[MeantTree | None, msgspec.Meta(description="the tree that it makes")] = None
    refuses: Annotated[bool, msgspec.Meta(description="it refuses the image")] = False


class LayerCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file. ``name`` is the file's name without ``.toml`` and is no key of it. One of ``meant``, ``refuse`` and ``open`` is said."""

    schema: Annotated[Literal[1], msgspec.Meta(description="the version of this format: 1")]
    title: Annotated[str, msgspec.Meta(description="what the layers are, in a few words")]
    guards: Annotated[str, msgspec.Meta(description="one sentence: the behaviour that this case guards")]
    links: Annotated[
        tuple[str, ...], msgspec.Meta(description="where one can read about it; the specification's sentence")
    ]
    layers: Annotated[tuple[ArchiveLayer, ...], msgspec.Meta(min_length=1, description="the lowest first")]
    meant: Annotated[
        MeantTree | None, msgspec.Meta(description="the one tree that the specification says; '.' is its root")
    ] = None
    refuse: Annotated[str, msgspec.Meta(description="why there is no tree that the image could mean")] = ""
    open: Annotated[
        str, msgspec.Meta(description="why the specification does not say; the readings are in 'allowed'")
    ] = ""
    allowed: Annotated[
        tuple[Allowed, ...], msgspec.Meta(description="where it is open: every reading that breaks no sentence")
    ] = ()
    name: str = ""


def as_member(value: str | Member) -> Member:
    """The member that an element of the list stands for."""
    return Member(value) if isinstance(value, str) else value


def as_leaf(value: str | Leaf) -> Leaf:
    """The entry that a value of the tree stands for."""
    return Leaf(text=value) if isinstance(value, str) else value


def nodes_of(tree: MeantTree) -> dict[str, str | Node]:
    """A tree in the words of a scenario's layer, which says deletions too; a tree that is meant has none."""
    return {
        path: Node(
            text=leaf.text, symlink=leaf.symlink, link=leaf.link, char=leaf.char, block=leaf.block, fifo=leaf.fifo,
            mode=leaf.mode, owner=leaf.owner, xattrs=leaf.xattrs,
        )
        for path, leaf in ((path, as_leaf(value)) for path, value in tree.items())
    }  # fmt: skip


def meant_snapshot(tree: MeantTree) -> Snapshot:
    """A tree of a checked file as a snapshot; directories that are not named are there, with mode 0755."""
    return tree_of(nodes_of(tree), Profile.ROOT)
