"""Defects made of a few words: what a test says to be known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.judge.defects.model import Defect, Effect, Fact, Named, Sign, named
from harness.places import PlaceName
from harness.profile import Profile

EVERYWHERE = ("case", "ghost-marker", "named", "other", "one", "two")  # the scenarios of tests


def known(
    code: str | tuple[str, ...],
    reason: str = "the cause of it",
    link: str = "",
    *,
    program: str = "fuse-overlayfs",
    versions: tuple[str, ...] = ("any",),
    witnesses: tuple[str, ...] = EVERYWHERE,
    facts: Mapping[str, Fact] | None = None,
    profiles: tuple[str, ...] = (),
    places: tuple[PlaceName, ...] = (),
    **sign: Any,
) -> Defect:
    """A defect with one sign. Its name is made of all that is said of it."""
    codes = (code,) if isinstance(code, str) else code
    name = "-".join([program, *codes, *versions, reason]).lower().replace(" ", "-")
    return Defect(
        1, f"{reason}, in words", program, versions, Effect.VIEW, reason,
        (Sign(codes, profiles=tuple(map(Profile, profiles)), places=places, facts=dict(facts or {}), **sign),),
        witnesses, "do otherwise", links=(link,) if link else (), name=name,
    )  # fmt: skip


def said(*defects: Defect) -> tuple[Named, ...]:
    """What findings say of defects."""
    return tuple(named(one) for one in defects)
