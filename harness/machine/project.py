"""Where this project's own files lie: all that who only lists them needs to import."""

from __future__ import annotations

from pathlib import Path


def project_folder() -> Path:
    """The folder that holds ``scenarios``: this project's, or the current one."""
    here = Path(__file__).resolve().parents[2]
    return here if (here / "scenarios").is_dir() else Path.cwd()
