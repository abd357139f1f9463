"""Runs read back: the newest of a cell is shown, and a recording that is not whole any more is broken, whatever was said before."""

from __future__ import annotations

import contextlib
import json
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.cli.main import main
from harness.errors import LabError, UsageError
from harness.judge.findings import Outcome
from harness.report.html import write_report
from harness.report.load import load
from harness.runs.results import read_results, write_results
from tests.defects import known
from tests.entries import gone
from tests.factory import PLAIN_UPPER, FakeCell, make_run, scenario

Damage = Callable[[Path], None]


def one(run: Path) -> tuple[Outcome, str]:
    (cell,) = load([run]).cells
    return cell.result.outcome, cell.result.reason


def known_run(folder: Path) -> Path:
    """A cell that has passed, with findings that are known: without its evidence they would seem fixed."""
    here = (known("WL101", "the founding case"), known("WL106", "nothing below"))
    return make_run(folder, [FakeCell(scenario=scenario("named"), known=here)])


def _cut(name: str) -> Damage:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - 60)


def _gone(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def _other(name: str) -> Damage:
    def change(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw.replace(b"0755", b"0750", 1))

    return change


def _more(name: str) -> Damage:
    return _says(name, b'{"unseen":[]}\n')


def _says(name: str, content: bytes) -> Damage:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_cut("upper.jsonl"), "upper.jsonl"),
        (_gone("upper.jsonl"), "upper.jsonl is missing"),
        (_other("view.jsonl"), "view.jsonl was changed"),
        (_more("sealed.jsonl"), "sealed.jsonl was not there"),
        (_cut("script.sh"), "script.sh has"),
        (_gone("script.sh"), "script.sh is missing"),
        (_gone("recording.json"), "recording.json cannot be read"),
        (_cut("recording.json"), "recording.json is no recording"),
        (
            lambda folder: (folder / "recording.json").write_bytes(b'{"schema":1,"id":"\xff"}') and None,
            "is no recording",
        ),
        (_says("upper.jsonl", b'{"unseen":["\xff"]}\n'), "upper.jsonl"),
    ],
)
def test_a_recording_that_is_not_whole_any_more_is_broken(
    damage: Damage, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = known_run(tmp_path / "run")
    assert one(run) == (Outcome.PASSED, "")
    (folder,) = (run / "cells").iterdir()
    if words == "script.sh has":
        (folder / "script.sh").write_bytes(b"")
    else:
        damage(folder)
    outcome, reason = one(run)
    assert outcome is Outcome.BROKEN
    assert "not whole any more" in reason
    assert words in reason
    assert main(["report", str(run), "--output", str(tmp_path / "r.html")]) == 3
    said = capsys.readouterr()
    assert words in said.err
    assert str(folder) in said.err
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "not whole any more" in page
    assert "seems fixed" not in page


def test_a_verdict_is_the_runs_unless_it_is_judged_anew_which_the_page_says(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [FakeCell()])
    told = read_results(run)
    (cell,) = told.cells
    assert cell.findings
    write_results(replace(told, cells=(replace(cell, outcome=Outcome.PASSED, reason="", findings=()),)), run)
    assert one(run) == (Outcome.PASSED, "")
    for words, says in (([], False), (["--judge"], True)):
        assert main(["report", str(run), "--output", str(tmp_path / "r.html"), *words]) == 0
        page = (tmp_path / "r.html").read_text("utf-8")
        assert ("judged anew" in page) is says
        assert ("marker-of-a-marker" in page) is says
    (again,) = load([run], judge_again=True).cells
    assert again.result == cell


def test_a_recording_of_a_time_that_counted_no_files_is_judged(tmp_path: Path) -> None:
    run = known_run(tmp_path / "run")
    (path,) = run.glob("cells/*/recording.json")
    old = json.loads(path.read_bytes())
    del old["files"]
    path.write_text(json.dumps(old))
    assert one(run) == (Outcome.PASSED, "")


def test_a_recording_outside_of_its_run_is_not_read(tmp_path: Path) -> None:
    run = known_run(tmp_path / "run")
    results = run / "results.json"
    results.write_bytes(results.read_bytes().replace(b'"cells/0"', b'"../run/cells/0"'))
    assert one(run)[0] is Outcome.BROKEN


def test_of_a_cell_in_several_runs_the_latest_is_shown_whatever_their_order(tmp_path: Path) -> None:
    old = make_run(tmp_path / "z-old", [FakeCell(), FakeCell("kernel", "6.18")], started="2026-01-01T00:00:00+00:00")
    new = make_run(tmp_path / "a-new", [FakeCell(upper=PLAIN_UPPER)], started="2026-02-01T00:00:00+00:00")
    for order in ([old, new], [new, old]):
        loaded = load(order)
        assert loaded.replaced == 1
        assert {cell.result.id: cell.folder.parent.parent.name for cell in loaded.cells} == {
            "ghost-marker[fuse-overlayfs-1.14-root]": "a-new",
            "ghost-marker[kernel-6.18-root]": "z-old",
        }
        assert loaded.cells[0].result.findings == ()
        assert loaded.results.run.id == "a-new"


def _mutated(value: Any, chance: random.Random) -> Any:
    """A JSON value with one place of it of another type, or with another value."""
    others: list[Any] = [None, True, -1, 2**70, 1.5, "", "\\x", "\ud800", [], {}, [[]], {"a": 1}, "x" * 300]
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _mutated(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        return [*value[:place], _mutated(value[place], chance), *value[place + 1 :]]
    return chance.choice(others)


@pytest.mark.parametrize("name", ["cells/0/recording.json", "cells/0/upper.jsonl", "results.json"])
def test_wrong_types_anywhere_are_an_error_of_ours_or_a_cell(name: str, tmp_path: Path) -> None:
    run = known_run(tmp_path / "run")
    recording = run / "cells/0/recording.json"
    bare = json.loads(recording.read_bytes())
    del bare["files"]  # so that what is wrong is reached
    recording.write_text(json.dumps(bare))
    whole = (run / name).read_bytes()
    chance = random.Random(9)
    for _ in range(150):
        lines = whole.splitlines() if name.endswith("l") else [whole]
        place = chance.randrange(len(lines))
        lines[place] = json.dumps(_mutated(json.loads(lines[place]), chance)).encode()
        (run / name).write_bytes(b"\n".join(lines) + b"\n")
        with contextlib.suppress(LabError):
            write_report(run, tmp_path / "r.html")


def test_a_report_is_written_to_a_regular_file_or_refused(tmp_path: Path) -> None:
    run = known_run(tmp_path / "run")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "to-device").symlink_to("/dev/null")
    (tmp_path / "circle").symlink_to("circle")
    places = ["folder", "fifo", "to-device", "circle"]
    if os.geteuid() == 0:
        os.mknod(tmp_path / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        places.append("device")
    before = {name: (tmp_path / name).lstat() for name in places}
    for name in places:
        with pytest.raises(UsageError, match=r"regular file|circle|symbolic links"):
            write_report(run, tmp_path / name)
        now = (tmp_path / name).lstat()
        assert (now.st_ino, now.st_mode) == (before[name].st_ino, before[name].st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    (tmp_path / "old.html").write_text("old")
    (tmp_path / "to-file").symlink_to("old.html")
    (tmp_path / "to-nothing").symlink_to("new.html")
    for name in ("to-file", "to-nothing", "plain.html"):
        write_report(run, tmp_path / name)
        assert (tmp_path / name).read_text("utf-8").endswith("</html>")
    assert (tmp_path / "to-file").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_whiteouts_that_share_an_inode_are_told_where_there_is_an_upper(tmp_path: Path) -> None:
    linked = [replace(gone(name), same_as=b"a/f", links=2) for name in (b"a/f", b"a/g")]
    run = make_run(tmp_path / "run", [FakeCell(upper=linked), FakeCell(version="1.4", refused="no")])
    with_upper, without = load([run]).cells
    assert with_upper.seen is not None
    assert without.seen is not None
    assert "a/g" in " ".join(with_upper.seen.linked)
    assert without.seen.linked == ()
