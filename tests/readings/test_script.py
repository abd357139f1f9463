"""The shell program of many readings: plain text, the same each time, which a shell takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.profile import Profile
from harness.readings import truth
from harness.readings.script import compile_readings
from harness.readings.taker import Role, Taker, takers
from harness.worlds.model import Part, Tool, World

WORLD = World("trixie", Path("/nowhere"))
FUSE = Tool(
    "fuse-overlayfs", Part("fuse-overlayfs", "1.14", "1.14-1", "/usr/bin/fuse-overlayfs", ""), WORLD, origin="world"
)
KERNEL = Tool("kernel", Part("kernel", "6.18", "", "", ""), WORLD)
GIVENS = [truth.given_of(case) for case in list(truth.cases())[:4]]  # of two layers, and of three


def text(tool: Tool, role: Role, profile: Profile = Profile.ROOT, **more: bool) -> str:
    return compile_readings(Taker(tool, profile, role), GIVENS, **more).decode()


@pytest.mark.parametrize("tool", [FUSE, KERNEL])
@pytest.mark.parametrize("role", [Role.LOWER, Role.UPPER])
def test_a_shell_takes_it(tool: Tool, role: Role) -> None:
    for by_root in (False, True):
        script = text(tool, role, Profile.USER, by_root=by_root)
        assert subprocess.run(["sh", "-n"], input=script.encode(), check=False).returncode == 0
        assert script == text(tool, role, Profile.USER, by_root=by_root)


def test_the_layer_in_question_is_where_its_role_says() -> None:
    lower, upper = text(FUSE, Role.LOWER), text(FUSE, Role.UPPER)
    assert "unpack 1 2 lower/2" in lower
    assert "unpack 1 2 upper" in upper
    assert "lowerdir=lower/2:lower/1,upperdir=upper" in lower  # the top first
    assert "lowerdir=lower/1,upperdir=upper" in upper


def test_a_layer_alone_lies_over_an_empty_one() -> None:
    alone = type(GIVENS[0])("alone", GIVENS[0].layers[:1], GIVENS[0].meant)
    script = compile_readings(Taker(FUSE, Profile.ROOT, Role.UPPER), [alone]).decode()
    assert "1/upper" in script
    assert "1/lower/1" in script
    assert "lowerdir=lower/1,upperdir=upper" in script


def test_root_lays_out_what_a_user_reads() -> None:
    script = text(KERNEL, Role.LOWER, Profile.USER, by_root=True)
    before, after = script.split("exec setpriv", maxsplit=1)
    assert "unpack 1 1 lower/1" in before
    assert "chown -hR" in before
    assert "reading 1 of_2" in after
    assert "exec setpriv" not in text(KERNEL, Role.LOWER, Profile.USER)


def test_who_takes_what_as_what() -> None:
    every = takers([FUSE, KERNEL, Tool("apptainer", Part("apptainer", "1", "", "", ""), WORLD)])
    assert {(one.tool.name, one.profile, one.role) for one in every} == {
        (tool, profile, role)
        for tool in ("fuse-overlayfs", "kernel")
        for profile in Profile
        for role in (Role.LOWER, Role.UPPER)
    }
    assert len({one.key for one in every}) == 8
