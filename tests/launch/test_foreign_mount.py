"""Mounts of others: a cell on the machine's own root, and a script that runs alone, do not take them for their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.judge.findings import Outcome
from harness.judge.judge import judge
from harness.launch.cell import CellContext, run_cell
from harness.machine.process import run
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.script.compile import compile_cell
from harness.script.parts import carried
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool

DELETE = b"""
schema = 1
title = "delete a file"
guards = "a deleted file stays deleted"
below = { fs = "tmpfs" }
steps = [{ do = "unlink", path = "d/x" }]
[[layers]]
"d/x" = "old"
"d/y" = "stays"
"""
# Mounts late, as a daemon on a busy machine does; the kernel's overlay stands in for it.
LATE = """#!/bin/sh
for merged; do :; done
sleep 0.3
exec 3>&-
mount -t overlay overlay -o "$3" "$merged" || exit 1
until ! grep -q " $(pwd -P)/merged " /proc/self/mountinfo; do sleep 0.01; done
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts as root; run as root")


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[None]:
    """What docker and root podman have: mounts whose folders have the names that a cell's have."""
    there = [tmp_path / "foreign" / name for name in ("merged", "below", "ext3")]
    try:
        for path in there:
            path.mkdir(parents=True)
            assert run(["mount", "-t", "tmpfs", "foreign", path]).ok
        yield
    finally:
        for path in there:
            run(["umount", path])


def late(tmp_path: Path) -> Cell:
    program = tmp_path / "late"
    program.write_text(LATE, encoding="utf-8")
    program.chmod(0o755)
    main = Part("fuse-overlayfs", "1.14", "", str(program), "")
    tool = Tool("fuse-overlayfs", main, host_world(), origin="given")
    return Cell(parse(DELETE, where="test", name="test"), tool, Profile.ROOT)


@root
@pytest.mark.usefixtures("foreign")
def test_a_cell_on_the_machines_root_waits_for_its_own_mount(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    ran = run_cell(late(tmp_path), CellContext(work, "6.0", {}, timeout=10), tmp_path / "recording")
    assert judge(ran.recording, ran.trees).outcome is Outcome.PASSED, ran.recording
    assert any(" /mnt/merged " in line for line in ran.recording.mounts)


@root
@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("name", ["alone", "a b\t[c]*\\d\nz"])
def test_a_script_alone_waits_for_its_own_mount(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    script = tmp_path / "script.sh"
    script.write_bytes(compile_cell(late(tmp_path)))
    done = run(["env", f"PROGRAM={tmp_path}/late", "unshare", "--mount", "sh", script, folder], timeout=20)
    assert done.code == 0, (done, (folder / "out" / "phases").read_text())
    assert "d/x" not in (folder / "out" / "view.names").read_text()


@pytest.mark.parametrize("name", ["plain", "a b\t[c]*\\d\nz", "ä\\040"])
def test_a_path_is_written_as_the_kernel_writes_it(name: str, tmp_path: Path) -> None:
    prelude = tmp_path / "prelude.sh"
    prelude.write_bytes(b"LC_ALL=C\n" + carried("prelude.sh") + b'printf %s "$here"\n')
    said = run(["env", f"cell=/{name}", "sh", prelude])
    wanted = "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in f"/{name}")
    assert said.out == wanted, said
