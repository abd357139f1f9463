"""Mutants that are no mistakes: the program does the same, or no test can tell. Each with its reason."""

from __future__ import annotations

EXCUSED: dict[str, str] = {}
