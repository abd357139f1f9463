"""The facts of WL3..: layers and images, and who took them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from harness.judge.facts.base import Differing, FactsBase, lasts, passing
from harness.whiteouts.encodings import Encoding, Says


class Duplicate(FactsBase, frozen=True, kw_only=True, tag="duplicate-path"):
    """WL301."""

    code: ClassVar[str] = "WL301"
    times: Annotated[int, passing("how often the path stands in the layer")]
    kinds: Annotated[tuple[str, ...], lasts("the types of the entries in their order, the first six of them")]


class Fate(StrEnum):
    """What a layer made of a statement."""

    LOST = "lost"  # it says nothing of it
    UNREAD = "unread"  # it says so in a way that its readers do not honour
    ADDED = "added"  # the upper did not say so


class MarkLost(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="mark-lost"):
    """WL302."""

    code: ClassVar[str] = "WL302"
    layer: Annotated[str, lasts("the form of the layer: squashfs or OCI tar")]
    says: Annotated[Says, lasts("the statement: gone (a name is deleted) or opaque")]
    fate: Annotated[
        Fate, lasts("lost, unread (written in a way that readers of such a layer do not honour), or added by the layer")
    ]
    encodings: Annotated[tuple[Encoding, ...], lasts("of unread: how the layer says it")] = ()


class LinkToMarker(FactsBase, frozen=True, kw_only=True, tag="link-to-marker"):
    """WL303."""

    code: ClassVar[str] = "WL303"
    to: Annotated[str, lasts("the path that the entry is a hard link to")]


class Cause(StrEnum):
    """Why somebody took no image, where no errno says it."""

    DUPLICATE_PATH = "duplicate path"
    LOOP_DEVICE = "loop device"
    OTHER = "other"


class Refused(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """WL304."""

    code: ClassVar[str] = "WL304"
    who: Annotated[str, lasts("who failed: podman pull, overlay seal, push --layer-format tar, a read-only run, …")]
    exit_code: Annotated[int | None, lasts("its exit code")] = None
    signal: Annotated[int | None, lasts("the number of the signal that it died of")] = None
    cause: Annotated[
        str | None,
        lasts("why, as its last words say: duplicate path, loop device, an error as errno names it (EEXIST), or other"),
    ] = None
    last_line: Annotated[
        str | None, lasts("of other: its last line, with … for each path and for each word that has a digit")
    ] = None
    error: Annotated[str | None, passing("the first error that its words say, as errno names it")] = None
    words: Annotated[str, passing("its last words, without digests and times")] = ""


class Taking(StrEnum):
    """What an importer made of an entry."""

    EXTRA = "extra"
    ABSENT = "absent"
    DIFFERS = "differs"


class Misread(Differing, frozen=True, kw_only=True, tag="misread"):
    """WL305."""

    code: ClassVar[str] = "WL305"
    taken: Annotated[Taking, lasts("in the imported image it is extra, absent, or differs")]


class Breach(StrEnum):
    """In what a marker of a tar layer is not as the specification says."""

    DEVICE = "device"  # a device 0:0 deletes nothing
    NAMELESS = "nameless"  # ".wh." alone
    UNKNOWN = "unknown"  # none of the whiteouts that the specification knows
    NOT_EMPTY = "not empty"  # a whiteout is an empty regular file


class NotTheSpec(FactsBase, frozen=True, kw_only=True, tag="not-the-spec"):
    """WL306."""

    code: ClassVar[str] = "WL306"
    breach: Annotated[
        Breach, lasts('device (0:0), nameless (".wh." alone), unknown (to the specification), or not empty')
    ]
    kind: Annotated[str, lasts("the type of the entry")]
    size: Annotated[int, passing("its size in bytes")]


OPAQUE_XATTR = "trusted.overlay.opaque"  # a form that is no entry, but a mark on one


class WhenConverted(FactsBase, frozen=True, kw_only=True, tag="duplicate-when-converted"):
    """WL307."""

    code: ClassVar[str] = "WL307"
    forms: Annotated[tuple[str, ...], lasts("what becomes the same path: device, file, …, trusted.overlay.opaque")]
    sources: Annotated[tuple[str, ...], lasts("where each of them stands, in the same order")]


class AgainstTheSpec(FactsBase, frozen=True, kw_only=True, tag="taken-against-the-spec"):
    """WL309."""

    code: ClassVar[str] = "WL309"
    entries: Annotated[int, passing("how many entries the tree has that was made of it")]


class ReachedOutside(FactsBase, frozen=True, kw_only=True, tag="reached-outside"):
    """WL310."""

    code: ClassVar[str] = "WL310"
    changed: Annotated[str, passing("what was found there, and how it was laid: type, mode, owner, size, links, time")]


class PackedOtherwise(Differing, frozen=True, kw_only=True, tag="packed-otherwise"):
    """WL308."""

    code: ClassVar[str] = "WL308"
    layer: Annotated[str, lasts("the form of the layer: squashfs or OCI tar")]
    taken: Annotated[Taking, lasts("in the tree that the layer makes it is extra, absent, or differs")]
