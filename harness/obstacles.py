"""What this host cannot run, in the words of the plan."""

from __future__ import annotations

import os

from harness.plan import Obstacle


def obstacles_here() -> dict[str, Obstacle]:
    """Obstacles by capability; empty when everything can run."""
    found: dict[str, Obstacle] = {}
    if os.geteuid() != 0:
        found["root"] = Obstacle("this is not root", "run it as root, or with sudo")
    return found
