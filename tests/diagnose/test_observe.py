"""``why`` on real tools: the answer that sylabs/singularity#3176 asks for, by no line that knows this case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.diagnose.told import Seen, Why, read_why
from harness.machine.process import which

pytestmark = [
    pytest.mark.real,
    pytest.mark.worlds,
    pytest.mark.skipif(which("strace") is None, reason="strace is not installed: apt-get install strace"),
]


def why(cell: str, keep: Path, *more: str) -> Why:
    assert main(["why", cell, "--keep", str(keep / "kept"), *more]) == 0
    told = read_why(keep / "kept")
    assert told is not None
    assert told.cell == cell
    return told


@pytest.mark.parametrize("profile", ["root", "user"])
def test_the_ghost_of_the_founding_case(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = why(f"ghost-marker[fuse-overlayfs-1.14-{profile}]", tmp_path)
    by_path = {one.path: one for one in told.markers}
    ghost = by_path["a/new/.wh..opq"]
    assert (ghost.seen, ghost.step, ghost.request) == (Seen.CALLS, 0, "MKDIR a/new")
    assert ghost.read[0] == "getdents64(upper/a/new) = .wh..wh..opq"
    assert ghost.made == ('mknodat(upper, "a/new/.wh..opq", S_IFCHR|0700, makedev(0, 0)) = 0',)
    assert ghost.sentence.endswith("had given .wh..wh..opq, by which .wh..opq is deleted.")
    assert any("WL101" in one for one in ghost.findings)
    opaque = by_path["a/new"]
    assert [one.split("(")[0] for one in opaque.made] == ["mkdirat", "fsetxattr", "renameat"]
    assert all(one.seen is Seen.CALLS for one in told.stories)
    out = capsys.readouterr().out
    assert ghost.sentence.split(":")[0] in out
    assert "no call was seen" not in out


@pytest.mark.parametrize("profile", ["root", "user"])
def test_the_kernel_makes_no_calls_and_its_steps_tell(profile: str, tmp_path: Path) -> None:
    (cell,) = [one for one in _cells("ghost-marker-remade", "kernel") if one.endswith(f"-{profile}]")]
    told = why(cell, tmp_path)
    (mark,) = told.markers
    assert (mark.path, mark.seen, mark.step) == ("a", Seen.STEPS, 1)
    assert mark.made == ('mkdir("a", 0777) = 0',)


def _cells(scenario: str, tool: str) -> list[str]:
    from harness.cells.plan import cell_of  # noqa: PLC0415
    from harness.runs.decide import Wanted, decide  # noqa: PLC0415

    plan = decide(Wanted((scenario,), (tool,)), {}, lambda _: None)
    return [cell_of(one).id for one in plan.cells() if cell_of(one).tool.name == tool]


def test_an_upper_behind_a_link_is_found(tmp_path: Path) -> None:
    """Where the upper lies on another file system, ``upper`` is a link to it."""
    told = why("tmpfs-upper[fuse-overlayfs-1.14-user]", tmp_path)
    assert told.markers
    assert {one.seen for one in told.stories} == {Seen.CALLS}


def test_one_path_alone_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "ghost-marker[fuse-overlayfs-1.14-user]", "a/new/.wh..opq", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in told["stories"]] == ["a/new/.wh..opq"]


def test_what_cannot_be_answered_is_an_error_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = "ghost-marker[fuse-overlayfs-1.14-user]"
    assert main(["why", cell, "nowhere"]) == 2
    assert "there are a/new" in capsys.readouterr().err
    (tmp_path / "kept").mkdir()
    assert main(["why", cell, "--keep", str(tmp_path / "kept")]) == 2
    assert "name a new folder" in capsys.readouterr().err
    monkeypatch.setattr("harness.diagnose.tracer.which", lambda _: None)
    assert main(["why", cell]) == 3
    assert "apt-get install strace" in capsys.readouterr().err
