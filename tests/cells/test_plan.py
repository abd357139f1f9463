"""The plan: which cells there are, and why others are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cells.plan import Cell, NotRun, plan
from harness.doctor.obstacle import Obstacle
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.scenario.model import Scenario
from harness.worlds.model import Part, Tool, World, version_order
from harness.worlds.ranges import matches_version

HOST = World("host", Path("/"))
STEPS = 'steps = [{ do = "mkdir", path = "a" }]\n'


def scenario(text: str = "", name: str = "case") -> Scenario:
    return parse(f'schema = 1\ntitle = "t"\nguards = "g"\n{STEPS}{text}'.encode(), where="case.toml", name=name)


def tool(name: str, version: str = "1.14") -> Tool:
    program = name.partition("+")[0]
    return Tool(name, Part(program, version, "", f"/usr/bin/{program}", ""), HOST)


def one(
    what: Scenario, which: Tool, profile: Profile = Profile.ROOT, obstacles: dict[str, Obstacle] | None = None
) -> Cell | NotRun:
    (decided,) = plan([what], [which], [profile], obstacles or {})
    return decided


def excluded(decided: Cell | NotRun) -> str:
    assert isinstance(decided, NotRun)
    assert decided.excluded
    return decided.reason


@pytest.mark.parametrize(
    ("pattern", "version", "fits"),
    [
        ("fuse-overlayfs", "1.4", True),
        ("fuse-*", "1.4", True),
        ("*", "1.4", True),
        ("fuse-overlayfs+stack", "1.4", False),
        ("fuse-overlay", "1.4", False),
        ("fuse-overlayfs<2", "1.16", True),
        ("fuse-overlayfs<2", "2.0.0", False),
        ("fuse-overlayfs<1.10", "1.4", True),  # numbers, not text
        ("fuse-overlayfs<1.10", "1.10", False),
        ("fuse-overlayfs<=1.10", "1.10", True),
        ("fuse-overlayfs>1.10", "1.10", False),
        ("fuse-overlayfs>1.10", "1.10.1", True),
        ("fuse-overlayfs==1.4", "1.4", True),
        ("fuse-overlayfs==1.4", "1.14", False),
        ("fuse-overlayfs>=1.8,<2", "1.7.1", False),
        ("fuse-overlayfs>=1.8,<2", "1.8", True),
        ("fuse-overlayfs>=1.8,<2", "2", False),
        ("fuse-overlayfs<1.14", "1.14-dev", True),
        ("fuse-overlayfs>=1.14", "1.14-dev", False),
        ("fuse-overlayfs==1.4", "1.4.0", True),  # Debian's
        ("fuse-overlayfs<=1.4.0", "1.4", True),
        ("fuse-overlayfs<1.15", "1.15~rc1", True),
        ("fuse-overlayfs==1.15~rc1", "1.15-rc1", True),
        ("fuse-overlayfs==1.4", "1.4+abcdef12", True),  # a build of it
        ("fuse-overlayfs<1.15", "1.15+b6b56130", False),
        ("fuse-overlayfs=1.15", "1.14", False),  # no pattern speaks of nothing
        ("fuse-overlayfs=>2", "2.0.0", False),
        ("fuse-overlayfs 1.4", "1.4", False),
    ],
)
def test_patterns_of_tools_and_versions(pattern: str, version: str, fits: bool) -> None:
    assert matches_version(pattern, "fuse-overlayfs", version) is fits


def test_versions_are_ordered_as_people_read_them() -> None:
    ordered = [
        "0.2",
        "0.7.8",
        "1.4",
        "1.4.1",
        "1.7.1",
        "1.10",
        "1.13-dev",
        "1.13",
        "1.14~rc2",
        "1.14-rc10",
        "1.14",
        "2.0.0",
    ]
    assert sorted(set(ordered), key=version_order) == ordered
    for same in (
        ("1.4", "1.4.0"),
        ("1.15~rc1", "1.15-rc1"),
        ("1.15", "1.15+b6b56130"),
        ("1.15", "1.15+4a"),
        ("2", "2.0.0"),
    ):
        assert version_order(same[0]) == version_order(same[1])
    assert version_order("1." + "9" * 5000) > version_order("1.99"), "of any length"


def test_every_combination_is_decided_in_a_stable_order() -> None:
    tools = [tool("fuse-overlayfs", "1.10"), tool("fuse-overlayfs", "1.4"), tool("kernel", "6.1")]
    decided = plan([scenario(name="one"), scenario(name="two")], tools, list(Profile), {})
    ids = [cell.id for cell in decided if isinstance(cell, Cell)]
    assert ids[:6] == [
        "one[kernel-6.1-root]", "one[kernel-6.1-user]",
        "one[fuse-overlayfs-1.4-root]", "one[fuse-overlayfs-1.4-user]",
        "one[fuse-overlayfs-1.10-root]", "one[fuse-overlayfs-1.10-user]",
    ]  # fmt: skip
    assert len(ids) == 12


def test_a_scenario_for_some_tools_or_profiles_excludes_the_others() -> None:
    narrow = scenario('on = ["fuse-overlayfs<1.10", "kernel"]\nprofiles = ["root"]\n')
    assert isinstance(one(narrow, tool("fuse-overlayfs", "1.4")), Cell)
    assert isinstance(one(narrow, tool("kernel", "6.1")), Cell)
    assert "is for fuse-overlayfs<1.10, kernel" in excluded(one(narrow, tool("fuse-overlayfs", "1.10")))
    assert "profile root" in excluded(one(narrow, tool("kernel", "6.1"), Profile.USER))


@pytest.mark.parametrize("name", ["fuse-overlayfs+stack", "kernel+nouserxattr"])
def test_tools_on_request_run_what_names_them_or_what_they_are_asked_for(name: str) -> None:
    plain, named = scenario(), scenario(f'also = ["{name}"]\n')
    assert name in excluded(one(plain, tool(name), Profile.USER))
    assert isinstance(one(named, tool(name), Profile.USER), Cell)
    (asked,) = plan([plain], [tool(name)], [Profile.USER], {}, [name])
    assert isinstance(asked, Cell)


def test_combinations_that_would_say_nothing_are_excluded() -> None:
    both = 'also = ["fuse-overlayfs+stack", "kernel+nouserxattr"]\n'
    assert "not for the profile root" in excluded(one(scenario(both), tool("kernel+nouserxattr"), Profile.ROOT))
    assert "below its upper" in excluded(one(scenario(both + '[below]\nfs = "tmpfs"\n'), tool("fuse-overlayfs+stack")))
    assert "not nested" in excluded(one(scenario(both + 'stack = "nested"\n'), tool("fuse-overlayfs+stack")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[below]\nfs = "ext4"\n', "loop device"),
        ('[[layers]]\n"c" = { char = [1, 3] }\n', "holds a device"),
        ('[[layers]]\n"f" = { owner = [1, 1] }\n', "one mapped user"),
        ('[upper]\n"d/" = { opaque = ["trusted"] }\n[below]\nfs = "tmpfs"\n', "trusted"),
    ],
)
def test_what_an_ordinary_user_cannot_lay_out_is_for_root_alone(text: str, why: str) -> None:
    assert why in excluded(one(scenario(text), tool("kernel"), Profile.USER))
    assert isinstance(one(scenario(text), tool("kernel"), Profile.ROOT), Cell)


def test_marks_of_roots_are_laid_out_by_root_for_a_user_to_read() -> None:
    text = '[[layers]]\n"d/" = { opaque = ["trusted"] }\n'
    cell = one(scenario(text), tool("kernel"), Profile.USER)
    assert isinstance(cell, Cell)
    assert cell.laid_by_root
    assert not Cell(cell.scenario, cell.tool, Profile.ROOT).laid_by_root
    (ordinary,) = plan([scenario(text)], [tool("kernel")], [Profile.USER], {"root": Obstacle("no root")})
    assert "trusted" in excluded(ordinary)


def test_a_whiteout_device_is_laid_out_by_an_ordinary_user_too() -> None:
    text = '[[layers]]\n"f" = { whiteout = "device" }\n"d/" = { opaque = ["native"] }\n'
    assert isinstance(one(scenario(text), tool("kernel"), Profile.USER), Cell)


@pytest.mark.parametrize(
    ("key", "profile", "name", "blocked"),
    [
        ("overlay", Profile.ROOT, "kernel", True),
        ("overlay", Profile.ROOT, "fuse-overlayfs", False),
        ("fuse", Profile.ROOT, "fuse-overlayfs", True),
        ("fuse@user", Profile.ROOT, "fuse-overlayfs", False),
        ("fuse@user", Profile.USER, "fuse-overlayfs", True),
        ("userns", Profile.USER, "kernel", True),
        ("userns", Profile.ROOT, "kernel", False),
        ("root", Profile.ROOT, "kernel", True),
        ("root", Profile.USER, "kernel", False),
    ],
)
def test_an_obstacle_skips_what_needs_it_with_its_remedy(key: str, profile: Profile, name: str, blocked: bool) -> None:
    decided = one(scenario(), tool(name), profile, {key: Obstacle("because", "do this")})
    if blocked:
        assert isinstance(decided, NotRun)
        assert (decided.reason, decided.remedy, decided.excluded) == ("because", "do this", False)
    else:
        assert isinstance(decided, Cell)


def test_ids_are_of_letters_that_every_shell_and_file_system_takes() -> None:
    odd = Tool("fuse-overlayfs", Part("x", "1.2 (dirty)/ü\n", "", "", ""), HOST)
    assert Cell(scenario(), odd, Profile.ROOT).id == "case[fuse-overlayfs-1.2_dirty_-root]"


@pytest.mark.parametrize(
    ("handover", "name", "profile", "why"),
    [
        ('profile = "root"', "apptainer", Profile.USER, ""),
        ('profile = "root"', "apptainer", Profile.ROOT, "nothing would change"),
        ('profile = "root"', "kernel", Profile.USER, "makes none"),
        ('mode = "oci"', "singularity-ce", Profile.USER, ""),
        ('mode = "native"', "singularity-ce", Profile.USER, "nothing would change"),
        ('mode = "native"', "singularity-ce+oci+ext3", Profile.ROOT, ""),
        ('mode = "native"', "singularity-ce+oci", Profile.ROOT, "no other mode"),
        ('mode = "oci"', "apptainer", Profile.ROOT, "no other mode"),
        ('mode = "oci"', "singularity-ce+tmpfs", Profile.ROOT, "no other mode"),
    ],
)
def test_an_image_is_handed_over_to_somebody_else(handover: str, name: str, profile: Profile, why: str) -> None:
    (decided,) = plan([scenario(f"handover = {{ {handover} }}\n")], [tool(name)], [profile], {}, [name])
    if why:
        assert why in excluded(decided)
    else:
        assert isinstance(decided, Cell)


def test_what_goes_with_the_container_cannot_be_mounted_again() -> None:
    again = parse(b'schema = 1\ntitle = "t"\nguards = "g"\nsteps = [{ do = "remount" }]\n', where="here", name="case")
    for name, runs in (("apptainer", True), ("apptainer+tmpfs", False)):
        (decided,) = plan([again], [tool(name)], [Profile.ROOT], {}, [name])
        assert isinstance(decided, Cell) is runs
