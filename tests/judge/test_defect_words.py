from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ScenarioError
from harness.evidence.recording import ToolRecord
from harness.judge.codes import CODES
from harness.judge.defects.draft import draft
from harness.judge.defects.model import Defect, Sign
from harness.judge.defects.words import mended, ranges_text, sign_text, since, where_told
from harness.judge.findings import Finding
from harness.places import UPPER
from harness.profile import Profile
from harness.runs.decide import known_defects
from harness.runs.results import read_results
from tests.defects import known
from tests.factory import FakeCell, make_run


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        ((">=0.7.5,<2",), "from 0.7.5 on, before 2"),
        (("any",), "every version"),
        (("==0.4", ">=2"), "0.4; from 2 on"),
        (("<=1.4", ">1.9"), "up to 1.4; after 1.9"),
    ],
)
def test_ranges_in_words(ranges: tuple[str, ...], text: str) -> None:
    assert ranges_text(ranges) == text


@pytest.mark.parametrize(
    ("ranges", "version", "told"),
    [
        ((">=0.7.5,<1.15",), "1.14", ("since 0.7.5", "fixed in 1.15")),
        (("<0.2",), "0.1.105", ("from the first version on", "fixed in 0.2")),
        ((">=2",), "2.0.0", ("since 2", "not fixed")),
        ((">=0.2,<0.7.6", ">=1.1.0"), "1.4.0", ("since 1.1.0", "not fixed")),
        (("==0.4", ">=2"), "0.4", ("in this version", "fixed after 0.4")),
        (("<0.2",), "0.5", ("", "not fixed")),
    ],
)
def test_since_when_and_until_when(ranges: tuple[str, ...], version: str, told: tuple[str, str]) -> None:
    one = known("WL101", versions=ranges)
    assert (since(one, version), mended(one, version)) == told


def test_a_limit_is_not_mended_but_by_design() -> None:
    assert mended(msgspec.structs.replace(known("WL101"), kind="limit"), "1.14") == "by design"


def test_who_reported_it() -> None:
    assert where_told(known("WL101", link="https://example.org/1")) == "https://example.org/1"
    unreported = msgspec.structs.replace(known("WL101"), seen="2026-11-24")
    assert where_told(unreported) == "seen by this project on 2026-11-24, not reported when written"


def test_all_of_a_sign_is_in_its_words() -> None:
    sign = Sign(
        ("WL101", "WL207"), ("apptainer*",), (">=1.4",), (Profile.USER,), (UPPER,), ("*.opq",), {"listed": True}, ("one",),
        sometimes=True,
    )  # fmt: skip
    assert sign_text(sign) == (
        "WL101 marker-of-a-marker or WL207 step-result, in apptainer*, from 1.4 on, as user, at upper, "
        "at paths such as *.opq, where listed is yes, in the scenario one, in some runs and not in others"
    )
    assert sign_text(Sign(("WL102",))) == f"WL102 {CODES['WL102'].name}"


def _filled(text: str) -> str:
    for key in ("title", "cause", "remedy"):
        text = text.replace(f'{key} = ""', f'{key} = "written by somebody who knows"')
    return text


def test_a_defect_begun_is_refused_until_the_rest_is_written_and_then_explains_what_it_was_begun_of(
    tmp_path: Path,
) -> None:
    (cell,) = read_results(make_run(tmp_path / "run", [FakeCell()])).cells
    begun = draft(cell.new, cell.tool, cell.scenario, "2026-11-25")
    place = tmp_path / "defects"
    place.mkdir()
    (place / "begun.toml").write_text(begun)
    with pytest.raises(ScenarioError, match="says too little"):
        known_defects(place)
    (place / "begun.toml").write_text(_filled(begun))
    defects = known_defects(place)
    again, older = read_results(
        make_run(tmp_path / "again", [FakeCell(known=defects), FakeCell(version="1.4", known=defects)])
    ).cells
    assert (again.outcome, [one.known.defect if one.known else "" for one in again.findings]) == (
        "passed",
        ["begun", "begun"],
    )
    assert len(older.new) == 2  # another version is not said to have it


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])))
def test_whatever_a_path_holds_it_is_toml_and_speaks_of_that_path_alone(path: str) -> None:
    one = Finding("WL106", path, UPPER, "")
    data = tomllib.loads(draft([one, one], ToolRecord("kernel", "6.18"), "s", "2026-11-25"))
    (sign,) = data["signs"]
    assert sign["codes"] == ["WL106"]
    assert fnmatchcase(path, sign["paths"][0])
    assert not fnmatchcase(path + "x", sign["paths"][0])


def test_tells_says_of_a_witness_whether_it_shows(tmp_path: Path) -> None:
    def tells(cell: FakeCell, name: str) -> dict[str, bool]:
        return read_results(make_run(tmp_path / name, [cell])).cells[0].tells

    def two(*versions: str) -> tuple[Defect, Defect]:
        return known("WL101", "a", versions=versions), known("WL201", "b", versions=versions)

    here = two("any")
    assert tells(FakeCell(known=here), "any") == {here[0].name: True, here[1].name: False}
    later = two(">=2")  # what fits a defect at a version before it is new, and says nothing of it
    assert tells(FakeCell(known=later), "later") == {later[1].name: False}
    no_witness = (known("WL201", "c", witnesses=("another",)),)
    assert tells(FakeCell(known=no_witness), "none") == {}
