"""Readers: which encodings each kind of tool honours. Documented rules, not observations: a recording that says otherwise is right.

Sources: the kernel's overlayfs documentation and commits dad02fad84cb, 420332b94119 (xattr whiteouts, lower layers only);
fuse-overlayfs's ``main.c`` and its release notes; the OCI image specification, layer.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.profile import Profile
from harness.whiteouts.encodings import FUSE_PREFIX, OVERLAY_PREFIXES, PRIVATE_PREFIXES, Encoding

E = Encoding


@dataclass(frozen=True)
class Reader:
    """Somebody who merges layers, and the encodings that it honours; a marker in another one is an ordinary entry to it.

    ``private``: how the names of xattrs begin that it shows to no user. ``opaque_root``: whether a mark on a layer's own root hides the
    layers below: the kernel looks for marks where it looks names up, and nobody looks up the root.
    """

    name: str
    honours: frozenset[Encoding]
    private: tuple[bytes, ...] = PRIVATE_PREFIXES
    opaque_root: bool = True


EVERYONE = Reader("the oracle", frozenset(E))

_TRUSTED = (b"trusted.overlay.",)
KERNEL_ROOT = Reader(
    "kernel overlay (root)",
    frozenset({E.DEVICE, E.OPAQUE_TRUSTED, E.XATTR_TRUSTED, E.HOLDS_TRUSTED}),
    _TRUSTED,
    opaque_root=False,
)
KERNEL_USERXATTR = Reader(
    "kernel overlay (userxattr)",
    frozenset({E.DEVICE, E.OPAQUE_USER, E.XATTR_USER, E.HOLDS_USER}),
    OVERLAY_PREFIXES,  # trusted.* is shown to nobody in a user namespace
    opaque_root=False,
)
KERNEL_NOUSERXATTR = Reader(
    "kernel overlay (user namespace, no userxattr)", frozenset({E.DEVICE}), _TRUSTED, opaque_root=False
)
_FUSE_ANY = {E.DEVICE, E.FILE, E.OPAQUE_USER, E.OPAQUE_FUSE, E.OPAQUE_FILE}
FUSE_ROOT = Reader("fuse-overlayfs (root)", frozenset(_FUSE_ANY | {E.OPAQUE_TRUSTED}))
FUSE_USER = Reader("fuse-overlayfs (user)", frozenset(_FUSE_ANY))
# Before 1.8 fuse-overlayfs knows nothing of user.overlay.* (its NEWS).
_OLD = {E.DEVICE, E.FILE, E.OPAQUE_FUSE, E.OPAQUE_FILE}
FUSE_ROOT_OLD = Reader(
    "fuse-overlayfs before 1.8 (root)", frozenset(_OLD | {E.OPAQUE_TRUSTED}), (*_TRUSTED, FUSE_PREFIX)
)
FUSE_USER_OLD = Reader("fuse-overlayfs before 1.8 (user)", frozenset(_OLD), (*_TRUSTED, FUSE_PREFIX))
IMPORTER = Reader("an importer of OCI layers", frozenset({E.FILE, E.OPAQUE_FILE}))

# Who may be given an upper directory that was written with a profile, without changing the privilege.
READERS: dict[Profile, tuple[Reader, ...]] = {
    Profile.ROOT: (KERNEL_ROOT, FUSE_ROOT),
    Profile.USER: (KERNEL_USERXATTR, FUSE_USER),
}
