"""The workflow and the action: what they run is in the Makefile, parts meet again under their names, and no name of a caller is a command.

What a runner does is seen on runners alone; each step's shell has been run in userlands of Ubuntu 22.04 and 24.04.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.machine.process import Finished, run

PROJECT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
ACTION = PROJECT / "action.yml"
AS_ROOT = ["sudo", "--preserve-env", "env", "PATH=$PATH"]

Plain = dict[str, Any]


def _read(path: Path) -> Plain:
    plain: Plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    return plain


NIGHT = _read(PROJECT / ".github/workflows/nightly.yml")


def _steps(workflow: Plain) -> Iterator[Plain]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def _step(job: str, uses: str) -> Plain:
    (found,) = (step["with"] for step in NIGHT["jobs"][job]["steps"] if step.get("uses", "").startswith(f"{uses}@"))
    plain: Plain = found
    return plain


def _filled(text: str, matrix: Mapping[str, object]) -> str:
    return re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: str(matrix[found[1]]), text)


def _make(*words: str, **env: str) -> Finished:
    """``make``, and nothing of setting up."""
    return run(["make", "--no-print-directory", "-C", str(PROJECT), "-o", "venv", *words], env={**os.environ, **env})


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_whatever_a_step_runs_is_a_target_that_help_names(file: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    told = set(re.findall(r"^make (\w+)", _make("help").out, re.MULTILINE))
    settable = set(re.findall(r"^(\w+) \?=", makefile, re.MULTILINE))
    seen = set()
    for step in _steps(_read(file)):
        if "run" not in step:
            continue
        words = shlex.split(_filled(step["run"], {"part": 1}))
        words = words[len(AS_ROOT) :] if words[: len(AS_ROOT)] == AS_ROOT else words
        words = words[1:] if words[0] == "sudo" else words
        assert words[0] == "make", step
        variables = {word.partition("=")[0] for word in words[1:] if "=" in word}
        targets = {word for word in words[1:] if "=" not in word}
        assert targets
        assert targets <= told, step
        assert variables <= settable, step
        seen |= targets
    assert seen >= {"setup", "worlds", "shard", "merge"}
    assert set(_read(file)["env"]) <= settable


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_little_and_ends(file: Path) -> None:
    workflow = _read(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    for step in _steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+(/[\w-]+)?@v\d+", step["uses"]), step
        # What is put into the text of a shell must come from this file.
        assert set(re.findall(r"\$\{\{(.*?)\}\}", step.get("run", ""))) <= {" matrix.part "}
    checkouts = [step for step in _steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(workflow["jobs"])
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_all_parts_of_a_night_are_made_and_meet_again() -> None:
    part, night = NIGHT["jobs"]["part"], NIGHT["jobs"]["night"]
    (shard,) = (step["run"] for step in part["steps"] if "make shard" in step.get("run", ""))
    matrix = part["strategy"]["matrix"]
    assert part["strategy"]["fail-fast"] is False
    assert night["strategy"]["matrix"]["os"] == matrix["os"] == ["ubuntu-22.04", "ubuntu-24.04"]
    upload, download = _step("part", "actions/upload-artifact"), _step("night", "actions/download-artifact")
    whole = NIGHT["env"]["NIGHT"]
    merged = _make("-n", "merge", f"NIGHT={whole}").out
    (parts,) = re.findall(r" merge (\S+) --output", merged)
    for number in matrix["part"]:
        made = _make("-n", "shard", f"NIGHT={whole}", *re.findall(r"SHARD=\S+", _filled(shard, {"part": number}))).out
        assert f"--shard {number}/{len(matrix['part'])} " in made
        assert f"--out {_filled(upload['path'], {'part': number})} " in made
        for system in matrix["os"]:
            name = _filled(upload["name"], {"part": number, "os": system})
            assert [fnmatch.fnmatch(name, _filled(download["pattern"], {"os": other})) for other in matrix["os"]] == [
                other == system for other in matrix["os"]
            ]
            assert fnmatch.fnmatch(f"{download['path']}/{name}/", parts)
    assert upload["include-hidden-files"]  # the marks by which folders are known as ours
    kept = {Path(line).parent for line in _step("night", "actions/upload-artifact")["path"].split()}
    assert {str(folder) for folder in kept} == set(re.findall(r"--of (\S+)", merged))


def test_what_is_kept_is_found_again() -> None:
    made, taken = _step("worlds", "actions/cache"), _step("part", "actions/cache/restore")
    assert made == taken
    packs = [step["run"] for step in _steps(NIGHT) if "PACK=" in step.get("run", "")]
    assert {re.findall(r"PACK=(\S+)", one)[0] for one in packs} == {made["path"]}
    assert len(packs) == 2
    before, after = _step("night", "actions/cache/restore"), _step("night", "actions/cache/save")
    assert (before["path"], before["key"]) == (after["path"], after["key"])
    assert after["key"].startswith(before["restore-keys"])
    # What failed is told all the same: the last steps of these jobs run whatever a night came to.
    for job in ("part", "night"):
        steps = NIGHT["jobs"][job]["steps"]
        last = max(number for number, step in enumerate(steps) if "run" in step)
        assert steps[last + 1 :]
        assert all(step["if"] == "${{ !cancelled() }}" for step in steps[last + 1 :])


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder whose programs write down their words, and end as CODE_<COMMAND> says."""
    folder = tmp_path / "it's here"
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "whiteout-lab").write_text(
        f"#!/bin/sh\nprintf '<%s>' \"$@\" >>{shlex.quote(str(tmp_path))}/words; echo >>{shlex.quote(str(tmp_path))}/words\n"
        'eval "exit \\${CODE_$1:-0}"\n'
    )
    (programs / "sudo").write_text('#!/bin/sh\nwhile [ "$1" = --preserve-env ]; do shift; done\nexec "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return folder


def _words(lab: Path) -> list[list[str]]:
    file = lab.parent / "words"
    lines = file.read_text().splitlines() if file.exists() else []
    return [re.findall(r"<(.*?)>", line) for line in lines]


@pytest.mark.parametrize(("code", "ends"), [("0", 0), ("1", 0), ("3", 2), ("77", 2)])
def test_that_something_changed_does_not_fail_a_part_and_broken_machinery_does(lab: Path, code: str, ends: int) -> None:
    link = lab.parent / "lab"  # BIN is ours, and has no spaces
    link.symlink_to(lab)
    done = _make("shard", f"BIN={link}/.venv/bin", "SHARD=2/3", "NIGHT=n", "SUDO_UID=", CODE_nightly=code)
    assert done.code == ends, done.err
    assert _words(lab) == [["nightly", "--no-refresh", "--shard", "2/3", "--out", "reports/n/part-2-of-3"]]


@pytest.mark.parametrize(
    ("merge", "nightly", "code"),
    [("0", "0", 0), ("1", "0", 0), ("1", "1", 1), ("0", "3", 3), ("3", "0", 3), ("3", "1", 3), ("2", "0", 2)],
)
def test_a_merged_night_ends_as_it_compares_unless_a_part_is_missing(
    lab: Path, merge: str, nightly: str, code: int
) -> None:
    link = lab.parent / "lab"
    link.symlink_to(lab)
    done = _make("merge", f"BIN={link}/.venv/bin", "NIGHT=n", CODE_merge=merge, CODE_nightly=nightly)
    assert done.code == (2 if code else 0)
    assert f"Error {code}" in done.err or code == 0
    told = [words[0] for words in _words(lab)]
    assert told == (["merge"] if merge == "2" else ["merge", "nightly"])
    assert _words(lab)[-1][-1] == "reports/n/whole"


def _check(lab: Path, **env: str) -> tuple[int, str]:
    """The action's last step, as a runner would run it; its exit code, and the folder that it names."""
    (step,) = (one for one in _read(ACTION)["runs"]["steps"] if one.get("id") == "check")
    script, output = lab.parent / "step.sh", lab.parent / "output"
    script.write_text(step["run"])
    output.touch()
    known = {key: value["default"] for key, value in _read(ACTION)["inputs"].items() if "default" in value}
    given = {
        "TOOL": known["tool"], "BUILD": "./fuse-overlayfs", "AGAINST": known["against"], "SCENARIOS": known["scenarios"],
        "GITHUB_ACTION_PATH": str(lab), "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(lab.parent),
        "PATH": f"{lab}/.venv/bin:{os.environ['PATH']}", **env,
    }  # fmt: skip
    assert set(step["env"]) <= set(given)
    done = run(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)], env={**os.environ, **given})
    (out,) = re.findall(r"^run=(.*)$", output.read_text(), re.MULTILINE)
    return done.code, out


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_action_builds_the_suite_it_compares_with_and_ends_as_check_does(lab: Path, code: int) -> None:
    ended, out = _check(lab, CODE_check=str(code))
    assert ended == code
    assert Path(out).is_dir()
    assert _words(lab) == [
        ["worlds", "build", "trixie"],
        ["check", "fuse-overlayfs=./fuse-overlayfs", "--against", "fuse-overlayfs@trixie", "--out", out],
    ]


def test_what_a_caller_of_the_action_says_is_no_command(lab: Path) -> None:
    chosen = ["--scenario", "ghost-marker", "--scenario", "replace-loop"]
    evil = f"x$(touch {lab.parent}/pwned); touch {lab.parent}/pwned"
    ended, out = _check(lab, BUILD=evil, AGAINST="fuse-overlayfs=old @ home/f", SCENARIOS="ghost-marker  replace-loop")
    assert ended == 0
    assert _words(lab) == [
        ["check", f"fuse-overlayfs={evil}", "--against", "fuse-overlayfs=old @ home/f", "--out", out, *chosen]
    ]
    assert not (lab.parent / "pwned").exists()
    for step in _read(ACTION)["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_the_action_uses_each_of_its_inputs() -> None:
    action = _read(ACTION)
    text = str(action["runs"])
    assert {name for name in action["inputs"] if f"${{{{ inputs.{name} }}}}" in text} == set(action["inputs"])


@pytest.mark.parametrize("asked", [{}, {"PARTS": "2"}])
def test_the_script_of_the_page_on_slurm_makes_all_parts_and_then_the_whole(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    """Slurm itself is a stand-in here; the script of the page has been run by Slurm 24.11."""
    page = (PROJECT / "docs/slurm.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh script=night.sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "night.sh").write_text(script)
    (tmp_path / "sbatch").write_text(
        '#!/bin/sh\nprintf %s "$NIGHT" >>words; printf "<%s>" "$@" >>words; echo >>words; echo 77\n'
    )
    (tmp_path / "sbatch").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **asked}
    done = run(["sh", "night.sh"], cwd=tmp_path, env=env)
    assert done.code == 0, done.err
    array, merge = (tmp_path / "words").read_text().splitlines()
    parts = asked.get("PARTS", "4")
    assert f"<--array=1-{parts}>" in array
    assert f"<--wrap=make shard SHARD=$SLURM_ARRAY_TASK_ID/{parts}>" in array
    assert "<--dependency=afterany:77>" in merge
    assert "<--wrap=make merge>" in merge
    (night,) = (path.name for path in (tmp_path / "reports").iterdir())
    assert array.startswith(f"{night}<")
    assert merge.startswith(f"{night}<")


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """It is a Go module; what PyPI has of that name fetches a program from elsewhere when it is installed."""
    actionlint = shutil.which("actionlint") or shutil.which("actionlint", path=str(Path.home() / "go/bin"))
    if actionlint is None:
        pytest.skip("actionlint is not installed: go install github.com/rhysd/actionlint/cmd/actionlint@latest")
    here = tmp_path / ".github/workflows"
    here.mkdir(parents=True)
    for file in WORKFLOWS:
        shutil.copy(file, here)
    (tmp_path / "lab").mkdir()
    shutil.copy(ACTION, tmp_path / "lab")
    (here / "uses.yml").write_text(
        "on: push\njobs:\n  check:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - uses: ./lab\n        with:\n          path: fuse-overlayfs\n"
    )
    run(["git", "init", "-q", str(tmp_path)])
    done = run([actionlint], cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    (here / "uses.yml").write_text((here / "uses.yml").read_text().replace("path:", "paht:"))
    assert 'input "paht" is not defined' in run([actionlint], cwd=tmp_path).out  # it does look
