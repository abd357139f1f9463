from __future__ import annotations

import re
from typing import Any

import pytest

from harness.cli.explain import explained, explained_defect, find, listing
from harness.cli.main import main
from harness.errors import EXIT_USAGE, UsageError
from harness.judge.codes import CODES
from harness.judge.defects.model import Defect, Sign
from harness.judge.defects.schema import schema as schema_of_defects
from harness.judge.defects.schema import schema_text as defect_schema_text
from harness.judge.defects.words import ranges_text
from harness.judge.rules import fault, packed, taken
from harness.judge.rules.every import RULES
from harness.judge.rules.layer import WHEN_CONVERTED
from harness.judge.rules.rule import Rule
from harness.machine.project import project_folder
from harness.runs.decide import known_defects
from harness.scenario.archive_schema import schema_text as layers_schema_text
from harness.scenario.schema import schema_text

DEFECTS = known_defects()


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_full(code: str) -> None:
    row = CODES[code]
    assert row.code == code
    assert re.fullmatch(r"WL[1234]\d\d", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name)
    assert all((row.says, row.why, row.example, row.affected, row.remedy))
    text = explained(row, 80)
    for part in (row.name, row.remedy.split(maxsplit=1)[0], row.example.splitlines()[0].strip()):
        assert part in text


def test_names_are_unique_and_in_order() -> None:
    assert len({row.name for row in CODES.values()}) == len(CODES)
    assert list(CODES) == sorted(CODES)


def test_every_rule_names_a_code_that_is_explained() -> None:
    rows: tuple[Rule[Any, Any], ...] = (*RULES, WHEN_CONVERTED, *packed.RULES, *taken.RULES, *fault.RULES)
    assert {row.code for row in rows} == set(CODES)
    for row in rows:
        assert row.code in (row.check.__doc__ or "")


@pytest.mark.parametrize("columns", [20, 40, 80, 300])
def test_paragraphs_are_wrapped_to_the_terminal(columns: int) -> None:
    for row in CODES.values():
        text = explained(row, columns).replace(row.example, "")
        prose = [line for line in text.splitlines() if line.strip() and not line.startswith("    ")]
        assert max(len(line) for line in prose) <= max(40, min(columns, 100))


@pytest.mark.parametrize("word", ["WL101", "wl101", "marker-of-a-marker", "Marker-Of-A-Marker"])
def test_a_code_is_found_by_number_and_by_name(word: str) -> None:
    assert find(word).code == "WL101"


@pytest.mark.parametrize(
    ("word", "meant"), [("WL1011", "WL101"), ("resurected", "resurrected"), ("needles-opaque", "needless-opaque")]
)
def test_a_code_that_is_none_gets_a_suggestion(word: str, meant: str) -> None:
    with pytest.raises(UsageError) as error:
        find(word)
    assert meant in error.value.remedy


def test_explain_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "WL208"]) == 0
    assert capsys.readouterr().out.startswith("WL208 died\n")
    assert main(["explain"]) == 0
    assert capsys.readouterr().out.strip() == listing()
    assert main(["explain", "zzz"]) == EXIT_USAGE
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "no code 'zzz'" in seen.err
    assert "Traceback" not in seen.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], schema_text()),
        (["scenario"], schema_text()),
        (["defect"], defect_schema_text()),
        (["layers"], layers_schema_text()),
    ],
)
def test_schema_on_the_command_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *words]) == 0
    assert capsys.readouterr().out == text


def test_the_list_has_each_defect_below_the_codes() -> None:
    codes, _, defects = listing().partition("\n\nDefects\n")
    assert [line.split()[0] for line in codes.splitlines()] == list(CODES)
    assert [line.split()[0] for line in defects.splitlines()] == [one.name for one in DEFECTS]
    assert all(one.title in defects for one in DEFECTS)


@pytest.mark.parametrize("columns", [40, 100])
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_every_defect_is_explained_whole(defect: Defect, columns: int) -> None:
    text = explained_defect(defect.name, columns)
    flat = " ".join(text.split())
    for part in (defect.title, defect.cause, defect.remedy, ranges_text(defect.versions), defect.effect.words):
        assert " ".join(part.split()) in flat
    assert all(link in text for link in defect.links)
    assert all(word in flat for word in defect.witnesses)
    assert flat.count("WL") >= len(defect.signs)
    if defect.upstream:
        assert " ".join(defect.upstream.split()) in flat
    if not defect.links:
        assert f"seen by this project on {defect.seen}, not reported when written" in flat


def test_explain_of_a_defect_and_of_nearly_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "Fuse-overlayfs-306"]) == 0
    assert capsys.readouterr().out.startswith("fuse-overlayfs-306\n")
    assert main(["explain", "fuse-overlayfs-30"]) == EXIT_USAGE
    assert "fuse-overlayfs-306" in capsys.readouterr().err
    assert main(["explain", "marker-of-marker"]) == EXIT_USAGE
    assert "marker-of-a-marker" in capsys.readouterr().err


def test_each_published_schema_is_current() -> None:
    assert (project_folder() / "scenarios/schema.json").read_text("utf-8") == schema_text()
    assert (project_folder() / "scenarios/defect-schema.json").read_text("utf-8") == defect_schema_text()
    properties = schema_of_defects()["$defs"]
    assert set(properties["Defect"]["properties"]) == {one for one in Defect.__struct_fields__ if one != "name"}
    assert set(properties["Sign"]["properties"]) == set(Sign.__struct_fields__)
