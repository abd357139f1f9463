"""For whom a layer is sealed: the one encoding in which it says each deletion and each opaque mark. A new target is one row."""

from __future__ import annotations

from dataclasses import dataclass

from harness.whiteouts.encodings import Encoding


@dataclass(frozen=True)
class Target:
    """``deletion``: how a deleted name is marked; ``opaque``: how a directory that hides what lies below it is, in each of these ways.

    ``says``: for people. ``opaque_root``: whether its readers honour a mark on the layer's own root. ``name_by_name``: whether a directory
    that hides what lies below it says so by a whiteout of each name, where these are known: the specification prefers that (layer.md), and
    some importers know nothing else.
    """

    name: str
    deletion: Encoding
    opaque: tuple[Encoding, ...]
    says: str
    opaque_root: bool
    name_by_name: bool = False

    @property
    def marks_by_name(self) -> bool:
        """Whether a name that begins with ``.wh.`` marks something to its readers: then no user's file can be called so."""
        return self.deletion is Encoding.FILE or Encoding.OPAQUE_FILE in self.opaque or self.name == "all"


E = Encoding
TARGETS: dict[str, Target] = {
    one.name: one
    for one in (
        Target("oci", E.FILE, (E.OPAQUE_FILE,), "an OCI image layer: every importer", opaque_root=True, name_by_name=True),
        Target("kernel", E.DEVICE, (E.OPAQUE_TRUSTED,), "the kernel's overlay as root", opaque_root=False),
        Target("userxattr", E.DEVICE, (E.OPAQUE_USER,), "the kernel's overlay with userxattr", opaque_root=False),
        Target("fuse", E.FILE, (E.OPAQUE_FILE,), "fuse-overlayfs, as root and as a user", opaque_root=True),
        Target(
            "all", E.DEVICE, (E.OPAQUE_TRUSTED, E.OPAQUE_USER, E.OPAQUE_FUSE),
            "every overlay, of the kernel and fuse-overlayfs, whoever mounts it", opaque_root=False,
        ),
    )
}  # fmt: skip
