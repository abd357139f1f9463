"""Where the runs lie that a run was put together of."""

from __future__ import annotations

from pathlib import Path

PARTS = "parts"


def runs_of(folder: Path) -> list[Path]:
    """A run, and those that it was put together of."""
    return [folder, *sorted((folder / PARTS).glob("*"))]
