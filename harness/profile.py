"""With whose privilege a stack is mounted."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    """With whose privilege a cell runs."""

    ROOT = "root"
    USER = "user"
