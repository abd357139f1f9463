"""Two nights in a row on real mounts, the second with a tool that leaves one marker less: exactly that is said, everywhere."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.cli import nightly
from harness.cli.main import main
from harness.machine.process import run
from harness.worlds.build import world_in_place

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(os.geteuid() != 0, reason="the ghost is a device, which root alone can take away"),
]
LOST = "- mark device at a/new/.wh..opq"
FINDING = (
    "- WL101 marker-of-a-marker at upper: a/new/.wh..opq (encoding=device, name=.wh..opq) [fuse-overlayfs-ghost-marker]"
)
GONE = "+ the defect fuse-overlayfs-ghost-marker must show and does not"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """fuse-overlayfs in a world that is the test's own: a copy of trixie, in a cache with nothing else."""
    world = world_in_place("trixie")
    if world is None:
        missing = pytest.fail if os.environ.get("WHITEOUT_LAB_STRICT") == "1" else pytest.skip
        missing("the world trixie is not built: whiteout-lab worlds build trixie")
    worlds = tmp_path / "cache" / "worlds"
    worlds.mkdir(parents=True)
    assert run(["cp", "-a", str(world.root.parent), str(worlds)]).ok
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(worlds.parent))
    monkeypatch.setattr(nightly, "build_worlds", lambda *_arguments, **_more: None)
    return worlds / world.root.parent.name / "root/usr/bin/fuse-overlayfs"


def without_its_ghost(program: Path) -> None:
    """As if a package of the same version came: from now on it takes the ghost away when it ends."""
    program.rename(program.with_name("fuse-overlayfs.real"))
    program.write_text(
        '#!/bin/sh\n/usr/bin/fuse-overlayfs.real "$@"\ncode=$?\n'
        'for word in $(printf %s "$*" | tr , " "); do case $word in upperdir=*) rm -f "${word#*=}/a/new/.wh..opq" ;; esac; done\n'
        "exit $code\n"
    )
    program.chmod(0o755)


def test_a_marker_that_goes_is_all_that_the_second_night_says(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nightly, "reports_folder", lambda: tmp_path)
    monkeypatch.setattr(nightly, "is_whole", lambda *_arguments: True)  # as if it were of everything
    here = ["--baseline", str(tmp_path / "baseline")]
    night = ["nightly", "ghost-marker", "first-step", "--tool", "fuse-overlayfs@trixie", *here, "--jobs", "2"]

    assert main([*night, "--out", str(tmp_path / "one")]) == 0
    assert "there is no baseline" in capsys.readouterr().err
    assert main(["baseline", "update", str(tmp_path / "one"), *here, "--reason", "night one"]) == 0
    without_its_ghost(program)
    capsys.readouterr()
    assert main([*night, "--out", str(tmp_path / "two")]) == 1

    said = capsys.readouterr().out
    after = said[said.index("2 changed, 2 the same") :]
    assert after.split("\n\n")[1:] == [
        "\n    ".join(["changed: fuse-overlayfs 1.14 (root and user)", "in ghost-marker", FINDING, LOST, GONE]) + "\n"
    ]
    summary = (tmp_path / "two/summary.md").read_text()
    assert summary.count("\n### ") == 1
    assert f"```diff\n{FINDING}\n{LOST}\n{GONE}\n```" in summary
    suite = ET.fromstring((tmp_path / "two/junit.xml").read_bytes())
    failed = [case for case in suite.iter("testcase") if len(case)]
    assert [case.get("classname") for case in failed] == ["ghost-marker"] * 2
    assert all(f"{FINDING}\n{LOST}\n{GONE}" in (case.findtext("failure") or "") for case in failed)
    report = (tmp_path / "two/report.html").read_text()
    section = report[report.index('<section class="night"') :].partition("</section>")[0]
    assert section.count("<h3>") == 1
    assert re.findall(r"<li><code>(.*?)</code>", section) == [FINDING, LOST, GONE]
    sections = [one for one in report.split("<section ") if one.startswith('class="scenario')]
    strips = dict(
        re.findall(r'data-scenario="([\w-]+)".*?class="nights">.*?</svg> (.*?)</', one, re.DOTALL)[0]
        for one in sections
    )
    assert strips == {
        "ghost-marker": "not as expected in this night, known findings alone before",
        "first-step": "passed, as in the night before",
    }
    assert len((tmp_path / "history.jsonl").read_bytes().splitlines()) == 2
