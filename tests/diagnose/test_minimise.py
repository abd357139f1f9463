"""``minimise`` on real tools: the founding case hidden among forty steps comes out as the one that matters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.judge.judged import Judged
from harness.scenario.loader import load
from harness.scenario.model import Scenario
from harness.scenario.steps import Mkdir

pytestmark = [pytest.mark.real, pytest.mark.worlds]

HIDDEN = """\
schema = 1
title = "many things"
guards = "nothing"
steps = [
{steps}
  {{ do = "mkdir", path = "base/deep/more" }},
{more}
]
[[layers]]
"base/deep/k" = "k"
"other/" = {{ mode = "0750" }}
"""


def hidden(tmp_path: Path) -> Path:
    """Forty steps, and one among them that makes a directory."""
    steps = "\n".join(f'  {{ do = "write", path = "f{n}", text = "{n}" }},' for n in range(20))
    more = "\n".join(f'  {{ do = "rename", path = "f{n}", to = "g{n}" }},' for n in range(19))
    path = tmp_path / "hidden.toml"
    path.write_text(HIDDEN.format(steps=steps, more=more))
    return path


def test_the_founding_case_comes_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = f"{hidden(tmp_path)}[fuse-overlayfs-1.14-user]"
    small, script = tmp_path / "small.toml", tmp_path / "small.sh"
    assert main(["minimise", cell, "--finding", "WL101", "-o", str(small), "--script", str(script)]) == 0
    said = capsys.readouterr().err
    scenario = load(small)
    assert len(scenario.steps) == 1
    assert isinstance(scenario.steps[0], Mkdir)
    assert sum(map(len, scenario.layers)) <= 1
    assert "/" not in scenario.steps[0].path
    runs = int(said.splitlines()[-1].partition(" in ")[2].split()[0])
    assert runs <= 60
    assert "it showed in 3 of 3 runs more" in said
    lines = script.read_text().splitlines()
    assert len(lines) <= 20
    assert lines[0] == "#!/bin/sh"
    assert os.access(script, os.X_OK)
    assert "BUG: WL101" in lines[-2]


def test_so_many_runs_and_no_more_keep_the_best_so_far(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small.toml"
    cell = f"{hidden(tmp_path)}[fuse-overlayfs-1.14-user]"
    assert main(["minimise", cell, "--finding", "WL101", "-o", str(small), "--runs", "2"]) == 0
    assert "as many runs as were allowed: 2" in capsys.readouterr().err
    assert len(load(small).steps) < 40


def test_a_finding_that_is_not_there_is_an_error_that_says_which_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["minimise", "ghost-marker[fuse-overlayfs-1.14-user]", "--finding", "WL301"]) == 2
    said = capsys.readouterr().err
    assert "shows no finding 'WL301'" in said
    assert "WL101 upper a/new/.wh..opq" in said
    assert main(["minimise", "ghost-marker[fuse-overlayfs-1.14-user]", "-o", str(tmp_path / "no" / "x.toml")]) == 2


@pytest.mark.parametrize(
    ("cell", "finding"),
    [
        ("recreate-after-rename[fuse-overlayfs-1.10-user]", "WL101"),
        ("restore-by-rename[fuse-overlayfs-1.10-user]", "fuse-overlayfs-306"),
    ],
)
def test_others_are_smaller_and_still_show_it(cell: str, finding: str, tmp_path: Path) -> None:
    script = tmp_path / "s.sh"
    assert main(["minimise", cell, "--finding", finding, "-o", str(tmp_path / "s.toml"), "--script", str(script)]) == 0
    assert script.stat().st_size > 200


def test_interrupted_it_keeps_the_best_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.diagnose.shows import Shows  # noqa: PLC0415

    real, small = Shows.run, tmp_path / "small.toml"

    def some(self: Shows, scenario: Scenario) -> Judged:
        if self.runs == 4:
            raise KeyboardInterrupt
        return real(self, scenario)

    monkeypatch.setattr(Shows, "run", some)
    assert (
        main(["minimise", f"{hidden(tmp_path)}[fuse-overlayfs-1.14-user]", "--finding", "WL101", "-o", str(small)])
        == 130
    )
    assert "interrupted: the best so far" in capsys.readouterr().err
    assert 0 < len(load(small).steps) < 40
