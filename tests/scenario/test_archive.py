"""The files of the corpus: how they are read, what they may not say, and what the shipped ones must keep to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import EXIT_USAGE, ScenarioError
from harness.scenario.archive import FOLDER as NAME
from harness.scenario.archive import LayerCase, as_member
from harness.scenario.archive_load import load_cases, parse_case
from harness.scenario.archive_schema import schema, schema_text
from harness.scenario.loader import scenarios_below
from harness.scenario.mistakes import Mistakes

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FOLDER = SCENARIOS / NAME
CASES = load_cases(FOLDER)
HEAD = 'schema = 1\ntitle = "some title"\nguards = "some sentence"\nlinks = []\n'
LAYER = '[[layers]]\nmembers = ["a"]\n'
MEANT = '[meant]\na = ""\n'
WHOLE = HEAD + LAYER + MEANT


def read(text: str, name: str = "case") -> LayerCase:
    mistakes = Mistakes("case.toml")
    case = parse_case(text.encode(), name, mistakes)
    mistakes.end()
    assert case is not None
    return case


def test_a_small_case_is_read() -> None:
    case = read(WHOLE)
    assert (case.name, case.meant, [as_member(one).path for one in case.layers[0].members]) == (
        "case",
        {"a": ""},
        ["a"],
    )


def member(text: str) -> str:
    return HEAD + f"[[layers]]\nmembers = [{text}]\n" + MEANT


AT = "layers[0].members[0]"
OPEN = HEAD + 'open = "nobody knows why"\n' + LAYER
BOTH = '[[allowed]]\nhow = "one"\ntree = { a = "" }\n[[allowed]]\nhow = "two"\nrefuses = true\n'


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (WHOLE.replace("schema = 1", "schema = 2"), "schema", "'2'"),
        (HEAD + 'steps = []\n' + LAYER + MEANT, "(top)", "unknown key 'steps'"),
        (HEAD + 'name = "x"\n' + LAYER + MEANT, "name", "unknown key 'name'"),
        (HEAD + MEANT, "(top)", "missing: 'layers'"),
        (HEAD + "layers = []\n" + MEANT, "layers", "length >= 1"),
        (WHOLE.replace("some title", "t"), "title", "says too little"),
        (WHOLE.replace("links = []", 'links = ["here"]'), "links[0]", "no link"),
        (HEAD + '[[layers]]\nmembers = ["a"]\nnames = "long"\n' + MEANT, "layers[0].names", "'long'"),
        (HEAD + "[[layers]]\nmembers = []\nentries = []\n" + MEANT, "layers[0]", "unknown key 'entries'"),
        (member('{ path = "a", colour = "red" }'), AT, "unknown key 'colour'"),
        (member('{ text = "a" }'), AT, "missing: 'path'"),
        (member('{ path = "a", text = "x", fifo = true }'), AT, "'text' and 'fifo' together"),
        (member('{ path = "a", text = "", symlink = "x" }'), AT, "'text' and 'symlink' together"),
        (member('{ path = "a/", hardlink = "x" }'), AT, "a directory with 'hardlink'"),
        (member('""'), f"{AT}.path", "no archive holds"),
        (member(r'"a\\x00b"'), f"{AT}.path", "no archive holds"),
        (member(f'"{"a/" * 2001}"'), f"{AT}.path", "no archive holds"),
        (member(r'"a\\qb"'), f"{AT}.path", "unknown escape"),
        (member('{ path = "a", hardlink = "" }'), f"{AT}.hardlink", "no archive holds"),
        (member('{ path = "a", symlink = "" }'), f"{AT}.symlink", "no archive holds"),
        (member(r'{ path = "a", text = "\\q" }'), AT, "unknown escape"),
        (member(r'{ path = "a", xattrs = { "user.a" = "\\q" } }'), AT, "unknown escape"),
        (member('{ path = "a", xattrs = { "user.a=b" = "c" } }'), f"{AT}.xattrs", "no record holds"),
        (member('{ path = "a", char = [0, 2097152] }'), f"{AT}.char", "is no char"),
        (member('{ path = "a", block = [-1, 0] }'), f"{AT}.block", "is no block"),
        (member('{ path = "a", owner = [4294967296, 0] }'), f"{AT}.owner", "is no owner"),
        (member('{ path = "a", mode = "rwx" }'), f"{AT}.mode", "regex"),
        (member('{ path = "a", text = "x", size = 65535 }'), f"{AT}.size", "no plain lie"),
        (member('{ path = "a", size = 65536 }'), f"{AT}.size", "no plain lie"),
        (member('{ path = "a", text = "x", size = 65536 }, "b"'), f"{AT}.size", "no plain lie"),
        (HEAD + LAYER, "case.toml", "says nothing of what it means"),
        (HEAD + 'refuse = "nobody could"\n' + LAYER + MEANT, "case.toml", "says meant and refuse"),
        (HEAD + 'refuse = "why"\n' + LAYER, "refuse", "says too little"),
        (HEAD + 'open = ""\n' + LAYER + BOTH, "open", "says too little"),
        (OPEN, "allowed", "0 readings of what is open"),
        (OPEN + BOTH[: BOTH.index("[[", 1)], "allowed", "1 readings of what is open"),
        (WHOLE + BOTH, "allowed", "2 readings of what is not open"),
        (OPEN + BOTH.replace("refuses = true", ""), "allowed[1]", "a tree or refuses"),
        (OPEN + BOTH + "tree = {}\n", "allowed[1]", "a tree or refuses"),
        (OPEN + BOTH.replace("{ a", "{ '../a'"), "allowed[0].tree", "'..'"),
        (HEAD + LAYER + MEANT.replace("a = ", '"/a" = '), 'meant."/a"', "absolute path"),
        (HEAD + LAYER + MEANT.replace("a = ", '".wh.a" = '), 'meant.".wh.a"', "begins with .wh."),
        (HEAD + LAYER + MEANT.replace("a = ", '"d/.wh.d/a" = '), 'meant."d/.wh.d/a"', "begins with .wh."),
        (HEAD + LAYER + MEANT.replace('""', "{ unsaid = true }"), 'meant."a"', "no directory"),
        (HEAD + LAYER + MEANT.replace('""', '{ link = "b" }'), "meant", "leads to nothing"),
        (HEAD + LAYER + MEANT.replace('""', '{ whiteout = "file" }'), 'meant."a"', "unknown key 'whiteout'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(text)
    assert error.value.exit_code == EXIT_USAGE
    assert what in error.value.what
    assert error.value.where.removeprefix("case.toml: ") == where or error.value.where.startswith(f"case.toml: {where}")


@pytest.mark.parametrize("text", [WHOLE, OPEN + BOTH, HEAD + 'refuse = "nobody could"\n' + LAYER,
                                  member('{ path = "a", text = "x", size = 65536 }'),
                                  member('{ path = "a/", owner = [4294967295, 0] }')])  # fmt: skip
def test_what_is_no_mistake(text: str) -> None:
    assert read(text).layers


def test_the_name_of_a_case_is_plain() -> None:
    with pytest.raises(ScenarioError, match="not one for a case"):
        read(WHOLE, "Case 1")


def test_the_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(WHOLE.replace("some title", "t"))
    (tmp_path / "three.toml").write_text(WHOLE)
    (tmp_path / "two.toml").write_text("schema = 1\nx")
    with pytest.raises(ScenarioError) as error:
        load_cases(tmp_path)
    assert all(word in str(error.value) for word in ("2 mistakes", "one.toml: title", "two.toml"))
    (tmp_path / "one.toml").unlink()
    (tmp_path / "two.toml").unlink()
    assert [case.name for case in load_cases(tmp_path)] == ["three"]
    assert load_cases(tmp_path / "none") == ()


# ---- the shipped ones


def test_no_case_is_taken_for_a_scenario() -> None:
    below = scenarios_below(SCENARIOS)
    assert below
    assert not [path for path in below if path.parent == FOLDER]
    assert scenarios_below(FOLDER) == []


def test_there_are_enough_of_them_and_each_is_its_own() -> None:
    assert len(CASES) >= 40
    assert len({case.title for case in CASES}) == len({case.guards for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_opens_as_scenarios_do(case: LayerCase) -> None:
    schema_line, comment, first = (FOLDER / f"{case.name}.toml").read_text("utf-8").splitlines()[:3]
    assert (FOLDER / schema_line.removeprefix("#:schema ")).resolve() == SCENARIOS / "corpus-schema.json"
    assert re.fullmatch(r"# .{20,160}\.", comment)
    assert first == "schema = 1"
    assert 15 <= len(case.title) <= 120
    assert 30 <= len(case.guards) <= 200
    assert not case.guards.endswith(".")
    assert any(link.startswith("https://github.com/opencontainers/image-spec/") for link in case.links)


def test_what_the_format_can_say_is_used() -> None:
    layers = [layer for case in CASES for layer in case.layers]
    members = [as_member(one) for layer in layers for one in layer.members]
    for key in ("text", "symlink", "hardlink", "char", "block", "fifo", "mode", "owner", "xattrs", "size"):
        assert any(getattr(member, key) for member in members), key
    assert {layer.names for layer in layers} == {"pax", "gnu", "records"}
    assert {layer.xattrs for layer in layers} == {"schily", "libarchive"}
    assert {layer.ends for layer in layers} == {True, False}
    assert any(not layer.members for layer in layers)
    assert {len(case.layers) for case in CASES} >= {1, 2, 3, 4}


def test_the_published_schema_is_current() -> None:
    published = (SCENARIOS / "corpus-schema.json").read_text("utf-8")
    assert published == schema_text(), "whiteout-lab schema layers > scenarios/corpus-schema.json"


@pytest.mark.parametrize("table", schema()["$defs"])
def test_every_property_has_a_description(table: str) -> None:
    assert [key for key, rule in schema()["$defs"][table]["properties"].items() if "description" not in rule] == []
