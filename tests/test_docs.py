"""What the pages say is so: their paths are there, the rooms stand in the order of the house, and the steps, walked, end as told."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

import harness
from harness.cli.main import main, parser
from harness.judge.defects.model import Defect
from harness.machine.process import run
from harness.readings.corpus import readings
from harness.readings.meaning import meaning
from harness.runs.decide import known_defects
from harness.runs.results import read_results
from harness.scenario.archive_load import load_cases
from tests.factory import FakeCell, make_run
from tests.test_directions import ROOMS

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [
    *sorted((PROJECT / "docs").glob("*.md")),
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
TOPS = "harness|tests|scenarios|docs"
WALKED = PROJECT / "docs/add-a-scenario.md"
DEFECT_PAGE = PROJECT / "docs/add-a-defect.md"
LAYER_PAGE = PROJECT / "docs/add-a-layer.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{TOPS})(?:/[\w.*-]+)+/?)`", text)
    linked = [one for one in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in one]
    missing = [one for one in named if not (list(PROJECT.glob(one)) if "*" in one else (PROJECT / one).exists())]
    missing += [one for one in linked if not (page.parent / one).exists()]
    assert missing == []


@pytest.mark.parametrize("name", ["scenario", "layer", "rule", "encoding", "driver", "defect"])
def test_there_is_a_page_for_each_thing_that_is_added(name: str) -> None:
    assert f"docs/add-a{'n' * (name == 'encoding')}-{name}.md" in (PROJECT / "CONTRIBUTING.md").read_text()


def test_the_rooms_of_the_page_are_those_of_the_house_in_their_order() -> None:
    rows = re.findall(r"^\| (`harness/.*?) \|", (PROJECT / "docs/design.md").read_text(encoding="utf-8"), re.MULTILINE)
    raised = [room for row in rows for room in re.findall(r"harness/(\w+)", row)]
    first = set(raised[:4])  # the ground, in one line or in two
    assert first == set(ROOMS[:4])
    assert raised[4:] == [room for room in ROOMS[4:] if room != "__main__"]


def _blocks(kind: str, page: Path = WALKED) -> list[tuple[str, str]]:
    """The code blocks of a page whose first line says *kind*: what stands behind that, and the code."""
    found = re.findall(r"^```(\w+) (\S+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [(words.removeprefix(f"{kind}="), code) for _, words, code in found if words.partition("=")[0] == kind]


@pytest.fixture
def walked(tmp_path: Path) -> Path:
    """The page's file, as a reader saves it."""
    ((name, code),) = _blocks("scenario")
    (tmp_path / name).write_text(code, encoding="utf-8")
    return tmp_path


def _run(folder: Path, words: list[str]) -> tuple[int, str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "WHITEOUT_LAB_STRICT": "",
        "WHITEOUT_LAB_WORK": str(folder / "work"),
    }
    done = run([sys.executable, "-m", "harness", *words], cwd=folder, env=env, timeout=120)
    return done.code, done.out + done.err


@pytest.mark.real
def test_the_steps_of_adding_a_scenario_end_as_the_page_says(walked: Path) -> None:
    ((_, command),) = _blocks("run")
    program, *words = shlex.split(command)
    assert program == "whiteout-lab"
    code, text = _run(walked, [*words, "--out", str(walked / "run")])
    ran = [cell for cell in read_results(walked / "run").cells if not cell.excluded]
    assert ran
    if any(cell.outcome == "skipped" for cell in ran):
        pytest.skip(f"the kernel's overlay cannot be mounted here: {ran[0].reason}")
    page = " ".join(WALKED.read_text(encoding="utf-8").split())
    assert "every cell passes and nothing is new; the exit code is 0" in page
    assert code == 0, text
    assert {cell.outcome.value for cell in ran} == {"passed"}
    assert not any(cell.new for cell in ran)


def test_a_step_that_must_fail_and_does_not_is_told_before_any_cell_as_the_page_says(walked: Path) -> None:
    (file,) = walked.glob("*.toml")
    file.write_text(
        file.read_text().replace('path = "d" },\n  { do = "w', 'path = "d", fails = "must" },\n  { do = "w')
    )
    assert "fails" in file.read_text()
    code, text = _run(walked, ["run", f"./{file.name}", "--tool", "kernel", "--out", str(walked / "run")])
    assert code == 2, text
    assert not (walked / "run").exists()


def _page_defect(tmp_path: Path) -> Defect:
    ((name, code),) = _blocks("defect", DEFECT_PAGE)
    (tmp_path / name).write_text(code, encoding="utf-8")
    (defect,) = known_defects(tmp_path)
    return defect


def test_the_layers_of_the_page_mean_what_the_page_says(tmp_path: Path) -> None:
    ((name, code),) = _blocks("layers", LAYER_PAGE)
    (tmp_path / name).write_text(code, encoding="utf-8")
    (case,) = load_cases(tmp_path)
    (said,) = readings(case)
    (computed,) = meaning(case.layers).readings
    assert dict(said.tree.entries) == dict(computed.tree.entries)


def test_the_defect_of_the_page_is_read_and_explains_its_witness_and_nothing_beside(tmp_path: Path) -> None:
    defect = _page_defect(tmp_path)
    assert defect.name == "new-directory-device"
    run = make_run(tmp_path / "run", [FakeCell(known=(defect,)), FakeCell(version="1.15", known=(defect,))])
    has, has_not = read_results(run).cells
    assert {one.code: one.known.defect if one.known else "" for one in has.findings} == {
        "WL101": defect.name,
        "WL106": "",
    }
    assert {one.code: one.back.defect if one.back else "" for one in has_not.findings} == {
        "WL101": defect.name,
        "WL106": "",
    }


@pytest.mark.parametrize("page", [DEFECT_PAGE], ids=lambda page: page.name)
def test_the_commands_of_a_page_are_ones_that_are_understood(page: Path) -> None:
    lines = [line for _, code in _blocks("words", page) for line in code.splitlines()]
    assert lines
    for line in lines:
        program, *words = shlex.split(line, comments=True)
        assert program == "whiteout-lab"
        parser(words).parse_args(words)


def test_the_version_stands_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    project = (PROJECT / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert not re.search(r'^version = "', project, re.MULTILINE)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"whiteout-lab {harness.__version__}\n"
    assert f"## {harness.__version__}" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_licence_is_there_in_full() -> None:
    text = (PROJECT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (PROJECT / "pyproject.toml").read_text()
