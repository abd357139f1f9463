"""Defect files: what they say, what is refused, and the shipped ones."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.errors import ScenarioError, UsageError
from harness.judge.codes import CODES
from harness.judge.defects.load import Words, load_defects
from harness.judge.defects.model import Defect
from harness.judge.defects.schema import schema_text
from harness.runs.decide import known_defects
from harness.runs.folders import project_folder
from harness.worlds.ranges import in_ranges

FOLDER = project_folder() / "scenarios" / "defects"
SHIPPED = known_defects()
WORDS = Words(
    ("kernel", "kernel+nouserxattr", "fuse-overlayfs", "apptainer+ext3"), ("kernel", "fuse-overlayfs"), ("case",)
)
GOOD = """schema = 1
title = "a new directory holds a whiteout"
program = "fuse-overlayfs"
versions = [">=0.7.5,<1.15"]
effect = "refused"
cause = "it takes its own mark for a whiteout"
remedy = "use 1.15 or later"
links = ["https://example.org/3176"]
witnesses = ["case"]

[[signs]]
codes = ["WL101"]
facts = { encoding = "device" }
"""


def loaded(folder: Path, text: str, name: str = "ghost") -> tuple[Defect, ...]:
    (folder / f"{name}.toml").write_text(text)
    return load_defects(folder, WORDS)


def test_a_defect_is_named_by_its_file(tmp_path: Path) -> None:
    (defect,) = loaded(tmp_path, GOOD)
    assert (defect.name, defect.kind, defect.link) == ("ghost", "defect", "https://example.org/3176")
    assert load_defects(tmp_path / "none", WORDS) == ()


@pytest.mark.parametrize(
    ("line", "instead", "place", "said"),
    [
        ("schema = 1", "schema = 2", "schema", "this version reads schema = 1"),
        ('title = "a new directory holds a whiteout"\n', "", "(top)", "missing: 'title'"),
        ('title = "a new', 'name = "x"\ntitle = "a new', "name", "the file's name is the defect's name"),
        ('title = "a new', 'tittle = "x"\ntitle = "a new', "(top)", "did you mean 'title'"),
        ('"it takes its own mark for a whiteout"', '"so"', "cause", "says too little"),
        ('program = "fuse-overlayfs"', 'program = "fuse-overlay"', "program", "did you mean 'fuse-overlayfs'"),
        ('">=0.7.5,<1.15"', '"=>2"', "versions[0]", "no range of versions"),
        ('">=0.7.5,<1.15"', '"1.14"', "versions[0]", "no range of versions"),
        ('">=0.7.5,<1.15"', '">=v2"', "versions[0]", "no range of versions"),
        ('versions = [">=0.7.5,<1.15"]', "versions = []", "versions", "length >= 1"),
        ('"refused"', '"refuse"', "effect", "did you mean 'refused'"),
        ('"https://example.org/3176"', '"example.org"', "links[0]", "is no link"),
        ('links = ["https://example.org/3176"]\n', "", "links", "nobody can read about it"),
        ('links = ["https://example.org/3176"]', 'seen = "yesterday"', "seen", "is no day"),
        ('witnesses = ["case"]', 'witnesses = ["cases"]', "witnesses[0]", "did you mean 'case'"),
        ('witnesses = ["case"]', "witnesses = []", "witnesses", "length >= 1"),
        ('codes = ["WL101"]', 'codes = ["WL999"]', "signs[0].codes[0]", "there is no code 'WL999'"),
        ('codes = ["WL101"]', 'codes = ["WL101", "WL201"]', "signs[0].facts", "WL201 has no fact 'encoding'"),
        ('encoding = "device"', 'encodin = "device"', "signs[0].facts", "did you mean 'encoding'"),
        ("facts = {", 'words = "*"\nfacts = {', "signs[0]", "unknown key 'words'"),
        ("facts = {", 'tools = ["fuse-stack"]\nfacts = {', "signs[0].tools[0]", "is now called fuse-overlayfs+stack"),
        ("facts = {", 'tools = ["kernel<6"]\nfacts = {', "signs[0].tools[0]", "says versions"),
        ("facts = {", 'tools = ["kernal"]\nfacts = {', "signs[0].tools[0]", "there is no tool 'kernal'"),
        ("facts = {", 'tools = ["apptainer*"]\nscenarios = ["no"]\nfacts = {', "signs[0].scenarios[0]", "known: case"),
        ("facts = {", 'profiles = ["rot"]\nfacts = {', "signs[0].profiles[0]", "did you mean 'root'"),
        ("facts = {", 'places = ["viw"]\nfacts = {', "signs[0].places[0]", "did you mean 'view'"),
        ("facts = {", 'places = ["viw@docker"]\nfacts = {', "signs[0].places[0]", "there is no place 'viw@docker'"),
        ("facts = {", 'places = ["view@"]\nfacts = {', "signs[0].places[0]", "did you mean 'view'"),
        ("facts = {", 'versions = ["<=x"]\nfacts = {', "signs[0].versions[0]", "no range of versions"),
    ],
)
def test_a_word_that_no_table_knows_is_an_error_with_its_place(
    line: str, instead: str, place: str, said: str, tmp_path: Path
) -> None:
    assert line in GOOD
    with pytest.raises(ScenarioError) as raised:
        loaded(tmp_path, GOOD.replace(line, instead))
    text = str(raised.value)
    assert "ghost.toml: " in text
    assert re.search(rf"(ghost\.toml|^) *:? *{re.escape(place)}: ", text, re.MULTILINE), text
    assert said in text


def test_the_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(GOOD.replace("WL101", "WL999"))
    with pytest.raises(ScenarioError) as raised:
        loaded(tmp_path, GOOD.replace('"case"', '"cas"'), "two")
    assert "WL999" in str(raised.value)
    assert "did you mean 'case'" in str(raised.value)


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="no such folder"):
        known_defects(Path("/nowhere"))


@pytest.mark.parametrize(
    ("ranges", "version", "holds"),
    [
        (["any"], "0.1", True),
        ([">=0.7.5,<1.15"], "1.14", True),
        ([">=0.7.5,<1.15"], "1.15", False),
        (["==0.4", ">=2"], "2.0.0", True),
        (["==0.4", ">=2"], "1.16", False),
        ([], "1", False),
    ],
)
def test_a_version_lies_in_a_range(ranges: Sequence[str], version: str, holds: bool) -> None:
    assert in_ranges(ranges, version) is holds


def test_the_published_schema_is_the_models() -> None:
    assert (FOLDER.parent / "defect-schema.json").read_text("utf-8") == schema_text()
    properties = json.loads(schema_text())["$defs"]
    for model in ("Defect", "Sign"):
        for key, rule in properties[model]["properties"].items():
            assert key == "schema" or "description" in json.dumps(rule), f"{model}.{key}"


@pytest.mark.parametrize("defect", SHIPPED, ids=lambda one: one.name)
def test_a_shipped_defect_says_what_a_reader_needs(defect: Defect) -> None:
    first, second = (FOLDER / f"{defect.name}.toml").read_text("utf-8").splitlines()[:2]
    assert (FOLDER / first.removeprefix("#:schema ")).resolve() == FOLDER.parent / "defect-schema.json"
    assert second == "schema = 1"
    assert not defect.title.endswith(".")
    assert len(defect.title) <= 120
    assert set(sign_codes(defect)) <= CODES.keys()
    assert not re.search(r"seen by this project", defect.cause), "the key 'seen' says it"
    assert any(not sign.scenarios or set(sign.scenarios) & set(defect.witnesses) for sign in defect.signs), (
        "it shows in none"
    )


def sign_codes(defect: Defect) -> list[str]:
    return [code for sign in defect.signs for code in sign.codes]


def test_titles_are_their_own() -> None:
    assert len({(one.program, one.title) for one in SHIPPED if not one.name.startswith("fuse-overlayfs-")}) == len(
        [one for one in SHIPPED if not one.name.startswith("fuse-overlayfs-")]
    )
    assert len(SHIPPED) >= 60
