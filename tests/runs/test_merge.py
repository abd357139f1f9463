"""Runs put together: what is missing, doubled, or does not fit is said; what fits is one run."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.errors import BrokenMachinery, UsageError
from harness.judge.findings import Outcome
from harness.report.html import render
from harness.runs.merge import merge
from harness.runs.planfile import PLAN
from harness.runs.results import read_results, write_results
from tests.factory import PARTED, make_part


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
