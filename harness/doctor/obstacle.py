"""What stands in the way of a cell on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Obstacle:
    """Why something cannot be done here, and what to do."""

    reason: str
    remedy: str = ""


Obstacles = Mapping[str, Obstacle]  # capability or capability@profile -> why not; what is not named is there
