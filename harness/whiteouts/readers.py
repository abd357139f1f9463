"""Readers: which encodings each kind of tool honours. Documented rules, not observations: a recording that says otherwise is right.

Sources: the kernel's overlayfs documentation and commits dad02fad84cb, 420332b94119 (xattr whiteouts, lower layers only);
fuse-overlayfs's ``main.c`` and its release notes; the OCI image specification, layer.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.profile import Profile
from harness.whiteouts.encodings import Encoding

E = Encoding


@dataclass(frozen=True)
class Reader:
    """Somebody who merges layers, and the encodings that it honours; a marker in another one is an ordinary entry to it."""

    name: str
    honours: frozenset[Encoding]


EVERYONE = Reader("the oracle", frozenset(E))

KERNEL_ROOT = Reader("kernel overlay (root)", frozenset({E.DEVICE, E.OPAQUE_TRUSTED, E.XATTR_TRUSTED, E.HOLDS_TRUSTED}))
KERNEL_USERXATTR = Reader(
    "kernel overlay (userxattr)", frozenset({E.DEVICE, E.OPAQUE_USER, E.XATTR_USER, E.HOLDS_USER})
)
KERNEL_NOUSERXATTR = Reader("kernel overlay (user namespace, no userxattr)", frozenset({E.DEVICE}))
_FUSE_ANY = {E.DEVICE, E.FILE, E.OPAQUE_USER, E.OPAQUE_FUSE, E.OPAQUE_FILE}
FUSE_ROOT = Reader("fuse-overlayfs (root)", frozenset(_FUSE_ANY | {E.OPAQUE_TRUSTED}))
FUSE_USER = Reader("fuse-overlayfs (user)", frozenset(_FUSE_ANY))
IMPORTER = Reader("an importer of OCI layers", frozenset({E.FILE, E.OPAQUE_FILE}))

# Who may be given an upper directory that was written with a profile, without changing the privilege.
READERS: dict[Profile, tuple[Reader, ...]] = {
    Profile.ROOT: (KERNEL_ROOT, FUSE_ROOT),
    Profile.USER: (KERNEL_USERXATTR, FUSE_USER),
}
