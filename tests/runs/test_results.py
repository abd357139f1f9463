"""``results.json`` appears whole or not at all, and what is none is told."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from harness.errors import BrokenMachinery
from harness.runs.results import SCHEMA, Results, read_results, write_results
from tests.factory import FakeCell, make_run


def test_results_are_written_beside_and_put_in_place(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    path = run / "results.json"
    before, number = path.read_bytes(), path.stat().st_ino
    with path.open("rb") as reader:
        write_results(read_results(run), run)
        assert path.stat().st_ino != number, "a reader of the old file goes on with the old file"
        assert reader.read() == before
    assert sorted(one.name for one in run.iterdir()) == ["cells", "results.json"]


def test_what_cannot_be_written_is_told_with_the_place_of_the_recordings(tmp_path: Path) -> None:
    results = read_results(make_run(tmp_path / "run", [FakeCell()]))
    with pytest.raises(BrokenMachinery, match="cannot be written") as caught:
        write_results(results, tmp_path / "gone")
    assert "cells/" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema":1,"run":"\xff","cells":[]}', b"[" * 100_000])
def test_what_is_no_results_is_one_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(BrokenMachinery, match=r"is no results\.json"):
        read_results(tmp_path)


@pytest.mark.parametrize("rest", ['"run": {}, "cells": []', '"runs": "otherwise there"'])
def test_results_of_a_later_schema_are_refused_before_they_are_read(rest: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(f'{{"schema": {SCHEMA + 1}, {rest}}}', encoding="utf-8")
    with pytest.raises(BrokenMachinery, match=f"has schema {SCHEMA + 1}, and this version reads {SCHEMA}") as caught:
        read_results(tmp_path)
    assert caught.value.remedy == "update this program"


def test_results_carry_their_schema(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    assert json.loads((run / "results.json").read_bytes())["schema"] == SCHEMA


def test_other_programs_read_sentence_facts_and_key_of_a_finding(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    (cell,) = json.loads((run / "results.json").read_bytes())["cells"]
    ghost = next(one for one in cell["findings"] if one["code"] == "WL101")
    assert ghost["message"].startswith("a character device 0:0 deletes .wh..opq, which is a marker's own name")
    assert ghost["facts"] == {"rule": "marker-of-a-marker", "encoding": "device", "name": ".wh..opq"}
    assert ghost["key"] == "WL101 upper a/new/.wh..opq encoding=device name=.wh..opq"


def test_what_is_written_cell_by_cell_is_what_the_whole_would_be(tmp_path: Path) -> None:
    hostile = FakeCell(version="2", skipped='",\n "cells": [] \x1b</script>')
    for name, cells in (("none", []), ("some", [FakeCell(), FakeCell(version="1.10"), hostile])):
        folder = make_run(tmp_path / name, cells)
        results = read_results(folder)
        raw = (folder / "results.json").read_bytes()
        assert raw == msgspec.json.format(msgspec.json.encode(results), indent=1)
        assert results == msgspec.json.decode(raw, type=Results)
