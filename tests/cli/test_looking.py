"""A run tells why: which cells are looked at once more, and what is told where nobody could look."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.cells.plan import Cell
from harness.cli.looking import MOST_NEW, Whose, as_of, chosen
from harness.cli.main import main
from harness.diagnose.told import SCHEMA, Why, read_why
from harness.judge.defects.model import Effect, Named
from harness.judge.findings import Finding
from harness.machine.process import which
from harness.places import UPPER, VIEW
from harness.profile import Profile
from harness.readings.uppers import FOUNDING
from harness.runs.results import CellResult, read_results
from harness.scenario.model import Scenario
from harness.worlds.model import Part, Tool, World
from tests.factory import FakeCell, make_run

TOOL = Tool(
    "fuse-overlayfs", Part("fuse-overlayfs", "1.14", "", "", ""), World("trixie", Path("/nowhere")), origin="world"
)


def both(name: str, tmp_path: Path, *findings: Finding, links: tuple[str, ...] = ()) -> tuple[Cell, CellResult]:
    (made,) = read_results(make_run(tmp_path / name, [FakeCell()])).cells
    cell = Cell(Scenario(1, name, "", (), name=name, links=links), TOOL, Profile.ROOT)
    return cell, replace(made, id=cell.id, findings=findings)


def finding(*, new: bool = False, at: str = UPPER) -> Finding:
    known = None if new else Named("some", Effect.LITTER)
    return Finding("WL101", "a", at, "m", known)  # type: ignore[arg-type]


def test_which_cells_are_asked_about(tmp_path: Path) -> None:
    pairs = {
        "clean": both("clean", tmp_path),
        "known": both("known", tmp_path, finding()),
        "view": both("view", tmp_path, finding(new=True, at=VIEW)),
        "new": both("new", tmp_path, finding(new=True)),
        "founding": both("founding", tmp_path, finding(), links=(FOUNDING,)),
    }
    cells = {cell.id: cell for cell, _ in pairs.values()}

    def names(whose: Whose) -> set[str]:
        return {cell.scenario.name for cell, _ in chosen([one for _, one in pairs.values()], cells, whose)}

    assert names(Whose.NONE) == set()
    assert names(Whose.NEW) == {"new"}
    assert names(Whose.FOUNDING) == {"new", "founding"}
    assert names(Whose.ALL) == {"new", "founding", "known"}
    cell, result = pairs["new"]
    assert len(chosen([result] * (MOST_NEW + 5), {cell.id: cell}, Whose.NEW)) == MOST_NEW


@pytest.mark.real
@pytest.mark.worlds
@pytest.mark.skipif(which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_a_run_tells_why_of_the_founding_case(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["run", "ghost-marker", "delete-thrice", "--tool", "fuse-overlayfs@trixie", "--profile", "user"]
    assert main([*words, "--why", "founding", "--out", str(run)]) == 0
    told = {cell.scenario: read_why(run / cell.folder) for cell in read_results(run).cells if cell.folder}
    assert [name for name, why in told.items() if why is not None] == ["ghost-marker"]
    assert "How the marks came to be" in (run / "report.html").read_text()


@pytest.mark.real
@pytest.mark.worlds
def test_without_strace_it_is_said_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.diagnose.tracer.which", lambda _: None)
    words = ["run", "ghost-marker", "--tool", "fuse-overlayfs@trixie", "--profile", "user", "--why", "founding"]
    assert main([*words, "--jobs", "1", "--out", str(tmp_path / "run")]) == 0
    assert "! nobody looked on: strace is not installed; apt-get install strace" in capsys.readouterr().out


def test_what_does_not_come_back_under_observation_is_said(tmp_path: Path) -> None:
    _, result = both("s", tmp_path, finding(), finding(new=True, at=VIEW))
    (here, _) = result.findings
    seen = Why(SCHEMA, "c", "strace 6.1", found=(here.key,))
    assert as_of(seen, result) == seen
    assert as_of(Why(SCHEMA, "c", "strace 6.1"), result).note == (
        "found before, and not under observation (0 of 1 run): WL101 at a"
    )
