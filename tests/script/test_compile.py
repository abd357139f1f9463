from __future__ import annotations

from pathlib import Path

import pytest

from harness.cells.plan import Cell, plan
from harness.drivers import SETUPS
from harness.machine.process import run
from harness.profile import Profile
from harness.scenario.loader import load, parse, scenarios_below
from harness.scenario.model import Scenario
from harness.script.compile import compile_cell
from harness.worlds.model import Part, Tool, World

SCENARIOS = scenarios_below(Path(__file__).parents[2] / "scenarios")
HOST = World("host", Path("/"))


def tool(name: str) -> Tool:
    return Tool(name, Part(name, "1.14", "1.14-1", f"/usr/bin/{name}", ""), HOST)


def scenario(text: str) -> Scenario:
    return parse(f'schema = 1\ntitle = "t"\nguards = "g"\n{text}'.encode(), where="case.toml", name="case")


def script(text: str, driver: str = "fuse-overlayfs", profile: Profile = Profile.ROOT) -> str:
    return compile_cell(Cell(scenario(text), tool(driver), profile)).decode("utf-8", "surrogateescape")


STEPS = 'steps = [{ do = "mkdir", path = "a" }]\n'


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_script_is_sound_shell_and_always_the_same(path: Path, tmp_path: Path) -> None:
    cells = plan([load(path)], [tool(driver) for driver in SETUPS], list(Profile), {}, SETUPS)
    made = [cell for cell in cells if isinstance(cell, Cell)]
    assert made
    for cell in made:
        raw = compile_cell(cell)
        assert raw == compile_cell(Cell(load(path), cell.tool, cell.profile))
        (tmp_path / f"{cell.tool.name}-{cell.profile}.sh").write_bytes(raw)
    for file in tmp_path.iterdir():
        checked = run(["sh", "-n", file])
        assert checked.ok, checked.err


def test_it_names_itself_and_how_to_run_it_alone() -> None:
    root, user = script(STEPS), script(STEPS, profile=Profile.USER)
    assert "# Whiteout Lab, cell case[fuse-overlayfs-1.14-root]" in root
    assert "in a new or empty folder: sh script.sh FOLDER" in root
    assert "unshare --user --map-root-user --mount sh script.sh FOLDER" in user


def test_layers_that_only_root_can_lay_out_are_handed_to_the_user_who_mounts_them() -> None:
    marked = STEPS + '[[layers]]\n"d/" = { opaque = ["trusted"] }\n'
    text = script(marked, profile=Profile.USER)
    assert "in a new or empty folder: as root, sh script.sh FOLDER" in text
    laid, _, rest = text.partition("chown -hR 65534:65534 lower upper oracle out merged work")
    assert "setfattr -h -n trusted.overlay.opaque" in laid
    assert 'sh "$self" "$cell" below\nfi\n' in rest
    assert "setfattr" not in rest
    assert "chown" not in script(marked)


def test_a_line_break_in_a_title_does_not_leave_the_comment() -> None:
    text = compile_cell(
        Cell(
            parse(b'schema = 1\ntitle = "a\\nrm -rf x"\nguards = "g\\nrm"\n' + STEPS.encode(), where="x", name="x"),
            tool("kernel"),
            Profile.ROOT,
        )
    ).decode()
    assert "\nrm" not in text


def test_steps_run_on_the_mount_and_on_the_oracle_and_remounts_part_them() -> None:
    text = script('steps = [{ do = "mkdir", path = "a" }, { do = "remount" }, { do = "rmdir", path = "a" }]')
    assert "step 0 mkdir a" in text
    assert "step 2 rmdir a" in text
    for number in (1, 2):
        assert f"\non merged steps_{number}\n" in text
        assert f"\non oracle steps_{number}\n" in text
    assert text.index("on merged steps_1") < text.index("say 'unmount for remount'") < text.index("on merged steps_2")


def test_layers_stand_in_the_order_of_their_height() -> None:
    text = script(STEPS + '[[layers]]\n"low" = ""\n[[layers]]\n"high" = ""\n')
    assert "lowerdir=lower/2:lower/1" in text


def test_environment_and_options_of_the_scenario_reach_the_tool() -> None:
    text = script(
        STEPS
        + '[env]\nFUSE_OVERLAYFS_KEY = "it\'s $(x)"\n[options]\nfuse-overlayfs = "squash_to_root"\nkernel = "metacopy=on"\n'
    )
    assert "FUSE_OVERLAYFS_KEY='it'\\''s $(x)' " in text
    assert ",squash_to_root" in text
    assert "metacopy" not in text


def test_the_kernel_is_told_every_option_whose_default_differs() -> None:
    text = script(STEPS, "kernel")
    for option in ("redirect_dir=off", "metacopy=off", "index=off", "xino=off"):
        assert option in text
    assert "userxattr" not in text
    assert "userxattr" in script(STEPS, "kernel", Profile.USER)
    named = script(STEPS + '[options]\nkernel = "metacopy=on"\n', "kernel")
    assert "metacopy=on" in named
    assert "metacopy=off" not in named


@pytest.mark.parametrize(
    ("below", "line"),
    [
        ('fs = "tmpfs"', "mount -t tmpfs"),
        ('fs = "ramfs"', "mount -t ramfs"),
        ('fs = "ext4"\nfeatures = "^dir_index"', "-O '^dir_index' below.img"),
        ('fs = "ext3-fuse"', "fuse2fs -f below.img below"),
        ('fs = "same"', "upperdir=outer-upper"),
    ],
)
def test_the_file_system_below_the_upper(below: str, line: str) -> None:
    text = script(f"{STEPS}[below]\n{below}\n")
    assert line in text
    assert "ln -s below/upper upper" in text
    assert line not in script(STEPS)


def test_a_nested_stack_is_the_lower_of_another() -> None:
    text = script(STEPS + 'stack = "nested"\n[[layers]]\n"f" = ""\n', "kernel")
    assert "lowerdir=lower/1,upperdir=inner-upper" in text
    assert "lowerdir=inner,upperdir=upper" in text


def test_a_program_from_outside_is_called_where_it_is_placed() -> None:
    given = Tool("fuse-overlayfs", Part("fuse-overlayfs", "9", "", "/home/me/fo", ""), HOST, origin="given")
    text = compile_cell(Cell(scenario(STEPS), given, Profile.ROOT)).decode()
    assert "program=${PROGRAM:-/mnt/tool}" in text
    assert '"$program" -f -o' in text
    assert "/home/me" not in text


def test_the_paths_that_the_scenario_speaks_of_are_looked_up_in_both_views() -> None:
    text = script('steps = [{ do = "rename", path = "d/x", to = "new name" }]')
    for place in ("view", "remount"):
        line = next(line for line in text.splitlines() if line.startswith(f"reach {place} merged "))
        assert " d/x" in line
        assert " 'new name'" in line
        assert text.index(f"take {place} merged") < text.index(line), "a look-up may change what readdir gives"
