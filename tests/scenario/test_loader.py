"""Every way a scenario file can be wrong gives one message with the file, the key and what to do."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import main
from harness.errors import EXIT_USAGE, ScenarioError, UsageError
from harness.names import escape
from harness.profile import Profile
from harness.scenario.check import check_path
from harness.scenario.layers import layer
from harness.scenario.loader import canonical, find, load, load_all, parse
from harness.scenario.toml import MAX_FILE

HEAD = 'schema = 1\ntitle = "t"\nguards = "g"\n'
STEPS = 'steps = [{ do = "mkdir", path = "a" }]\n'


def refused(text: str | bytes, name: str = "case") -> ScenarioError:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ScenarioError) as error:
        parse(raw, where="case.toml", name=name)
    assert error.value.exit_code == EXIT_USAGE
    return error.value


def test_a_small_scenario_is_read() -> None:
    scenario = parse((HEAD + STEPS).encode(), where="case.toml", name="case")
    assert (scenario.name, scenario.title, len(scenario.steps)) == ("case", "t", 1)


@pytest.mark.parametrize(
    ("text", "where", "what", "remedy"),
    [
        (HEAD + 'colour = "red"\n' + STEPS, "(top)", "unknown key 'colour'", "schema"),
        (HEAD + 'link = ["x"]\n' + STEPS, "(top)", "unknown key 'link'", "did you mean"),
        (HEAD + 'name = "x"\n' + STEPS, "name", "unknown key 'name'", "file's name"),
        (
            HEAD + 'steps = [{ do = "mkdir", path = "a", moed = "0755" }]',
            "steps",
            "unknown key 'moed'",
            "did you mean 'mode'",
        ),
        (HEAD + 'steps = [{ do = "fly", path = "a" }]', "steps[0]", "'fly'", "schema"),
        (HEAD + 'steps = [{ path = "a" }]', "steps[0]", "do", "schema"),
        (HEAD + 'steps = [{ do = "mkdir" }]', "steps[0]", "path", "schema"),
        (HEAD + 'steps = [{ do = "mkdir", path = 7 }]', "steps[0].path", "int", "schema"),
        (HEAD + 'steps = [{ do = "mkdir", path = "a", mode = "rwx" }]', "steps[0].mode", "no octal mode", "0755"),
        (HEAD + 'steps = "mkdir a"', "steps", "Expected", "schema"),
        (
            HEAD + 'steps = [{ do = "mkdir", path = "a", fails = "yes" }]',
            "steps[0].fails",
            "Invalid enum value",
            "schema",
        ),
        ('title = "t"\nguards = "g"\n' + STEPS, "schema", "'missing'", "schema = 1"),
        ('schema = 2\ntitle = "t"\nguards = "g"\n' + STEPS, "schema", "2", "schema = 1"),
        ("schema = 1\n" + STEPS, "(top)", "title", "schema"),
        (HEAD + "steps = []\n", "case.toml", "nothing to do", ""),
        (HEAD + STEPS + '[below]\nfs = "zfs"\n', "below.fs", "zfs", "schema"),
        (HEAD + STEPS + 'profiles = ["admin"]\n', "profiles[0]", "admin", "schema"),
        (HEAD + STEPS + 'stack = "both"\n', "stack", "both", "schema"),
        (HEAD + STEPS + "handover = {}\n", "handover", "hands over to nobody", "profile"),
        (HEAD + STEPS + "faults = [{ fault = 'EWRONG' }]\n", "faults[0].fault", "there is no fault 'EWRONG'", "EMFILE"),
        (
            HEAD + STEPS + '[[known]]\ncode = "WL101"\n',
            "known",
            "a scenario says nothing of what is known",
            "scenarios/defects",
        ),
        (HEAD + STEPS + '[env]\n"A B" = "1"\n', "env", "'A B'", ""),
    ],
)
def test_wrong_keys_and_types(text: str, where: str, what: str, remedy: str) -> None:
    error = refused(text)
    assert error.where.startswith("case.toml")
    assert where in error.where
    assert what in error.what
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/etc/passwd", "absolute path"),
        ("../x", "has the part '..'"),
        ("a/../../x", "has the part '..'"),
        ("a/./b", "has the part '.'"),
        ("a//b", "has the part ''"),
        ("", "has the part ''"),
        ("n" * 300, "a name of 300 bytes"),
        ("é" * 128, "a name of 256 bytes"),
        ("/".join(["n" * 200] * 21), "a path of 4220 bytes"),
        ("a\\\\x00b", "NUL"),
        ("a\\\\qb", "unknown escape"),
    ],
)
@pytest.mark.parametrize("place", ["step", "second path of a step", "layer", "upper", "link"])
def test_paths_that_leave_the_tree_or_cannot_be(path: str, what: str, place: str) -> None:
    text, where = {
        "step": (f'steps = [{{ do = "unlink", path = "{path}" }}]', "steps[0].path"),
        "second path of a step": (f'steps = [{{ do = "rename", path = "a", to = "{path}" }}]', "steps[0].to"),
        "layer": (f'{STEPS}[[layers]]\n"{path}" = "x"\n', "layers[0]"),
        "upper": (f'{STEPS}[upper]\n"{path}" = "x"\n', "upper"),
        "link": (f'{STEPS}[[layers]]\n"f" = "x"\n"l" = {{ link = "{path}" }}\n', 'layers[0]."l".link'),
    }[place]
    error = refused(HEAD + text)
    assert error.where.startswith(f"case.toml: {where}")
    assert what in error.what
    assert error.remedy


@pytest.mark.parametrize(
    ("tree", "what"),
    [
        ('"a" = { link = "b" }\n"b" = { link = "a" }', "a loop of links"),
        ('"a" = { link = "a" }', "a loop of links"),
        ('"a" = { link = "nothing" }', "leads to nothing"),
        ('"d/" = {}\n"a" = { link = "d" }', "leads to dir"),
        ('"f" = "x"\n"f/g" = "x"', "lies below a text"),
        ('"l" = { symlink = "d" }\n"l/g" = "x"', "lies below a symlink"),
        ('"d" = "x"\n"d/" = {}', "the same path twice"),
        ('"d/" = { text = "x" }', "a directory with 'text'"),
        ('"f" = { text = "x", fifo = true }', "'text' and 'fifo' together"),
        ('"f" = { opaque = ["native"] }', "'opaque' on what is no directory"),
        ('"d/" = { opaque = ["native", "holds"] }', "'holds' beside another mark"),
        ('"f" = { literal = true }', "'literal' on what is no file"),
        ('".wh.d/" = { literal = true }', "'literal' on what is no file"),
        ('"f" = { whiteout = "device", mode = "0644" }', "a whiteout with mode"),
        ('"f" = { mode = "9999" }', "Expected 'str' matching"),
        ('"f" = { char = [0, 0, 0] }', "of length 2"),
        ('"f" = { whiteout = "aufs" }', "aufs"),
        ('"f" = { text = "\\\\q" }', "unknown escape"),
        ('"f" = { do = "unlink" }', "unknown key 'do'"),  # a step on a layer
        ('"f" = 3', "Expected"),
    ],
)
def test_layers_that_cannot_be_meant(tree: str, what: str) -> None:
    error = refused(HEAD + STEPS + "[[layers]]\n" + tree + "\n")
    assert error.where.startswith("case.toml: layers[0]")
    assert what in error.what


def test_a_wrong_key_of_an_entry_is_found_by_the_entrys_name() -> None:
    error = refused(HEAD + STEPS + '[[layers]]\n"a" = "a"\n\n[[layers]]\n"d/f" = { mode = "9999" }\n')
    assert error.where == 'case.toml: layers[1]."d/f".mode'
    error = refused(HEAD + STEPS + '[upper]\n"x" = { modus = "0644" }\n')
    assert error.where == 'case.toml: upper."x"'
    assert "did you mean 'mode'?" in error.remedy


def test_what_is_no_toml_or_no_text() -> None:
    assert "is not TOML" in refused("schema = = 1").what
    assert "is not UTF-8 (byte 10)" in refused(b'schema = "\xff"').what
    assert "is not TOML" in refused("a = " + "[" * 100_000).what


def test_a_name_of_a_scenario_is_plain() -> None:
    assert "is not one for a scenario" in refused(HEAD + STEPS, name="Big Name").what


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as file:
        file.truncate(1 << 30)  # a hole: costs nothing on disk
    with pytest.raises(ScenarioError, match="larger than 1 MiB") as error:
        load(huge)
    assert error.value.where == str(huge)
    assert MAX_FILE == 1 << 20


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ScenarioError, match="cannot be read: Is a directory"):
        load(tmp_path / "folder.toml")


def test_two_scenarios_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.toml").write_text(HEAD + STEPS)
    with pytest.raises(ScenarioError, match="a second scenario with the name 'same'") as error:
        load_all(sorted(tmp_path.rglob("*.toml")))
    assert str(tmp_path / "a" / "same.toml") in error.value.remedy


def test_words_of_the_command_line_name_scenarios(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(HEAD + STEPS)
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    assert find([], tmp_path) == [one, two]
    assert find(["two", "one", "two"], tmp_path) == [two, one]
    assert find([str(tmp_path)], tmp_path) == [one, two]
    with pytest.raises(UsageError) as error:
        find(["onee"], tmp_path)
    assert "did you mean one?" in error.value.remedy


def test_one_file_that_is_named_in_several_ways_is_one_scenario(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "one.toml").write_text(HEAD + STEPS)
    names = [
        str(tmp_path / name) for name in ("one.toml", "here/../one.toml", "link/one.toml", "link/here/../one.toml")
    ]
    assert len(find(names, tmp_path / "here")) == 1
    assert {canonical(Path(name)) for name in names} == {tmp_path.resolve() / "one.toml"}


def test_the_command_line_says_it_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(HEAD + 'steps = [{ do = "unlink", path = "../\\u001b[31m" }]\n')
    assert main(["list", str(bad)]) == EXIT_USAGE
    seen = capsys.readouterr()
    assert seen.out == ""
    assert f"{bad}: steps[0].path" in seen.err
    assert "remedy:" in seen.err
    assert "\x1b" not in seen.err
    assert "Traceback" not in seen.err


PART = st.binary(min_size=1, max_size=255).filter(lambda name: not {0, 47} & set(name) and name not in {b".", b".."})


@given(st.lists(PART, min_size=1, max_size=4))
def test_every_path_that_a_file_system_can_hold_is_taken_as_it_is(parts: list[bytes]) -> None:
    path = b"/".join(parts)
    assert check_path(escape(path), "here") == path


@given(st.text(max_size=60))
def test_a_path_is_safe_or_refused(text: str) -> None:
    try:
        path = check_path(text, "here")
    except ScenarioError:
        return
    assert not path.startswith(b"/")
    assert not {b"", b".", b".."} & set(path.split(b"/"))
    assert b"\0" not in path


SLIPS = """\
colour = "red"
steps = [{ do = "mkdri", path = "a" }, { do = "mkdir", path = "../a", moed = "0755" }, { do = "unlink", path = "/a" }]
also = ["fuse-overlayfs+stak"]
on = ["fuse-overlayfs=>2", "apptainer-*"]
profiles = ["rot"]

[options]
fuse-overlay = "noacl"

[[layers]]
"a/" = { whiteout = "devise" }
"b" = { link = "c" }

"""


def test_all_mistakes_of_a_file_are_told_at_once_each_with_what_was_perhaps_meant() -> None:
    text = str(refused(HEAD + SLIPS))
    for place, message in (
        ("(top)", "unknown key 'colour'"),
        ("steps[0].do", "there is no 'mkdri'\n      remedy: did you mean 'mkdir'? known: mkdir, rmdir"),
        ("steps[1]", "unknown key 'moed'\n      remedy: did you mean 'mode'?"),
        ("steps[2].path", "absolute path '/a'"),
        ("also[0]", "there is no tool 'fuse-overlayfs+stak'\n      remedy: did you mean 'fuse-overlayfs+stack'?"),
        (
            "on[0]",
            "'fuse-overlayfs=>2' is neither a tool nor a range of its versions\n      remedy: did you mean 'fuse-overlayfs>=2'?",
        ),
        ("profiles[0]", "Invalid enum value 'rot'\n      remedy: did you mean 'root'? known: root, user"),
        ('options."fuse-overlay"', "'fuse-overlay' is no program\n      remedy: did you mean 'fuse-overlayfs'?"),
        ('layers[0]."a/".whiteout', "Invalid enum value 'devise'\n      remedy: did you mean 'device'?"),
        ("layers[0]", "the link 'b' leads to nothing"),
    ):
        assert f"\n    {place}: " in text, place
        assert message in text
    assert text.startswith("case.toml: ")


def test_a_file_that_is_not_there_is_no_scenario_that_is_not_known(tmp_path: Path) -> None:
    for word in ("mine.toml", "./mine", str(tmp_path / "mine")):
        with pytest.raises(UsageError, match="there is no such file"):
            find([word], tmp_path)
    with pytest.raises(UsageError, match="no scenario 'mine'"):
        find(["mine"], tmp_path)


def test_the_mistakes_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(HEAD + 'steps = [{ do = "mkdri", path = "a" }]\n')
    with pytest.raises(ScenarioError) as error:
        load_all(sorted(tmp_path.glob("*.toml")))
    assert str(error.value).count("did you mean 'mkdir'?") == 2
    assert f"{tmp_path}/one.toml: steps[0].do" in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("fuse-overlayfs=1.15", "did you mean 'fuse-overlayfs==1.15'?"),
        ("fuse-overlayfs=>2", "did you mean 'fuse-overlayfs>=2'?"),
        ("fuse-overlayfs>=v2", "did you mean 'fuse-overlayfs>=2'?"),
        ("fuse-overlayfs>=1.8<2", "write NAME"),
        ("fuse-overlayfs>=1.8, <2", "did you mean 'fuse-overlayfs>=1.8,<2'?"),
        ("fuse-overlayfs 1.4", "did you mean 'fuse-overlayfs==1.4'?"),
        ("fuse-overlayfs-1.4", "did you mean 'fuse-overlayfs==1.4'?"),
        ("fuse-overlayfs==1.15+b6b56130", "did you mean 'fuse-overlayfs==1.15'?"),
        ("fuse-overlayfs>=1.8,", "did you mean 'fuse-overlayfs>=1.8'?"),
        ("fuse-overlayfs>=", "write NAME"),
        ("fuse-overlayfs!=1.4", "write NAME"),
        (">=1.4", "write NAME"),
        ("", "write NAME"),
        ("fuse-overlays", "did you mean 'fuse-overlayfs'?"),
        ("fuse-overlays>=1.4", "did you mean 'fuse-overlayfs'?"),
        ("podman*", "known: kernel, kernel+nouserxattr, fuse-overlayfs"),
        ("fuse-overlayfs<" + "9" * 5000, "write NAME"),
    ],
)
def test_a_word_that_speaks_of_no_tool_is_an_error(pattern: str, meant: str) -> None:
    error = refused(HEAD + STEPS + f"on = ['{pattern}']\n")
    assert error.where == "case.toml: on[0]"
    assert meant in error.remedy


@pytest.mark.parametrize(
    "word", ["kernel", "kernel+nouserxattr", "kernel<6.7", "fuse-*", "*", "fuse-overlayfs>=1.8,<2", "apptainer*<1.5"]
)
def test_words_that_speak_of_tools(word: str) -> None:
    assert parse((HEAD + STEPS + f"on = ['{word}']\n").encode(), where="here", name="case").on == (word,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = " + "9" * 5000, "is not TOML"),
        ("schema = 0x" + "f" * 5000, "more than 64 bits"),
        (HEAD + "steps = [{ do = 'truncate', path = 'a', size = 0x" + "f" * 5000 + " }]", "more than 64 bits"),
        (HEAD + "steps = [{ do = 'truncate', path = 'a', size = -1 }]", "is no size"),
        (HEAD + "steps = [{ do = 'mknod', path = 'a', device = [0, 4294967296] }]", "is no device"),
        (HEAD + "steps = [{ do = 'chown', path = 'a', owner = [0, -1] }]", "is no owner"),
        (".".join("a" * 20_000) + " = 1", "a key of more than 16 parts"),
        ("[" + " . ".join(["'a'"] * 20_000) + "]", "a key of more than 16 parts"),
        ("a = { " + ".".join(['"a.b"'] * 20_000) + " = 1 }", "a key of more than 16 parts"),
        ("schema = 1\na = " + "[" * 100 + "]" * 100, "in one another"),
        ("schema = 1\na = " + "{a=" * 100 + "1" + "}" * 100, "in one another"),
        ("a = " + "{a=" * 100_000, "is not TOML"),
        ("schema = nan", "schema is 'nan'"),
        ("schema = true", "schema is 'True'"),
        (HEAD + "steps = [" + "{ do = 'fly' }," * 50_000 + "]", "more than 20 mistakes"),
        (HEAD + "steps = ['" + "x" * 900_000 + "']", "Expected"),
        ('a = """' + '\\"""' * 200_000, "is not TOML"),
        (HEAD + STEPS + "[[layers]]\n" + "".join(f"{n} = {{ link = '{n + 1}' }}\n" for n in range(40_000)), "leads to nothing"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_whatever_a_file_of_a_megabyte_holds_is_a_short_message_and_soon(text: str, message: str) -> None:
    error = refused(text)
    assert message in error.what
    assert len(str(error)) < 20_000


@pytest.mark.parametrize("depth", [200, 201, 1999])
def test_a_deep_path_is_read_or_refused(depth: int, tmp_path: Path) -> None:
    path = "/".join("a" * depth)
    (tmp_path / "deep.toml").write_text(
        HEAD + f'steps = [{{ do = "unlink", path = "{path}" }}]\n[[layers]]\n"{path}" = "x"\n'
    )
    if depth <= 200:
        assert load(tmp_path / "deep.toml").steps
        return
    with pytest.raises(ScenarioError, match=f"a path of {depth} parts"):
        load(tmp_path / "deep.toml")


def test_a_text_with_dots_is_no_key() -> None:
    dots = ".".join("a" * 500)
    text = HEAD + f'links = ["{dots}"]  # {dots}\n' + STEPS + f"[[layers]]\n\"{dots[:200]}\" = '''{dots}'''\n"
    assert parse(text.encode(), where="here", name="case").links == (dots,)


def test_a_name_cannot_forge_a_line() -> None:
    text = str(refused(HEAD + STEPS + '[[layers]]\n"a\\nremedy: rm" = { whiteout = "x" }\n'))
    assert "\nremedy" not in text
    assert "\\nremedy: rm" in text


def test_a_long_chain_of_links_is_laid_out_soon() -> None:
    links = "".join(f"{n} = {{ link = '{n + 1}' }}\n" for n in range(20_000))
    scenario = parse((HEAD + STEPS + f"[[layers]]\n{links}20000 = 'x'\n").encode(), where="here", name="case")
    entries = list(layer(scenario.layers[0], Profile.ROOT))
    assert len(entries) == 20_002
    assert {entry.links for entry in entries if entry.path} == {20_001}


def test_links_of_links_are_one_group_in_whatever_order_they_stand() -> None:
    for order in itertools.permutations(("a = { link = 'b' }", "b = { link = 'c' }", "c = { link = 'd' }", "d = 'x'")):
        text = HEAD + STEPS + "[[layers]]\n" + "\n".join(order) + "\n"
        (tree,) = parse(text.encode(), where="here", name="case").layers
        files = [entry for entry in layer(tree, Profile.ROOT) if entry.path]
        assert {(entry.same_as, entry.links) for entry in files} == {(b"a", 4)}, order
