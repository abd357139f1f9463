"""The named points at which trees are taken."""

from __future__ import annotations

from enum import StrEnum


class Station(StrEnum):
    """The named points at which trees are taken."""

    VIEW = "view"  # the merged tree before unmounting
    UPPER = "upper"  # what lies in the upper after unmounting
    REMOUNT = "remount"  # the merged tree after mounting again with the same tool
    READONLY = "readonly"  # the tree that a read-only run of the same overlay shows
    SEALED = "sealed"  # the layer that sealing made of the upper
    SEALED_VIEW = "sealed-view"  # the tree that a run of the sealed image shows
    PUSHED = "pushed"  # the layer that the registry got
    IMPORTED = "imported"  # the tree that an importer made of it
    STEPS = "steps"  # not a tree: the exit status of each step
    ORACLE = "oracle"  # the plain directory
