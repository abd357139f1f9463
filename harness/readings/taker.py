"""Who is given layers: a tool with one privilege, and what it gets them as. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.drivers import EVERY_SETUP
from harness.drivers.base import Setup
from harness.profile import Profile
from harness.worlds.model import Tool


class Role(StrEnum):
    """What the layer in question is to who gets it."""

    LOWER = "lower"  # mounted below an empty upper
    UPPER = "upper"  # mounted as the upper again
    FOLDER = "folder"  # an upper, to make a layer of
    IMAGE = "image"  # the top layer of an image

    @property
    def words(self) -> str:
        """As people say it, behind who."""
        return _WORDS[self]


_WORDS = {
    Role.LOWER: "as a lower layer",
    Role.UPPER: "as the upper",
    Role.FOLDER: "to make a layer of",
    Role.IMAGE: "as an image",
}
_ROLES = {"mounts": (Role.LOWER, Role.UPPER), "packs": (Role.FOLDER,), "imports": (Role.IMAGE,)}


@dataclass(frozen=True)
class Taker:
    """A tool that is given layers, with whose privilege, and as what."""

    tool: Tool
    profile: Profile
    role: Role

    @property
    def setup(self) -> Setup:
        """The driver of its program, in its setup."""
        return EVERY_SETUP[self.tool.name]

    @property
    def key(self) -> str:
        """``kernel-6.18.44-user-lower``: the same from night to night."""
        return f"{self.tool.key}-{self.profile}-{self.role}"


def takers(tools: Iterable[Tool]) -> list[Taker]:
    """Everybody whom tools are, as root and as a user, in each role that they can have; those who run containers take nothing."""
    return [
        Taker(tool, profile, role)
        for tool in tools
        for profile in EVERY_SETUP[tool.name].profiles
        for role in _ROLES.get(EVERY_SETUP[tool.name].kind, ())
    ]
