"""Past nights: a line each, in their order, and no line that cannot be read costs another one."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import BrokenMachinery, UsageError
from harness.runs import history as module
from harness.runs.history import (
    KEPT,
    History,
    Night,
    Shown,
    State,
    night_of,
    parse,
    read_history,
    remember,
    with_night,
    write_history,
)
from harness.runs.results import Results, read_results
from tests.defects import known
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

FIRST = datetime.datetime(2026, 11, 1, 3, tzinfo=datetime.UTC)


def night(number: int, **other: object) -> Night:
    made = Night(
        run=f"run-{number}", started=FIRST + datetime.timedelta(days=number), kernel="6.18", version="0.1.0", exit=0,
        cells={"passed": 2}, changed={"same": 2}, scenarios={"ghost-marker": State.KNOWN, "named": State.PASSED},
        defects={"fuse-overlayfs-306": Shown(1, 2, 3)},
    )  # fmt: skip
    return replace(made, **other)


def history(*nights: Night) -> History:
    made = History()
    for one in nights:
        made = with_night(made, one)
    return made


def runs(made: History) -> list[str]:
    return [one.run for one in made.nights]


def results_of(tmp_path: Path, *cells: FakeCell) -> Results:
    return read_results(make_run(tmp_path / "run", cells))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.jsonl"
    assert read_history(path) == History()
    for number in range(3):
        remember(night(number), path)
    assert read_history(path).nights == (night(0), night(1), night(2))
    assert read_history(path).trouble == ()
    assert len(path.read_text().splitlines()) == 3
    assert os.listdir(path.parent) == ["history.jsonl"]  # noqa: PTH208 - names alone


def test_other_programs_can_read_a_line() -> None:
    line = json.loads(history(night(0)).text())
    assert line["schema"] == 1
    assert line["started"] == "2026-11-01T03:00:00Z"
    assert line["scenarios"] == {"ghost-marker": "k", "named": "p"}
    assert line["defects"] == {"fuse-overlayfs-306": [1, 2, 3]}


def test_the_oldest_go() -> None:
    made = history(*map(night, range(KEPT + 3)))
    assert runs(made) == [f"run-{number}" for number in range(3, KEPT + 3)]
    assert runs(with_night(made, night(500), kept=2)) == [f"run-{KEPT + 2}", "run-500"]


def test_a_run_that_is_written_twice_stands_there_once_where_it_stood() -> None:
    made = with_night(history(night(0), night(1), night(2)), night(1, exit=1))
    assert runs(made) == ["run-0", "run-1", "run-2"]
    assert made.nights[1].exit == 1
    assert made.trouble == ()
    twice = parse(history(night(0), night(1)).text() + history(night(0, exit=3)).text())
    assert [(one.run, one.exit) for one in twice.nights] == [("run-0", 3), ("run-1", 0)]
    assert len(with_night(twice, night(0, exit=1)).lines) == 2


def test_a_report_shows_no_night_that_came_later() -> None:
    made = history(night(0), night(1), night(2))
    assert [one.run for one in made.until("run-1")] == ["run-0", "run-1"]
    assert made.until("another") == ()


def test_a_clock_that_went_back_is_told_and_the_night_kept_where_it_was_written() -> None:
    made = with_night(history(night(5), night(6)), night(2))
    assert runs(made) == ["run-5", "run-6", "run-2"]
    (told,) = made.trouble
    assert "began at 2026-11-03 03:00, before the last one there (run-6, 2026-11-07 03:00)" in told
    after = with_night(made, night(7))
    assert runs(after)[-1] == "run-7"
    assert after.trouble == ()


BAD = {
    "cut": history(night(1)).text()[:-40],
    "no json": b"<html>",
    "zeroes of a power cut": b"\0" * 300,
    "no utf-8": history(night(1)).text().replace(b"ghost-marker", b"ghost\xff").strip(),
    "a word that no state has": history(night(1)).text().replace(b'"p"', b'"?"').strip(),
    "fewer than none": history(night(1)).text().replace(b"[1,2,3]", b"[-1,2,3]").strip(),
    "no zone": history(night(1)).text().replace(b"Z", b"").strip(),
    "deep": b"[" * 100_000,
    "another thing": b"[1, 2]",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_a_line_that_cannot_be_read_is_left_out_and_told_and_stays_in_the_file(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(history(night(0)).text() + line + b"\n\n" + history(night(2)).text())
    made = remember(night(3), path)
    assert runs(made) == ["run-0", "run-2", "run-3"]
    (told,) = made.trouble
    assert told.startswith("line 2 ")
    assert line in path.read_bytes().split(b"\n")
    assert read_history(path) == made


def test_a_line_of_a_later_schema_is_kept_for_the_version_that_knows_it(tmp_path: Path) -> None:
    later = b'{"schema":2,"run":{"of":"another form"}}'
    path = tmp_path / "history.jsonl"
    path.write_bytes(later + b"\n")
    made = remember(night(0), path)
    assert made.trouble == ("line 1 has schema 2, and this version reads 1: it is left out; update this program",)
    assert path.read_bytes().startswith(later + b"\n")


def test_what_later_versions_add_to_a_line_stays() -> None:
    grown = history(night(0)).text().replace(b"{", b'{"more":[1],', 1)
    made = with_night(parse(grown), night(1))
    assert runs(made) == ["run-0", "run-1"]
    assert made.text().startswith(grown)


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([*BAD.values(), history(night(9)).text().strip()])),
        max_size=8,
    )
)
def test_whatever_stands_in_the_file_the_night_enters_it_and_nothing_is_lost(lines: list[bytes]) -> None:
    raw = b"\n".join(lines)
    made = with_night(parse(raw), night(10))
    assert runs(made)[-1] == "run-10"
    assert parse(made.text()).nights == made.nights
    assert {line for line in raw.split(b"\n") if line.strip()} <= {*made.text().split(b"\n")}


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.jsonl"
    remember(night(0), path)
    before = path.read_bytes()

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_whole", full)
    with pytest.raises(BrokenMachinery, match="No space left"):
        remember(night(1), path)
    assert path.read_bytes() == before


def test_what_is_no_history_is_refused_and_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "large").write_bytes(b"x" * 101)
    monkeypatch.setattr(module, "LARGEST", 100)
    for name, error in (("pipe", UsageError), (".", UsageError), ("circle", BrokenMachinery), ("large", UsageError)):
        with pytest.raises(error):
            remember(night(0), tmp_path / name)
    assert (tmp_path / "large").read_bytes() == b"x" * 101
    with pytest.raises(BrokenMachinery, match="cannot be"):
        write_history(history(night(0)), tmp_path / "large" / "history.jsonl")


def test_a_link_leads_to_the_file_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real.jsonl")
    remember(night(0), tmp_path / "link")
    remember(night(1), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert runs(read_history(tmp_path / "real.jsonl")) == ["run-0", "run-1"]


def test_a_night_says_of_a_scenario_the_worst_that_its_cells_gave(tmp_path: Path) -> None:
    def cells(name: str, *kinds: str) -> list[FakeCell]:
        made = {
            "passed": FakeCell(upper=PLAIN_UPPER), "new": FakeCell(), "broken": FakeCell(broken="no room"),
            "known": FakeCell(known=(known("WL101"), known("WL106"))), "skipped": FakeCell(skipped="no world"),
        }  # fmt: skip
        return [dataclasses.replace(made[k], scenario=scenario(name), version=f"1.{n}") for n, k in enumerate(kinds)]

    results = results_of(
        tmp_path,
        *cells("one", "passed", "known"), *cells("two", "known", "passed", "broken"), *cells("case", "broken", "new"),
        *cells("other", "skipped"), *cells("named", "skipped", "passed"), *cells("sometimes", "passed"), *cells("changed", "broken"),
        FakeCell(scenario=scenario("nothing"), skipped="does not apply", excluded=True),
    )  # fmt: skip
    made = night_of(results, 3, {"changed", "not here"}, {"sometimes", "two"}, {"same": 9})
    assert made.scenarios == {
        "one": State.KNOWN, "two": State.BROKEN, "case": State.NEW, "other": State.SKIPPED, "named": State.PASSED,
        "sometimes": State.FLAKY, "changed": State.CHANGED,
    }  # fmt: skip
    assert (made.run, made.exit, made.kernel, made.changed) == ("run", 3, "6.18.1", {"same": 9})
    assert made.cells == {"passed": 6, "finding": 1, "broken": 3, "skipped": 2}
    assert f"{made.started:%Y-%m-%d %H:%M %Z}" == "2026-01-02 03:04 UTC"


def test_that_a_defect_does_not_show_is_another_thing_than_that_nobody_looked(tmp_path: Path) -> None:
    ghost = known("WL101", "ghost", witnesses=("ghost-marker",))
    unseen = known("WL101", "unseen", witnesses=("ghost-marker",), paths=["never"], versions=("==9",))
    elsewhere = known("WL101", "elsewhere", witnesses=("another",), paths=["never"])
    here = (ghost, unseen, elsewhere, known("WL106", "rest"))
    results = results_of(
        tmp_path,
        FakeCell(known=here), FakeCell(version="1.10", known=here), FakeCell(version="1.15", upper=PLAIN_UPPER, known=here),
        FakeCell(version="1.4", broken="no room", known=here),
    )  # fmt: skip
    shown = night_of(results, 0, (), (), {}).defects
    assert shown[ghost.name] == Shown(tools=2, cells=2, asked=3)  # on the third it is gone
    assert elsewhere.name not in shown
    assert shown[unseen.name] == Shown(tools=0, cells=0, asked=3)


def test_a_night_of_a_full_matrix_is_small(tmp_path: Path) -> None:
    scenarios = {f"scenario-{'x' * 11}-{number:02}": State.PASSED for number in range(90)}
    defects = {f"fuse-overlayfs-{'x' * 10}-{number:02}": Shown(10, 40, 14) for number in range(82)}
    made = history(night(0, scenarios=scenarios, defects=defects))
    assert len(made.text()) < 8_000


def test_a_run_that_does_not_say_when_it_began_is_told(tmp_path: Path) -> None:
    results = results_of(tmp_path, FakeCell())
    broken = msgspec.structs.replace(results, run=msgspec.structs.replace(results.run, started="yesterday"))
    with pytest.raises(BrokenMachinery, match="does not say when it began"):
        night_of(broken, 0, (), (), {})
