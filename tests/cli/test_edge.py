"""The edge of every command: hostile words and names, odd locales, odd homes and odd paths, each with its words and never a traceback."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.cli.main import COMMANDS, main
from harness.errors import LabError, UsageError, of_system, text_path
from harness.machine.process import Finished, run
from harness.names import one_line, printable
from harness.report.html import render
from harness.worlds.versions import kernel_number
from tests.entries import file
from tests.factory import FakeCell, make_run
from tests.report.pages import hostile_scenario

PROJECT = Path(__file__).resolve().parents[2]
FORGED = "whiteout-lab: all is well"
EVIL = ("\x1b[31mred", f"new\n{FORGED}", "right\u202eleft", "zero\u200bwidth\ufeff", "bell\x07\x9b2J", "line\u2028sep")


def _inert(text: str) -> None:
    assert [c for c in text if c != "\n" and not c.isprintable()] == []
    assert FORGED not in text.split("\n")


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, a work folder and a current folder of the test's own."""
    for name, folder in (("WHITEOUT_LAB_CACHE", "cache"), ("WHITEOUT_LAB_WORK", "work")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    try:
        code = main(words)
    except SystemExit as end:  # argparse's own
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize("evil", EVIL)
def test_no_command_repeats_a_hostile_word_alive(evil: str, apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ("run", "list", "script", "report", "inspect", "explain")
    assert set(told) < set(COMMANDS)
    every: tuple[tuple[str, ...], ...] = (
        *((command, evil) for command in told),
        *((command, f"--{evil}") for command in COMMANDS),
        (evil,), ("run", "--jobs", evil), ("run", "--only", evil), ("list", "--tool", evil), ("list", "--tool", f"kernel@{evil}"),
        ("list", "--tool", f"fuse-overlayfs={evil}"), ("worlds", "build", evil), ("inspect", ".", "--lower", evil),
    )  # fmt: skip
    for words in every:
        code, text = _say(capsys, *words)
        assert code != 0, words
        _inert(text)


@pytest.mark.parametrize("evil", EVIL)
def test_no_command_shows_a_hostile_path_alive(
    evil: str, apart: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    top = apart / evil
    top.mkdir()
    (top / evil).write_text("x")
    (top / f".wh.{evil}").touch()
    monkeypatch.setenv("WHITEOUT_LAB_WORK", str(top / "work"))
    every: tuple[tuple[str, ...], ...] = (("inspect", str(top)), ("inspect", str(top / evil)), ("doctor",))
    for words in (*every, ("inspect", str(top), "--mtree")):
        text = _say(capsys, *words)[1]
        assert text
        _inert(text)
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(top / "cache"))
    for words in (("worlds", "list"), ("list", "ghost-marker", "--tool", "kernel")):
        _inert(_say(capsys, *words)[1])
    shutil.copytree(make_run(apart / "run", [FakeCell()]), top / "run")
    code, text = _say(capsys, "report", str(top / "run"))
    assert code == 0
    _inert(text)


def _hostile_file(folder: Path, evil: str) -> Path:
    written = evil.encode("unicode-escape").decode("ascii").replace("\\x", "\\u00")
    path = folder / "hostile.toml"
    path.write_text(
        f'schema = 1\ntitle = "{written}"\nguards = "{written}"\nlinks = ["https://example.org/{written}"]\n'
        f'steps = [{{ do = "mkdir", path = "d" }}]\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("evil", EVIL)
def test_a_script_has_comments_that_are_inert(
    evil: str, apart: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    from harness.cells.plan import Cell  # noqa: PLC0415
    from harness.profile import Profile  # noqa: PLC0415
    from harness.scenario.loader import load  # noqa: PLC0415
    from harness.script.compile import compile_cell  # noqa: PLC0415
    from tests.script.test_compile import tool  # noqa: PLC0415

    text = compile_cell(Cell(load(_hostile_file(apart, evil)), tool("kernel"), Profile.ROOT)).decode()
    assert f"# {one_line(evil)}" in text
    _inert(text.replace("\t", " "))


@pytest.mark.parametrize("evil", EVIL)
def test_no_part_of_the_report_is_alive(evil: str, tmp_path: Path) -> None:
    import msgspec  # noqa: PLC0415

    links = (*(f"https://{host}{evil}" for host in ("example.org/", "github.com/a/b/issues/1?", "")), evil)
    wicked = msgspec.structs.replace(hostile_scenario(), title=evil, guards=evil, links=links)
    tree = [file(f"a/{evil}".encode(), evil.encode())]
    cells = [
        FakeCell(scenario=wicked, upper=tree, view=tree, log=evil, script=evil.encode()),
        FakeCell("kernel", evil, scenario=wicked, broken=evil),
        FakeCell(version="1.4", scenario=wicked, skipped=evil),
    ]
    html = render([make_run(tmp_path / "run", cells, {evil: evil})])
    assert "example.org" in html
    assert [c for c in html if c not in "\n\t" and not c.isprintable()] == []


def _apart(words: Sequence[str], apart: Path, **environment: str) -> Finished:
    """The program in a process of its own, with little else in its environment."""
    given = {
        "PATH": os.environ["PATH"],
        "WHITEOUT_LAB_CACHE": str(apart / "cache"),
        "WHITEOUT_LAB_WORK": str(apart / "work"),
    }
    return run([sys.executable, "-m", "harness", *words], cwd=PROJECT, env={**given, **environment}, timeout=120)


LOCALES = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX"},
    {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },  # what a locale of ISO-8859-1 is to Python: not UTF-8
    {"LC_ALL": "de_DE.ISO-8859-1"},
)


@pytest.mark.parametrize("locale", LOCALES)
def test_no_locale_stops_a_command(locale: dict[str, str], apart: Path) -> None:
    for words in (["list", "ghost-marker"], ["explain"], ["doctor"], ["list", "caf\u00e9\u2192"]):
        done = _apart(words, apart, **locale)
        assert done.code in {0, 2, 3}, done.err
        assert "Traceback" not in done.err + done.out
        assert "UnicodeEncodeError" not in done.err + done.out
    (apart / "caf\u00e9").mkdir()
    assert "0 markers" in _apart(["inspect", str(apart / "caf\u00e9")], apart, **locale).out


@pytest.mark.real
@pytest.mark.parametrize("locale", [LOCALES[0], LOCALES[2]])
def test_a_run_goes_through_in_any_locale(locale: dict[str, str], apart: Path) -> None:
    out = apart / "out"
    done = _apart(["run", "ghost-marker", "--tool", "kernel", "--profile", "user", "--out", str(out)], apart, **locale)
    assert "Traceback" not in done.err + done.out
    assert done.code in {0, 77}, done.err
    assert "1 scenario, 1 cell: kernel" in done.out


@pytest.mark.real
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_names_the_tools_that_it_tries_and_no_other(jobs: str, apart: Path) -> None:
    done = _apart(["run", "ghost-marker", "--jobs", jobs, "--out", str(apart / "out")], apart)
    first = done.out.splitlines()[0]
    assert f": kernel {kernel_number(platform.release())}" in first
    assert "nouserxattr" not in first, "it runs the scenarios that name it"


@pytest.mark.parametrize("home", ["unset", "file", "closed", "cache-is-a-file"])
def test_an_odd_home_is_told_with_its_remedy(home: str, apart: Path) -> None:
    (apart / "file").touch()
    (apart / "closed").mkdir(0o000)
    if home == "cache-is-a-file":
        environment = {"WHITEOUT_LAB_CACHE": str(apart / "file"), "WHITEOUT_LAB_WORK": ""}
    else:
        environment = {
            "WHITEOUT_LAB_CACHE": "",
            "WHITEOUT_LAB_WORK": "",
            **({} if home == "unset" else {"HOME": str(apart / home)}),
        }
    for words in (["doctor"], ["list", "ghost-marker"], ["worlds", "list"], ["explain"]):
        done = _apart(words, apart, **environment)
        assert "Traceback" not in done.err + done.out
        assert done.code in {0, 3}
    if os.geteuid() == 0:
        shutil.rmtree(apart / "closed")


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming a uid without a name needs root")
def test_a_uid_without_a_name_and_a_cache_that_it_may_not_read(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process that became that uid: the interpreter itself may lie below root's home."""
    code = (
        "import os, sys\n"
        "from harness.cli.main import main, parser\n"
        "parser()\n"  # imports what the commands need
        "os.setgid(54321); os.setuid(54321)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    closed = apart / "closed"
    closed.mkdir(0o700)
    for cache, words in (
        ("", "home folder"),
        (str(closed), "Permission denied"),
        (str(closed / "in/it"), "Permission denied"),
    ):
        environment = {"PATH": os.environ["PATH"], "WHITEOUT_LAB_CACHE": cache}
        done = run([sys.executable, "-c", code, "worlds", "list"], cwd=PROJECT, env=environment)
        assert done.code == 3, done.err
        assert words in done.err
        assert "remedy: name " in done.err
        assert "WHITEOUT_LAB_CACHE" in done.err
        assert "Traceback" not in done.err


def test_words_that_are_no_path_are_usage_errors(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    for words in (("list", long), ("run", long), ("inspect", long), ("run", "ghost-marker", "--out", long)):
        code, text = _say(capsys, *words)
        assert code == 2, words
        assert len(text) < 400, words
    assert _say(capsys, "list", "/proc/self")[0] == 2
    assert _say(capsys, "run", "ghost-marker", "--out", "/dev/null")[0] != 0


def test_folders_are_walked_past_what_vanishes(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.scenario import loader  # noqa: PLC0415

    (apart / "gone").mkdir()
    _hostile_file(apart, "x")
    listed = os.scandir

    def vanishing(path: str) -> object:
        if str(path).endswith("gone"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert [path.name for path in loader.scenarios_below(apart)] == ["hostile.toml"]


def test_paths_that_no_recording_can_hold_are_refused_first(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = apart / os.fsdecode(b"b\xffd")
    with pytest.raises(UsageError, match="not UTF-8") as refused:
        text_path(odd)
    assert "b\\xffd" in str(refused.value)
    for variable in ("WHITEOUT_LAB_WORK", "WHITEOUT_LAB_CACHE"):
        monkeypatch.setenv(variable, str(odd))
        assert main(["doctor"]) == 2
        monkeypatch.setenv(variable, str(apart / "fine"))
    assert main(["run", "ghost-marker", "--out", str(odd)]) == 2
    assert not odd.exists()


@pytest.mark.real
@pytest.mark.parametrize("name", ["co[x]", "a b", "new\nline", "a::b", "q'uote\"$x\\", "-dash"])
def test_a_checkout_may_have_an_odd_name(name: str, apart: Path) -> None:
    checkout = apart / name
    (checkout / "scenarios").mkdir(parents=True)
    shutil.copytree(PROJECT / "harness", checkout / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "scenarios/fuse-overlayfs/ghost-marker.toml", checkout / "scenarios")
    environment = {
        "PATH": os.environ["PATH"], "WHITEOUT_LAB_CACHE": str(apart / "cache"), "WHITEOUT_LAB_WORK": str(checkout / "work"),
    }  # fmt: skip
    words = ["run", "ghost-marker", "--tool", "kernel", "--profile", "user", "--jobs", "2"]
    done = run([sys.executable, "-m", "harness", *words], cwd=checkout, env=environment, timeout=120)
    assert done.code in {0, 77}, done.out + done.err
    assert len(list((checkout / "reports").glob("*/results.json"))) >= 1
    _inert(done.out)


def test_what_the_system_refuses_is_one_message() -> None:
    for error in (OSError(28, "No space left on device", "/x"), OSError(24, "Too many open files"), TimeoutError()):
        told = of_system(error)
        assert isinstance(told, LabError)
        assert told.exit_code == 3
        assert str(told).count("remedy") == 1
    long = of_system(OSError(36, "File name too long", b"x" * 300))
    assert long is not None
    assert long.exit_code == 2
    assert of_system(ValueError("ours")) is None


def test_a_message_keeps_its_lines_below_its_first() -> None:
    text = str(LabError(f"one\n{FORGED}", where=f"here\n{FORGED}", remedy=f"do\n{FORGED}"))
    _inert(text)
    assert text.splitlines()[0] == f"here\\n{FORGED}: one"
    assert printable("a\nb\x1b") == "a\nb\\x1b"
