"""What ends a run, or takes its output away: each has its exit code and words, and loses nothing that was recorded."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.cli.progress import Progress
from harness.launch.leaks import find_leaks
from harness.machine.process import run
from harness.runs.folders import project_folder
from harness.runs.results import read_results
from harness.runs.run import Run
from tests.namespaces import own_mounts

pytestmark = [pytest.mark.real, pytest.mark.worlds]

KERNEL = ["run", "ghost-marker", "--tool", "kernel", "--profile", "user"]


def start(folder: Path, words: list[str], before: Callable[[], object] = lambda: None) -> int:
    """The program, started in a process group of its own with its output in ``folder/log``; *before* is done in the child."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            for number in (
                signal.SIGINT,
                signal.SIGTERM,
                signal.SIGHUP,
            ):  # whoever runs the tests may ignore some: nohup does
                signal.signal(number, signal.SIG_DFL)
            with (folder / "log").open("w", encoding="utf-8") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            os.environ["WHITEOUT_LAB_WORK"] = str(folder / "work")
            os.environ["WHITEOUT_LAB_STRICT"] = ""
            os.chdir(project_folder())
            before()
            os.execv(sys.executable, [sys.executable, "-m", "harness", *words])
        finally:
            os._exit(99)
    return child


def end(child: int, folder: Path) -> tuple[int, str]:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, (folder / "log").read_text(encoding="utf-8")


def clean(folder: Path) -> bool:
    """Whether nothing of a run is left in its work folder, after the moment that a reaper needs."""
    work = folder / "work"
    for _ in range(200):
        left = [path for kind in ("run", "probe") for path in work.glob(f"{kind}-*")]
        if not left and not [leak for leak in find_leaks(work) if "the folder" not in leak]:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order_with_results_of_what_ran(number: signal.Signals, tmp_path: Path) -> None:
    child = start(tmp_path, ["run", "--profile", "user", "--out", str(tmp_path / "run")])
    for _ in range(600):
        with contextlib.suppress(FileNotFoundError):
            if len(list((tmp_path / "run/cells").glob("*/recording.json"))) > 2:
                break
        time.sleep(0.05)
    os.kill(child, number)
    code, log = end(child, tmp_path)
    assert code == 130, log
    assert "Traceback" not in log
    assert f"what was recorded is in {tmp_path / 'run'}" in log
    ran = [cell for cell in read_results(tmp_path / "run").cells if cell.folder]
    assert {cell.folder for cell in ran} == {
        f"cells/{p.parent.name}" for p in tmp_path.glob("run/cells/*/recording.json")
    }
    assert (tmp_path / "run/report.html").exists()
    assert clean(tmp_path)


@pytest.mark.parametrize("moment", [0.2, 0.5, 1.0, 2.0, 3.0])
def test_an_interrupt_during_the_start_has_its_code_and_no_traceback(moment: float, tmp_path: Path) -> None:
    child = start(tmp_path, ["run", "--profile", "user", "--out", str(tmp_path / "run")])
    time.sleep(moment)
    os.killpg(child, signal.SIGINT)
    code, log = end(child, tmp_path)
    if "import signal" not in log and "frozen site" not in log:  # before that, Python's own start is interrupted
        assert code in {130, -signal.SIGINT}, log
        assert "Traceback" not in log
    assert clean(tmp_path)


def test_an_interrupt_while_a_command_is_imported_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes while a class is made, where Python turns what is raised into another error."""

    class Interrupted:
        def __set_name__(self, owner: type, name: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    def imported(_name: str) -> object:
        return type("Module", (), {"field": Interrupted(), "register": staticmethod(lambda _parser: None)})

    monkeypatch.setattr("harness.cli.main.importlib.import_module", imported)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        assert main(["list"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "whiteout-lab: interrupted\n"


def test_a_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    child = start(tmp_path, ["run", "--profile", "user", "--out", str(tmp_path / "run")])
    while not list(tmp_path.glob("run/cells/*")):
        time.sleep(0.02)
    for _ in range(30):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGINT)
        time.sleep(0.02)
    code, log = end(child, tmp_path)
    assert code == 130, log
    assert "Traceback" not in log
    assert clean(tmp_path)


def _no_reader() -> None:
    read, write = os.pipe()
    os.dup2(write, 1)
    os.close(read)


def _full() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


@pytest.mark.parametrize("lose", [_no_reader, _full, lambda: os.close(1)])
def test_output_that_is_lost_loses_no_results_and_is_told(lose: Callable[[], None], tmp_path: Path) -> None:
    code, log = end(start(tmp_path, [*KERNEL, "--out", str(tmp_path / "run")], lose), tmp_path)
    assert code == 3, log
    assert "not all of the output could be written" in log
    assert "Traceback" not in log
    assert len([cell for cell in read_results(tmp_path / "run").cells if cell.folder]) == 1
    assert (tmp_path / "run/report.html").exists()
    assert clean(tmp_path)


@pytest.mark.parametrize("words", [["list", "ghost-marker"], ["explain", "WL101"], ["schema"], ["doctor"], ["--help"]])
def test_no_command_succeeds_when_nobody_got_its_answer(words: list[str], tmp_path: Path) -> None:
    code, log = end(start(tmp_path, words, _full), tmp_path)
    assert code == 3, log
    assert log == "whiteout-lab: not all of the output could be written: No space left on device\n"


def test_of_two_runs_into_one_folder_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    words = [*KERNEL, "--out", str(tmp_path / "run")]
    children = [(start(tmp_path / name, words), tmp_path / name) for name in ("a", "b")]
    ends = sorted(end(*one) for one in children)
    assert [code for code, _ in ends] == [0, 2], ends
    assert "is not empty" in ends[1][1]
    assert all(cell.reason != "the run ended before it" for cell in read_results(tmp_path / "run").cells)


def test_a_folder_of_somebody_else_is_not_taken_for_a_runs(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    ghost = project_folder() / "scenarios/fuse-overlayfs/ghost-marker.toml"
    done = run(
        [sys.executable, "-m", "pytest", ghost, "--collect-only", "-q", "--lab-out", tmp_path / "mine"],
        cwd=project_folder(),
    )
    assert done.code != 0
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_cells_that_never_ran_are_no_success_and_leaks_are_none(tmp_path: Path) -> None:
    code, log = end(start(tmp_path, [*KERNEL, "--out", str(tmp_path / "run")]), tmp_path)
    assert code == 0, log
    progress = Progress(sys.stdout, Run.__new__(Run))
    progress.ended = read_results(tmp_path / "run")
    progress.run.leaks, progress.run.problems, progress.run.unfinished = [], [], 0
    assert progress.exit_code() == 0
    progress.run.unfinished = 1
    assert progress.exit_code() == 3
    progress.run.unfinished, progress.run.leaks = 0, ["a mount"]
    assert progress.exit_code() == 3


@pytest.mark.parametrize(
    ("which", "most"), [(resource.RLIMIT_NOFILE, 12), (resource.RLIMIT_NOFILE, 24), (resource.RLIMIT_NOFILE, 40)]
)
def test_few_open_files_are_one_message(which: int, most: int, tmp_path: Path) -> None:
    few = lambda: resource.setrlimit(which, (most, most))  # noqa: E731
    code, log = end(start(tmp_path, [*KERNEL, "--jobs", "3", "--out", str(tmp_path / "run")], few), tmp_path)
    assert "Traceback" not in log
    assert code in {0, 3}, log
    if code == 3:
        assert "ulimit -n" in log
    assert clean(tmp_path)


_SMALL_OUT = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99; shift 2; "$@"; code=$?; ls -R "$out"; exit $code'


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system; run as root")
@pytest.mark.parametrize("size", ["0", "24k", "120k", "200k", "300k", "500k"])
def test_a_full_disk_of_the_runs_folder_is_told_and_leaves_no_work(size: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    env = {**os.environ, "WHITEOUT_LAB_WORK": str(tmp_path / "work"), "WHITEOUT_LAB_STRICT": "", "out": str(disk)}
    space = own_mounts(_SMALL_OUT, size if size != "0" else "4k", disk)
    words: list[str | Path] = ["run", "ghost-marker", "nested", "--tool", "kernel", "--jobs", "1"]
    words += ["--out", disk / "run"]
    done = run([*space, sys.executable, "-m", "harness", *words], env=env, cwd=project_folder(), timeout=200)
    assert done.code == 3, done
    assert "Traceback" not in done.out + done.err
    assert str(disk / "run") in done.out + done.err
    assert "No space left on device" in done.out + done.err
    assert clean(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes a user of whom nothing else runs; run as root")
@pytest.mark.parametrize("most", ["1", "3", "20"])
def test_few_processes_are_one_message(most: str, tmp_path: Path) -> None:
    capabilities = [f"--{kind}-caps=+dac_override,+dac_read_search" for kind in ("inh", "ambient")]
    user = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", *capabilities]
    words = [*user, "prlimit", f"--nproc={most}:{most}", sys.executable, "-m", "harness", *KERNEL, "--jobs", "3"]
    env = {**os.environ, "WHITEOUT_LAB_WORK": str(tmp_path / "work"), "WHITEOUT_LAB_STRICT": ""}
    done = run([*words, "--out", str(tmp_path / "run")], env=env, cwd=project_folder())
    assert done.code == 3, done
    assert "ulimit -u" in done.err
    assert "Traceback" not in done.out + done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("where", ["out", "work"])
def test_a_folder_whose_name_is_no_utf8_is_refused_in_words(where: str, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/o\xff")
    work = odd if where == "work" else str(tmp_path / "work")
    out = odd if where == "out" else str(tmp_path / "run")
    child = start(tmp_path, [*KERNEL, "--out", out], lambda: os.environ.update(WHITEOUT_LAB_WORK=work))
    code, log = end(child, tmp_path)
    assert code == 2, log
    assert "o\\xff: the path is not UTF-8" in log
    assert len(log.splitlines()) == 2, log


def test_what_a_run_leaves_behind_is_told_and_is_no_success(tmp_path: Path) -> None:
    child = start(tmp_path, [*KERNEL, "--out", str(tmp_path / "run")])
    while not (found := list(tmp_path.glob("work/run-*/.whiteout-lab"))):
        time.sleep(0.01)
    left = os.fork()
    if left == 0:
        os.chdir(found[0].parent)
        os.execvp("sleep", ["sleep", "100"])
    try:
        code, log = end(child, tmp_path)
        assert code == 3, log
        assert f"LEFT BEHIND: the process {left} (sleep)" in log
    finally:
        os.kill(left, signal.SIGKILL)
        os.waitpid(left, 0)
