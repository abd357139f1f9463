"""A command imports what it needs: whoever asks what a finding means waits for no test runner and no templates."""

from __future__ import annotations

import os
import sys

import pytest

from harness.cli.main import COMMANDS, called, parser
from harness.machine.process import run
from harness.runs.folders import project_folder

HEAVY = ("pytest", "xdist", "jinja2", "sh", "msgspec")
LOOK = f"""
import sys
from harness.cli.main import main
code = main(sys.argv[1:])
print(code, *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def _loaded(*words: str) -> str:
    done = run([sys.executable, "-c", LOOK, *words], cwd=project_folder(), env=dict(os.environ), timeout=60)
    return done.err.splitlines()[-1]


@pytest.mark.parametrize("words", [["explain", "WL101"], ["explain"], ["--help"], ["--version"], ["explain", "--help"]])
def test_explain_and_help_import_nothing_heavy(words: list[str]) -> None:
    assert _loaded(*words) == "0"


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--help"],
        ["script", "--help"],
        ["worlds", "list"],
        ["schema"],
        ["explain", "fuse-overlayfs-306"],
        ["defects"],
    ],
)
def test_what_writes_no_report_and_runs_nothing_needs_no_templates_and_no_pytest(words: list[str]) -> None:
    assert not {"pytest", "xdist", "jinja2"} & set(_loaded(*words).split())


def test_help_names_every_command_whether_it_is_imported_or_not() -> None:
    text = parser(["--help"]).format_help()
    assert parser().format_help() == parser(["run"]).format_help() == text
    assert all(f"\n    {name}" in text for name in COMMANDS)


def test_the_command_is_the_first_word_that_is_no_option() -> None:
    assert called(["--version", "run", "list"]) == "run"
    assert called(["--help"]) == called([]) == ""
