"""Completion: bash itself is asked what it would offer."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import pytest

from harness.cli.completion import shell_text
from harness.cli.main import COMMANDS, main, parser
from harness.judge.codes import CODES
from harness.machine.process import run

_ASK = """\
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_whiteout_lab
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bash") / "completion"
    path.write_text(shell_text(parser(), "bash"))
    return path


def offered(functions: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    argv: list[str | Path] = ["bash", "-c", _ASK, "bash", functions, "whiteout-lab", *words]
    done = run(argv, cwd=functions.parent, env=dict(os.environ))
    assert done.ok, done
    assert done.err == ""
    return done.out.split("\n")[:-1] if done.out.strip() else []


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["ex"], ["explain"]),
        (["explain", "WL20"], [code for code in CODES if code.startswith("WL20")]),
        (["explain", "resur"], ["resurrected"]),
        (["run", "ghost-marker-re"], ["ghost-marker-remade"]),
        (["run", "ghost-marker", "--prof"], ["--profile"]),
        (["run", "--profile", ""], ["root", "user"]),
        (["run", "--keep", "f"], ["failed"]),
        (["run", "--tool", "fuse-overlayfs"], ["fuse-overlayfs", "fuse-overlayfs+stack"]),
        (["explain", "fuse-overlayfs-30"], ["fuse-overlayfs-306"]),
        (["schema", "d"], ["defect"]),
        (["run", "--jobs", ""], []),
        (["worlds", ""], ["list", "build", "prune", "-h", "--help"]),
        (["worlds", "build", "trix"], ["trixie"]),
        (["worlds", "prune", "--a"], ["--all"]),
        (["completion", ""], ["bash", "zsh", "-h", "--help"]),
        (["nonsense", "ex"], ["explain"]),
    ],
)
def test_what_is_offered(words: list[str], offers: list[str], functions: Path) -> None:
    assert offered(functions, *words) == offers


def test_every_command_and_every_option_of_it_is_offered(functions: Path) -> None:
    assert set(COMMANDS) <= set(offered(functions, ""))
    commands = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    for name in COMMANDS:
        options = {option for action in commands[name]._actions for option in action.option_strings}
        assert options <= set(offered(functions, name, "-")), name


def test_files_are_offered_where_a_path_may_stand(functions: Path) -> None:
    assert functions.name in offered(functions, "inspect", "comp")
    assert functions.name in offered(functions, "report", "--output", "comp")
    assert functions.name in offered(functions, "run", "comp")
    assert functions.name not in offered(functions, "explain", "comp")


def test_a_scenario_of_any_name_breaks_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = ["it's", "$(touch ran)", "a b", "`touch ran`", "esc\x1b[31m", "@files-not"]
    monkeypatch.setattr("harness.cli.completion.scenario_files", lambda _words: [Path(f"{name}.toml") for name in odd])
    path = tmp_path / "completion"
    path.write_text(shell_text(parser(), "bash"))
    assert offered(path, "run", "it") == ["it's"]
    assert offered(path, "run", "a") == ["a b"]
    assert offered(path, "run", "$") == ["$(touch ran)"]
    assert [one.name for one in tmp_path.iterdir()] == ["completion"]
    assert "\x1b" not in path.read_text()


def test_both_shells_can_read_what_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for shell in ("bash", "zsh"):
        assert main(["completion", shell]) == 0
        text = capsys.readouterr().out
        assert f"whiteout-lab completion {shell}" in text.splitlines()[0]
        (tmp_path / shell).write_text(text)
        if shutil.which(shell):
            assert run([shell, "-n", tmp_path / shell]).ok
    assert main(["completion", "fish"]) == 2
