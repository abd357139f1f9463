"""The facts of WL1..: what lies in an upper. An encoding is named by its short name, as in ``harness.whiteouts.encodings``."""

from __future__ import annotations

from typing import Annotated, ClassVar

from harness.judge.facts.base import FactsBase, lasts, passing
from harness.whiteouts.encodings import Encoding, Says

_ENCODING = lasts("how the whiteout is written: device, file, xattr-trusted, xattr-user")
_DELETES = lasts("the path that the whiteout says is gone")
_SAYS = lasts("what the marks say: gone (a name is deleted) or opaque (a directory hides what lies below)")


class MarkerOfAMarker(FactsBase, frozen=True, kw_only=True, tag="marker-of-a-marker"):
    """WL101."""

    code: ClassVar[str] = "WL101"
    encoding: Annotated[Encoding, _ENCODING]
    name: Annotated[str, lasts("the name that the whiteout deletes, and that is a marker's own")]


class WhiteoutInOpaque(FactsBase, frozen=True, kw_only=True, tag="whiteout-in-opaque"):
    """WL102."""

    code: ClassVar[str] = "WL102"
    encoding: Annotated[Encoding, _ENCODING]
    deletes: Annotated[str, _DELETES]
    opaque: Annotated[str, lasts("the nearest directory above that is opaque")]


class NeedlessWhiteout(FactsBase, frozen=True, kw_only=True, tag="needless-whiteout"):
    """WL103."""

    code: ClassVar[str] = "WL103"
    encoding: Annotated[Encoding, _ENCODING]
    deletes: Annotated[str, _DELETES]


class NameAndWhiteout(FactsBase, frozen=True, kw_only=True, tag="name-and-whiteout"):
    """WL104."""

    code: ClassVar[str] = "WL104"
    encoding: Annotated[Encoding, _ENCODING]
    deletes: Annotated[str, lasts("the path that is there, and that the whiteout says is gone")]
    kind: Annotated[str, lasts("the type of what is there: dir, file, link, …")]


class MixedEncodings(FactsBase, frozen=True, kw_only=True, tag="mixed-encodings"):
    """WL105."""

    code: ClassVar[str] = "WL105"
    says: Annotated[Says, _SAYS]
    encodings: Annotated[tuple[Encoding, ...], lasts("how they are written, all of them")]


class NeedlessOpaque(FactsBase, frozen=True, kw_only=True, tag="needless-opaque"):
    """WL106."""

    code: ClassVar[str] = "WL106"
    encodings: Annotated[
        tuple[Encoding, ...], lasts("how the mark is written: opaque-trusted, opaque-user, opaque-fuse, opaque-file")
    ]


class UnportableXattr(FactsBase, frozen=True, kw_only=True, omit_defaults=True, tag="unportable-xattr"):
    """WL107."""

    code: ClassVar[str] = "WL107"
    xattrs: Annotated[tuple[str, ...], lasts("the names of the private xattrs")]
    to: Annotated[str | None, lasts("where a redirect leads to")] = None
    in_layer: Annotated[bool, lasts("whether it stands in an OCI layer, and not in an upper")] = False


class UnreadableMark(FactsBase, frozen=True, kw_only=True, tag="unreadable-mark"):
    """WL108."""

    code: ClassVar[str] = "WL108"
    reader: Annotated[str, lasts("who does not honour the mark: kernel overlay (root), fuse-overlayfs (user), …")]
    says: Annotated[Says, _SAYS]
    encodings: Annotated[tuple[Encoding, ...], lasts("how the mark is written, in every way that it is")]
    shows: Annotated[tuple[str, ...], passing("the first three paths that come back")]
    count: Annotated[int, passing("how many come back")]
