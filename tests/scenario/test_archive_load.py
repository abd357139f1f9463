"""How the files of the corpus are read, and what they may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import EXIT_USAGE, ScenarioError
from harness.scenario.archive import LayerCase, as_member
from harness.scenario.archive_load import load_cases, parse_case
from harness.scenario.kept import named_table
from harness.scenario.mistakes import Mistakes

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


@pytest.mark.parametrize("name", ["Case 1", "case.1"])
def test_the_name_of_a_case_is_plain(name: str) -> None:
    with pytest.raises(ScenarioError, match="not one for a case") as error:
        read(WHOLE, name)
    assert error.value.remedy == "use lower-case letters, digits and '-'"


def test_dots_are_of_names_that_may_have_them() -> None:
    mistakes = Mistakes("a.1.toml")
    assert named_table(b"schema = 1", "a.1", 1, "defect", mistakes, dots=True) == {"schema": 1}
    mistakes.end()
    named_table(b"schema = 1", "A.1", 1, "defect", mistakes, dots=True)
    with pytest.raises(ScenarioError, match="not one for a defect") as error:
        mistakes.end()
    assert error.value.remedy == "use lower-case letters, digits, '.' and '-'"


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
