"""Where scenarios, reports and work folders lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import text_path
from harness.machine.cache import cache_folder
from harness.machine.project import project_folder
from harness.scenario.loader import find


def reports_folder() -> Path:
    """``reports`` of the project when it is worked on in its own folder, of the current folder otherwise."""
    return project_folder() / "reports"


def scenario_files(words: Sequence[str]) -> list[Path]:
    """The scenario files that words name; none: all of the project's."""
    return find(words, project_folder() / "scenarios")


def work_parent() -> Path:
    """Where work folders lie: ``$WHITEOUT_LAB_WORK``, or ``work`` in the cache."""
    named = os.environ.get("WHITEOUT_LAB_WORK")
    return text_path(Path(named).absolute()) if named else cache_folder() / "work"


__all__ = ["project_folder", "reports_folder", "scenario_files", "work_parent"]
