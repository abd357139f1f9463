"""The encodings of a deletion and of an opaque mark: a row for each.

Source: the overlay documentation of the kernel ("whiteouts and opaque directories"), the OCI image specification
(layer.md, "Whiteouts"), fuse-overlayfs's documentation, and recordings of all of them. A new encoding is one row here and,
where it is not an xattr, a line in ``harness.whiteouts.markers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

WH = b".wh."
OPAQUE_NAME = b".wh..wh..opq"
AUFS_OWN = (b".wh..wh.aufs", b".wh..wh.orph", b".wh..wh.plnk")


class Says(StrEnum):
    """What a marker states."""

    GONE = "gone"  # this name does not exist, whatever lies below
    OPAQUE = "opaque"  # nothing of this directory shows through from below
    HOLDS = "holds"  # this directory holds xattr whiteouts (overlay.opaque=x)


class Encoding(StrEnum):
    """How a marker is written. The value is the short name that files and messages use."""

    DEVICE = "device"
    XATTR_TRUSTED = "xattr-trusted"
    XATTR_USER = "xattr-user"
    FILE = "file"
    OPAQUE_TRUSTED = "opaque-trusted"
    OPAQUE_USER = "opaque-user"
    OPAQUE_FUSE = "opaque-fuse"
    OPAQUE_FILE = "opaque-file"
    HOLDS_TRUSTED = "holds-trusted"
    HOLDS_USER = "holds-user"


@dataclass(frozen=True)
class Row:
    """What a person must know of an encoding. ``badge`` is the short form that stands in tables; ``entry`` is the entry alone, where
    ``looks_like`` says more of it.
    """

    encoding: Encoding
    says: Says
    badge: str
    looks_like: str
    sentence: str
    written_by: str
    read_by: str
    xattr: bytes = b""
    entry: str = ""

    @property
    def noun(self) -> str:
        """What marks, in a few words: ``a character device 0:0``."""
        return self.entry or self.looks_like


ENCODINGS: dict[Encoding, Row] = {
    row.encoding: row
    for row in (
        Row(
            Encoding.DEVICE, Says.GONE, "c 0:0", "a character device 0:0 with the deleted name",
            "native whiteout: the name is deleted, written as a character device 0:0",
            "kernel overlay, and fuse-overlayfs where mknod works",
            "kernel overlay, fuse-overlayfs, containers/storage, containerd", entry="a character device 0:0",
        ),
        Row(
            Encoding.XATTR_TRUSTED, Says.GONE, "xattr trusted.whiteout",
            "an empty regular file with the xattr trusted.overlay.whiteout, in a directory marked opaque=x",
            "xattr whiteout: the name is deleted, written as an empty file with trusted.overlay.whiteout",
            "layer makers that nest overlays", "kernel 6.7 and later, in lower layers", b"trusted.overlay.whiteout",
            "an empty regular file",
        ),
        Row(
            Encoding.XATTR_USER, Says.GONE, "xattr user.whiteout",
            "an empty regular file with the xattr user.overlay.whiteout, in a directory marked opaque=x",
            "xattr whiteout: the name is deleted, written as an empty file with user.overlay.whiteout",
            "layer makers that nest overlays", "kernel 6.7 and later with userxattr, in lower layers",
            b"user.overlay.whiteout", "an empty regular file",
        ),
        Row(
            Encoding.FILE, Says.GONE, ".wh. file", "a regular file .wh.NAME",
            "AUFS/OCI whiteout: the name is deleted, written as a file .wh.NAME",
            "fuse-overlayfs where mknod fails, every OCI tar layer", "fuse-overlayfs, all OCI importers",
        ),
        Row(
            Encoding.OPAQUE_TRUSTED, Says.OPAQUE, "trusted.overlay.opaque", "trusted.overlay.opaque=y on the directory",
            "native opaque mark: hides everything below the directory, written as trusted.overlay.opaque=y",
            "kernel overlay as root, fuse-overlayfs as root", "kernel overlay as root, fuse-overlayfs",
            b"trusted.overlay.opaque",
        ),
        Row(
            Encoding.OPAQUE_USER, Says.OPAQUE, "user.overlay.opaque", "user.overlay.opaque=y on the directory",
            "unprivileged opaque mark: hides everything below the directory, written as user.overlay.opaque=y",
            "kernel overlay with userxattr, fuse-overlayfs 2", "kernel overlay with userxattr, newer fuse-overlayfs",
            b"user.overlay.opaque",
        ),
        Row(
            Encoding.OPAQUE_FUSE, Says.OPAQUE, "user.fuseoverlayfs.opaque",
            "user.fuseoverlayfs.opaque=y on the directory",
            "fuse-overlayfs's own opaque mark: hides everything below the directory, for fuse-overlayfs alone",
            "fuse-overlayfs 1.x without privilege", "fuse-overlayfs alone", b"user.fuseoverlayfs.opaque",
        ),
        Row(
            Encoding.OPAQUE_FILE, Says.OPAQUE, ".wh..wh..opq", "a file .wh..wh..opq inside the directory",
            "AUFS/OCI opaque mark: hides everything below the directory, written as a file .wh..wh..opq in it",
            "fuse-overlayfs, OCI tar layers", "fuse-overlayfs, all OCI importers; an ordinary file to the kernel",
        ),
        Row(
            Encoding.HOLDS_TRUSTED, Says.HOLDS, "trusted opaque=x", "trusted.overlay.opaque=x on the directory",
            "says that xattr whiteouts lie in the directory; it hides nothing by itself",
            "layer makers that nest overlays", "kernel 6.7 and later", b"trusted.overlay.opaque",
        ),
        Row(
            Encoding.HOLDS_USER, Says.HOLDS, "user opaque=x", "user.overlay.opaque=x on the directory",
            "says that xattr whiteouts lie in the directory; it hides nothing by itself",
            "layer makers that nest overlays", "kernel 6.7 and later with userxattr", b"user.overlay.opaque",
        ),
    )
}  # fmt: skip

# Private xattrs that change what another reader sees (WL107), or that are mere noise.
OVERLAY_PREFIXES = (b"trusted.overlay.", b"user.overlay.")
FUSE_PREFIX = b"user.fuseoverlayfs."
PRIVATE_PREFIXES = (*OVERLAY_PREFIXES, FUSE_PREFIX)
NOISE_XATTRS = frozenset(
    prefix + name for prefix in OVERLAY_PREFIXES for name in (b"uuid", b"origin", b"impure", b"nlink", b"upper")
) | {FUSE_PREFIX + b"origin"}
