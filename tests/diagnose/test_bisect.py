"""``bisect``: over versions, and over a repository whose builds fail, hang and reach for what is not theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli.bisect import sentence, versions_sentence
from harness.cli.main import main
from harness.diagnose.bisect import Came, Probe, Result
from harness.machine.process import run
from harness.worlds.build import worlds_in_place

CELL = (
    "directory-over-symlink[fuse-overlayfs-1.4.0-root]"
    if os.geteuid() == 0
    else "directory-over-symlink[fuse-overlayfs-1.4.0-user]"
)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([("1", True), ("2", True)], "WL201 shows in every version of t here: 1 and 2."),
        ([("1", False)], "WL201 shows in no version of t here: 1."),
        ([("1", False), ("2", True), ("3", True)], "WL201 shows since 2 (and not in 1), of t 1, 2 and 3."),
        (
            [("1", True), ("2", False), ("3", True)],
            "WL201 no longer shows in 2 (and in 1); shows since 3 (and not in 2), of t 1, 2 and 3.",
        ),
    ],
)
def test_the_sentence_of_versions(found: list[tuple[str, bool]], said: str) -> None:
    assert versions_sentence("WL201", "t", found) == said


def test_the_sentence_of_commits() -> None:
    probes = (Probe("a", Came.SHOWS, 2, 3), Probe("b", Came.SKIPPED, why="no"), Probe("c", Came.DOES_NOT, 0, 3))
    assert sentence(Result(("abc “x” (2026-01-01)",), False, probes), "WL101") == (
        "WL101 no longer shows with abc “x” (2026-01-01). 3 commits looked at, 1 of them skipped, 6 runs."
    )
    assert "cannot be told apart: a; b" in sentence(Result(("a", "b"), True, probes), "WL101")


def git(repo: Path, *words: str) -> None:
    done = run(["git", "-C", repo, "-c", "user.name=x", "-c", "user.email=x@example.org", *words])
    assert done.ok, done.err


def wrapper(suite: str) -> str:
    """A program that is a suite's, run by its own loader."""
    (world,) = [one for one in worlds_in_place() if one.suite == suite]
    library = f"{world.root}/lib/x86_64-linux-gnu:{world.root}/usr/lib/x86_64-linux-gnu"
    loader = f"{world.root}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    return f'#!/bin/sh\nexec {loader} --library-path {library} {world.root}/usr/bin/fuse-overlayfs "$@"\n'


def repository(tmp_path: Path) -> Path:
    """Six commits: the program of bullseye, which shows it, and from the fourth on bookworm's; the fifth cannot be built."""
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "--quiet", "--initial-branch=main")
    builds = ["ok", "ok", "ok", "ok", "exit 1", "ok"]
    for number, build in enumerate(builds, 1):
        (repo / "program.in").write_text(wrapper("bullseye" if number < 4 else "bookworm"))
        reach = "touch /etc/whiteout-lab-was-here $HOME/whiteout-lab-was-here 2>/dev/null"
        lines = [reach, *([] if build == "ok" else [build]), "cp program.in fuse-overlayfs", "chmod +x fuse-overlayfs"]
        (repo / "build.sh").write_text("\n".join(lines) + "\n")
        (repo / "number").write_text(str(number))
        git(repo, "add", "-A")
        git(repo, "commit", "--quiet", "-m", f"change {number}")
        git(repo, "tag", f"v{number}")
    return repo


@pytest.mark.real
@pytest.mark.worlds
def test_the_commit_that_mends_it_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = repository(tmp_path)
    before = run(["git", "-C", repo, "status", "--porcelain", "--branch"]).out
    words = [
        "bisect",
        CELL,
        "--finding",
        "WL201",
        "--repo",
        str(repo),
        "--build",
        "sh build.sh",
        "--good",
        "v6",
        "--bad",
        "v1",
    ]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "WL201 no longer shows with" in told.out
    assert "“change 4”" in told.out
    assert "1 of them skipped" in told.out or "0 of them skipped" in told.out
    assert run(["git", "-C", repo, "status", "--porcelain", "--branch"]).out == before
    assert not (repo / ".git" / "BISECT_LOG").exists()
    assert not Path("/etc/whiteout-lab-was-here").exists()


@pytest.mark.real
@pytest.mark.worlds
def test_what_cannot_be_bisected_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = repository(tmp_path)
    words = ["bisect", CELL, "--finding", "WL201", "--repo", str(repo), "--build", "sh build.sh"]
    for more, said in (
        (["--good", "v5", "--bad", "v1"], "cannot be tested: it cannot be built (exit code 1)"),
        (["--good", "v6", "--bad", "v4"], "v6 and v4 are alike: each does not show it"),
        (["--good", "nowhere", "--bad", "v1"], "is no commit"),
        (["--good", "v6"], "belong together"),
    ):
        assert main([*words, *more]) == 2, more
        assert said in capsys.readouterr().err
    assert main([*words[:-1], "sleep 60", "--good", "v6", "--bad", "v1", "--limit", "1"]) == 2
    assert "it came to no end in its time" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.worlds
def test_over_the_versions_that_are_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bisect", CELL, "--finding", "WL201", "--tool", "fuse-overlayfs"]) == 0
    assert "WL201 no longer shows in 1.10 (and in 1.4.0)" in capsys.readouterr().out
