from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.compare.defects import Field, State, Table, changes, tables
from harness.judge.defects.model import Defect, Effect
from harness.judge.findings import Outcome
from harness.profile import Profile
from harness.runs.results import CellResult, Results, read_results
from tests.defects import known
from tests.entries import file
from tests.factory import GHOST_ORACLE, PLAIN_UPPER, FakeCell, make_run, scenario

GHOST = known("WL101", "ghost", versions=("<1.15",), witnesses=("ghost-marker",))


def results(tmp_path: Path, *cells: FakeCell) -> Results:
    return read_results(make_run(tmp_path / "run", cells))


def table(run: Results, *, cells: tuple[CellResult, ...] | None = None) -> Table:
    (one,) = tables(run.cells if cells is None else cells, run.defects)
    return one


def states(made: Table, name: str) -> list[str]:
    (row,) = [row for row in made.rows if row.defect.name == name]
    return [field.text for field in row.fields]


def test_each_version_says_what_it_shows_in_this_run(tmp_path: Path) -> None:
    run = results(
        tmp_path,
        FakeCell(version="1.4", known=(GHOST,)),
        FakeCell(version="1.14", known=(GHOST,), upper=PLAIN_UPPER),
        FakeCell(version="1.15", known=(GHOST,), upper=PLAIN_UPPER),
        FakeCell(version="1.16", known=(GHOST,)),
        FakeCell(version="2.0", known=(GHOST,), scenario=scenario("other")),
    )
    made = table(run)
    assert [head.column.version for head in made.heads] == ["1.4", "1.14", "1.15", "1.16", "2.0"]
    assert states(made, GHOST.name) == ["shows", "gone", "does not", "back", "back"]
    (row,) = made.rows
    assert row.differs
    assert row.says == "before 1.15"
    assert row.boundary == "fuse-overlayfs 1.4, 1.16, 2.0 show it; fuse-overlayfs 1.14, 1.15 do not"
    assert row.ran == ("ghost-marker",)


def test_no_witness_says_nothing(tmp_path: Path) -> None:
    elsewhere = FakeCell(version="1.4", known=(GHOST,), scenario=scenario("other"), upper=PLAIN_UPPER)
    made = table(results(tmp_path, elsewhere))
    assert states(made, GHOST.name) == ["not run"]
    assert (made.rows[0].boundary, made.rows[0].shown) == ("", False)


@pytest.mark.parametrize("how", [{"failed": "no"}, {"refused": "will not"}, {"broken": "the machine"}])
def test_who_did_not_come_to_the_end_does_not_say_what_it_has_not(how: dict[str, str], tmp_path: Path) -> None:
    lost = FakeCell(version="1.15", known=(GHOST,), upper=PLAIN_UPPER, **how)  # type: ignore[arg-type]
    made = table(results(tmp_path, lost, FakeCell(version="1.4", known=(GHOST,))))
    assert states(made, GHOST.name) == ["shows", "not run"]


def test_a_skipped_cell_is_no_column(tmp_path: Path) -> None:
    made = table(results(tmp_path, FakeCell(known=(GHOST,)), FakeCell(version="1.4", skipped="no world")))
    assert [head.column.version for head in made.heads] == ["1.14"]


def test_a_profile_is_named_where_the_other_one_says_something_else(tmp_path: Path) -> None:
    run = results(
        tmp_path,
        FakeCell(version="1.15", known=(GHOST,), upper=PLAIN_UPPER),
        FakeCell(version="1.15", known=(GHOST,), profile=Profile.USER),
    )
    assert states(table(run), GHOST.name) == ["back (user)"]
    assert table(run).rows[0].boundary == "fuse-overlayfs 1.15 (user) shows it; fuse-overlayfs 1.15 (root) does not"


def test_a_consequence_shows_what_its_cause_is(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(known=(GHOST,)))
    (cell,) = run.cells
    (ghost, other) = (one for one in cell.findings)
    above = msgspec.structs.replace(other, consequences=(ghost,))
    bare = msgspec.structs.replace(cell, findings=(above,), tells={})
    assert states(table(run, cells=(bare,)), GHOST.name) == ["shows"]


def test_the_worst_effect_comes_first_and_then_what_shows(tmp_path: Path) -> None:
    def defect(code: str, name: str, effect: Effect) -> Defect:
        return msgspec.structs.replace(known(code, witnesses=("other",)), name=name, effect=effect)

    some = (
        defect("WL106", "litter", Effect.LITTER),
        defect("WL201", "a-lost", Effect.LOST),
        defect("WL101", "b-lost", Effect.LOST),
        defect("WL201", "back", Effect.COMES_BACK),
    )
    made = table(results(tmp_path, FakeCell(version="1.4", known=some, view=GHOST_ORACLE)))
    assert [(row.defect.name, row.state) for row in made.rows] == [
        ("back", State.NOT_RUN), ("b-lost", State.SHOWS), ("a-lost", State.NOT_RUN), ("litter", State.SHOWS),
    ]  # fmt: skip


def _calling(cell: CellResult, called: str, at: str, **tool: object) -> CellResult:
    part = {"name": called, "version": at}
    plain = msgspec.to_builtins(cell)
    plain["tool"] |= {"parts": [part], **tool}
    return msgspec.convert(plain, CellResult)


def test_of_a_container_the_overlay_below_is_what_matters(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(known=(GHOST,)), FakeCell("kernel", "6.18", upper=PLAIN_UPPER))
    below = _calling(
        run.cells[0],
        "fuse-overlayfs",
        "1.14",
        name="apptainer",
        program="apptainer",
        version="1.4.5",
        title="apptainer",
        place=9,
    )
    (made,) = tables([*run.cells, below], run.defects)
    assert [head.label for head in made.heads] == ["fuse-overlayfs 1.14", "apptainer 1.4.5 (fuse-overlayfs 1.14)"]
    assert states(made, GHOST.name) == ["shows", "shows"]


def test_a_program_that_only_others_call_has_their_columns(tmp_path: Path) -> None:
    squash = msgspec.structs.replace(known("WL101", program="squashfuse"), name="squash")
    run = results(tmp_path, FakeCell(known=(GHOST,)))
    (made,) = tables([_calling(run.cells[0], "squashfuse", "0.5.2")], [squash])
    assert [head.over for head in made.heads] == ["squashfuse 0.5.2"]
    assert tables(run.cells, [squash]) == ()  # it is not among what ran


def test_what_a_given_program_changes_is_told_against_the_version_before_it(tmp_path: Path) -> None:
    run = results(
        tmp_path,
        FakeCell(version="1.13", known=(GHOST,)),
        FakeCell(version="1.14", known=(GHOST,), upper=PLAIN_UPPER),
        FakeCell(version="1.16", known=(GHOST,)),
    )
    assert changes([table(run)]) == ()
    given = [
        msgspec.structs.replace(cell, tool=msgspec.structs.replace(cell.tool, origin="given")) for cell in run.cells
    ]
    told = changes([table(run, cells=tuple(given))])
    assert [(one.given.version, one.before.version, one.fixed, one.brought) for one in told] == [
        ("1.14", "1.13", (GHOST,), ()),
        ("1.16", "1.14", (), (GHOST,)),
    ]


def test_no_field_contradicts_a_cell(tmp_path: Path) -> None:
    cells = [
        FakeCell(version=version, profile=profile, known=(GHOST,), upper=upper, view=view)
        for version in ("1.4", "1.14", "1.15")
        for profile, upper in ((Profile.ROOT, PLAIN_UPPER), (Profile.USER, FakeCell.upper))
        for view in ((*GHOST_ORACLE, file(b"a/back")),)
    ]
    run = results(tmp_path, *cells)
    made = table(run)
    by_id = {cell.id: cell for cell in run.cells}
    for row in made.rows:
        for field in row.fields:
            for cell in field.cells:
                _agree(row.defect, field, by_id[cell])
    assert any(cell.outcome is not Outcome.PASSED for cell in run.cells)


def _agree(defect: Defect, field: Field, cell: CellResult) -> None:
    shown = {one.known.defect for one in cell.findings if one.known} | {
        one.back.defect for one in cell.findings if one.back
    }
    missing = {one.defect for one in cell.missing}
    assert (defect.name in shown) == (field.state in {State.SHOWS, State.BACK})
    assert (defect.name in missing) == (field.state is State.GONE)
