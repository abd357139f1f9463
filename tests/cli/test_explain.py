from __future__ import annotations

import re
from typing import Any

import pytest

from harness.cli.explain import explained, find, listing
from harness.cli.main import main
from harness.errors import EXIT_USAGE, UsageError
from harness.judge.codes import CODES
from harness.judge.rules.every import RULES
from harness.judge.rules.layer import WHEN_CONVERTED
from harness.judge.rules.rule import Rule
from harness.scenario.schema import schema_text


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_full(code: str) -> None:
    row = CODES[code]
    assert row.code == code
    assert re.fullmatch(r"WL[123]\d\d", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name)
    assert all((row.says, row.why, row.example, row.affected, row.remedy))
    text = explained(row, 80)
    for part in (row.name, row.remedy.split(maxsplit=1)[0], row.example.splitlines()[0].strip()):
        assert part in text


def test_names_are_unique_and_in_order() -> None:
    assert len({row.name for row in CODES.values()}) == len(CODES)
    assert list(CODES) == sorted(CODES)


def test_every_rule_names_a_code_that_is_explained() -> None:
    rows: tuple[Rule[Any, Any], ...] = (*RULES, WHEN_CONVERTED)
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


def test_schema_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema_text()
