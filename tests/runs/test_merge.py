"""Runs put together: what is missing, doubled, or does not fit is said; what fits is one run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.cli.main import main
from harness.errors import BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.report.html import render
from harness.runs.merge import merge
from harness.runs.planfile import PLAN, read_plan, rewrite_plan
from harness.runs.results import read_results, write_results
from tests.factory import PART_OF, PARTED, make_part


def ids(names: tuple[str, ...]) -> list[str]:
    return [f"{name}[fuse-overlayfs-1.14-root]" for name in names]


def test_the_parts_of_a_run_are_one_run_with_one_report(tmp_path: Path) -> None:
    parts = [make_part(tmp_path / str(number), (name,), f"{number}/3") for number, name in enumerate(PARTED, 1)]
    merged = merge(parts, tmp_path / "whole")
    assert (merged.missing, merged.doubled, merged.unread) == ((), (), ())
    assert sorted(cell.id for cell in read_results(tmp_path / "whole").cells) == sorted(ids(PARTED))
    assert merged.results.run.parts == ("1", "2", "3")
    html = render([tmp_path / "whole"])
    assert "not whole any more" not in html
    assert all(name in html for name in PARTED)


def test_what_no_part_has_is_missing(tmp_path: Path) -> None:
    parts = [make_part(tmp_path / "1", ("one",), "1/3"), make_part(tmp_path / "3", ("three",), "3/3")]
    assert merge(parts, tmp_path / "whole").missing == tuple(ids(("two",)))


def test_of_a_cell_that_two_have_the_later_is_taken_and_it_is_said(tmp_path: Path) -> None:
    late = make_part(tmp_path / "late", ("one",), "1/3", started="2026-01-03T00:00:00+00:00")
    results = read_results(late)
    write_results(replace(results, cells=(replace(results.cells[0], outcome=Outcome.BROKEN),)), late)
    merged = merge([late, make_part(tmp_path / "early", ("one", "two", "three"), "1/3")], tmp_path / "whole")
    assert merged.doubled == tuple(ids(("one",)))
    assert {cell.scenario: cell.outcome for cell in merged.results.cells}["one"] is Outcome.BROKEN


def test_runs_of_other_scenarios_parts_or_versions_do_not_fit(tmp_path: Path) -> None:
    first = make_part(tmp_path / "1", ("one",), "1/2")
    for number, other in enumerate(
        (make_part(tmp_path / "2", ("two",), "2/3"), make_part(tmp_path / "3", ("two",), "2/2", title="another one"))
    ):
        with pytest.raises(UsageError, match=("parts of different runs", "another scenario")[number]):
            merge([first, other], tmp_path / f"whole{number}")
        assert not (tmp_path / f"whole{number}").exists()
    newer = make_part(tmp_path / "4", ("two",), "2/2")
    results = read_results(newer)
    write_results(replace(results, run=replace(results.run, version="99")), newer)
    with pytest.raises(UsageError, match="merge runs of one version"):
        merge([first, newer], tmp_path / "whole2")


def test_a_part_that_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    good, bad = make_part(tmp_path / "1", ("one",), "1/2"), make_part(tmp_path / "2", ("two",), "2/2")
    plan = (bad / PLAN).read_bytes()
    (bad / PLAN).write_bytes(plan.replace(b'"schema":1', b'"schema":2', 1))
    merged = merge([good, bad], tmp_path / "later")
    assert [error.what for error in merged.unread] == ["has schema 2, and this version reads 1"]
    (bad / PLAN).write_bytes(b"{")
    merged = merge([good, bad], tmp_path / "whole")
    assert [Path(error.where).name for error in merged.unread] == [PLAN]
    assert merged.missing == tuple(sorted(ids(("two", "three"))))
    with pytest.raises(BrokenMachinery):
        merge([bad], tmp_path / "none")
    with pytest.raises(UsageError, match="not empty"):
        merge([good], tmp_path / "whole")


def test_recordings_stay_where_they_are(tmp_path: Path) -> None:
    one = make_part(tmp_path / "1", ("one",), "1/1")
    before = sorted(path.relative_to(one) for path in one.rglob("*"))
    merged = merge([one], tmp_path / "whole")
    assert sorted(path.relative_to(one) for path in one.rglob("*")) == before
    (cell,) = merged.results.cells
    assert (tmp_path / "whole" / cell.folder / "recording.json").exists()


def test_a_clock_that_went_back_loses_nothing(tmp_path: Path) -> None:
    """The parts come in the order of their clocks, whatever these say; one says that it is before all days."""
    starts = ("2026-01-02T03:04:05+00:00", "1970-01-01T00:00:07+00:00", "2026-01-01T00:00:00+00:00")
    parts = [
        make_part(tmp_path / str(number), (name,), f"{number}/3", started=started)
        for number, (name, started) in enumerate(zip(PARTED, starts, strict=True), 1)
    ]
    merged = merge(parts, tmp_path / "whole")
    assert (merged.missing, merged.doubled, merged.unread) == ((), (), ())
    assert sorted(cell.id for cell in merged.results.cells) == sorted(ids(PARTED))
    assert {cell.scenario: Path(tmp_path / "whole" / cell.folder).resolve().parents[1].name for cell in merged.results.cells} == {
        "one": "1", "two": "2", "three": "3",
    }  # fmt: skip
    assert merged.results.run.seconds == 4.5, "of the parts' own clocks, which do not go back"


def test_plans_are_read_alike_whether_their_lists_are_known_or_not(tmp_path: Path) -> None:
    known: dict[tuple[str, bytes], object] = {}
    for name in ("one", "two"):
        path = make_part(tmp_path / name, (name,), "1/2") / PLAN
        assert read_plan(path, known) == read_plan(path)
    assert len(known) == 4, "what is alike is decoded once"


def test_parts_whose_plans_differ_are_each_asked_for_what_is_missing(tmp_path: Path) -> None:
    """Runners have kernels of their own: what one part could not run is no less missing since another part's plan is read first."""
    first, second = make_part(tmp_path / "1", ("one",), "1/2"), make_part(tmp_path / "2", ("two",), "2/2")
    plan = read_plan(second / PLAN)
    other = dataclasses.replace(PART_OF, main=dataclasses.replace(PART_OF.main, version="1.15"))
    rewrite_plan(replace(plan, tools=[other]))
    wanted = {f"{name}[fuse-overlayfs-{version}-root]" for name in PARTED for version in ("1.14", "1.15")}
    assert {*merge([first, second], tmp_path / "whole").missing} == wanted - {*ids(("one", "two"))}


def test_a_damaged_recording_of_a_part_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [make_part(tmp_path / str(number), (name,), f"{number}/3") for number, name in enumerate(PARTED, 1)]
    (tmp_path / "2/cells/0/upper.jsonl").write_bytes(b"cut")
    assert main(["merge", *map(str, parts), "--output", str(tmp_path / "whole")]) == 3
    said = capsys.readouterr().err
    assert "upper.jsonl" in said
    assert "parts/2" in said
    told = {cell.scenario: (cell.outcome, bool(cell.findings)) for cell in read_results(tmp_path / "whole").cells}
    assert told == {"one": (Outcome.FINDING, True), "two": (Outcome.BROKEN, False), "three": (Outcome.FINDING, True)}
