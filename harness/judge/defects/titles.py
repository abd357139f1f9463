"""The names and titles of defects alone, for who only lists them: no model, no check, no import that takes time."""

from __future__ import annotations

from pathlib import Path

from harness.scenario.toml import raw_file, read_toml


def titles(folder: Path) -> dict[str, str]:
    """The title of each defect file of a folder, by name. Raises ScenarioError for what is no TOML."""
    return {
        path.stem: str(read_toml(raw_file(path), str(path)).get("title", "")) for path in sorted(folder.glob("*.toml"))
    }


def names(folder: Path) -> list[str]:
    """The names alone: no file is read."""
    return sorted(path.stem for path in folder.glob("*.toml"))
