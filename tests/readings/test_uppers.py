"""What a cell wrote, as others are given it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.evidence.recording import read
from harness.evidence.trees import read_trees
from harness.profile import Profile
from harness.readings.uppers import closed, is_founding, laid_by, marked_before, of_cell, says_what_is_meant
from harness.runs.givings import Which, uppers
from harness.runs.results import read_results
from harness.scenario.model import Node, Scenario, Whiteout
from harness.snapshot.model import Entry, Kind
from tests.entries import file, folder, gone
from tests.factory import GHOST_ORACLE, GHOST_UPPER, FakeCell, make_run, scenario


def given_of(tmp_path: Path, **more: object):  # type: ignore[no-untyped-def]
    cell = FakeCell(**more)  # type: ignore[arg-type]
    run = make_run(tmp_path / "run", [cell])
    folder_of = run / read_results(run).cells[0].folder
    return of_cell(read(folder_of), read_trees(folder_of))


def test_the_layers_of_the_scenario_are_below_the_upper(tmp_path: Path) -> None:
    given = given_of(tmp_path)
    below, upper = given.trees
    assert b"a/f" in below
    assert upper.entries[b"a/new/.wh..opq"].is_whiteout_device
    assert b"a/new/.wh..opq" not in given.meant
    assert given.meant.entries[b"a/f"].text == b"old"


def test_what_holds_on_its_own_file_system_alone_is_not_given(tmp_path: Path) -> None:
    """A handle of an inode leads to another one elsewhere."""
    upper = (folder(b"a", trusted_overlay_origin=b"\0\xfb", trusted_overlay_impure=b"y"), *GHOST_UPPER)
    given = given_of(tmp_path, upper=upper)
    assert given.trees[1].entries[b"a"].xattrs == {}
    assert given.trees[1].entries[b"a/new"].xattrs == {b"trusted.overlay.opaque": b"y"}


def test_long_content_has_a_stand_in_that_is_alike_in_every_tree(tmp_path: Path) -> None:
    long = Entry(b"a/f", Kind.FILE, 0o644, size=5000, digest="ab" * 32)
    given = given_of(tmp_path, upper=(folder(b"a"), long), oracle=(folder(b"a"), long))
    assert given.trees[1].entries[b"a/f"].digest == given.meant.entries[b"a/f"].digest != long.digest


def test_what_could_not_be_read_is_not_given(tmp_path: Path) -> None:
    assert given_of(tmp_path, upper=(*GHOST_UPPER, Entry(b"x", Kind.UNKNOWN))) is None


def test_equal_uppers_are_given_once(tmp_path: Path) -> None:
    cells = [FakeCell(version="1.10"), FakeCell(version="1.14"), FakeCell(version="2", upper=(folder(b"a/new"),))]
    run = make_run(tmp_path / "run", cells)
    every = uppers(run, read_results(run).cells, Which.ALL)
    assert [one.record.writers for one in every] == [(cells[0].id, cells[1].id), (cells[2].id,)]
    assert all(one.record.true for one in every)
    assert uppers(run, read_results(run).cells, Which.NONE) == []


def test_an_upper_that_says_another_tree_than_its_steps_did_is_told(tmp_path: Path) -> None:
    cell = FakeCell(upper=(gone(b"a/f"),), oracle=GHOST_ORACLE)
    run = make_run(tmp_path / "run", [cell])
    (giving,) = uppers(run, read_results(run).cells, Which.FOUNDING)
    assert not giving.record.true


def test_the_founding_case_is_known_by_its_link() -> None:
    assert is_founding(scenario())
    assert not is_founding(Scenario(1, "t", "g", (), name="other"))


def test_what_only_root_can_lay_out(tmp_path: Path) -> None:
    assert laid_by(given_of(tmp_path / "1")) is Profile.ROOT  # trusted.overlay.opaque
    assert laid_by(given_of(tmp_path / "2", upper=(folder(b"a"), gone(b"a/f")))) is Profile.USER
    owned = Entry(b"x", Kind.FILE, 0o644, uid=7, text=b"")
    assert laid_by(given_of(tmp_path / "3", upper=(owned,))) is Profile.ROOT


def test_what_was_marked_before(tmp_path: Path) -> None:
    assert not marked_before(scenario())
    marked = Scenario(1, "t", "g", (), layers=({"f": Node(whiteout=Whiteout.DEVICE)},), name="marked")
    assert marked_before(marked)
    assert marked_before(msgspec.structs.replace(marked, layers=(), upper=marked.layers[0]))


def test_what_a_user_cannot_copy(tmp_path: Path) -> None:
    assert not closed(given_of(tmp_path / "1"))
    assert closed(given_of(tmp_path / "2", upper=(Entry(b"d", Kind.DIR, 0o000),)))
    assert closed(given_of(tmp_path / "3", upper=(file(b"f"), Entry(b"g", Kind.FILE, 0o200, text=b""))))
    assert closed(given_of(tmp_path / "4", upper=(Entry(b"null", Kind.CHAR, 0o666, device=(1, 3)),)))
    assert closed(given_of(tmp_path / "5", upper=(Entry(b"disk", Kind.BLOCK, 0o600, device=(0, 0)),)))
    assert not closed(given_of(tmp_path / "6", upper=(Entry(b"gone", Kind.CHAR, 0o000, device=(0, 0)),)))


def test_a_writer_that_changes_content_is_not_true(tmp_path: Path) -> None:
    wrong = (folder(b"a"), file(b"a/f", b"other"), *GHOST_UPPER)
    assert says_what_is_meant(given_of(tmp_path / "1"))
    assert not says_what_is_meant(given_of(tmp_path / "2", upper=wrong))
