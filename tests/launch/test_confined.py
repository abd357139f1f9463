"""A scenario from a stranger: whatever its layers and steps say, nothing outside its cell is written, deleted or made.

What these scenarios try is done for real where a cell does not hold: each of their steps may reach the test's own canaries alone, or
must change nothing that matters. A step that deletes never names a folder of the machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cells.plan import Cell
from harness.judge.findings import Outcome
from harness.judge.judge import judge
from harness.launch.cell import CellContext, Ran, run_cell
from harness.machine.process import run
from harness.profile import Profile
from harness.scenario.loader import parse
from harness.tools.discover import discover
from harness.worlds.build import world_in_place, worlds_in_place
from harness.worlds.host import host_world
from harness.worlds.model import Part, Tool, World

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="what a user may not write anyway proves nothing; run as root"),
]

HEAD = 'schema = 1\ntitle = "hostile"\nguards = "nothing"\n'
# On each canary and beside it. {c}: the canary's path through a link of the layer; {d}: its folder.
REACH = """
{{ do = "write", path = "{c}", text = "overwritten", fails = "as the oracle" }},
{{ do = "write", path = "{c}", text = "appended", append = true, fails = "as the oracle" }},
{{ do = "truncate", path = "{c}", size = 1, fails = "as the oracle" }},
{{ do = "touch", path = "{c}", fails = "as the oracle" }},
{{ do = "chmod", path = "{c}", mode = "0777", fails = "as the oracle" }},
{{ do = "chown", path = "{c}", owner = [7, 7], fails = "as the oracle" }},
{{ do = "setxattr", path = "{c}", name = "user.hostile", value = "x", fails = "as the oracle" }},
{{ do = "cp", path = "f", to = "{c}", fails = "as the oracle" }},
{{ do = "cp", path = "blk", to = "{d}/copied", fails = "as the oracle" }},
{{ do = "mknod", path = "{d}/node", device = [1, 3], fails = "as the oracle" }},
{{ do = "mkdir", path = "{d}/made", fails = "as the oracle" }},
{{ do = "mkfifo", path = "{d}/fifo", fails = "as the oracle" }},
{{ do = "symlink", path = "{d}/link", target = "x", fails = "as the oracle" }},
{{ do = "link", path = "{c}", to = "{d}/linked", fails = "as the oracle" }},
{{ do = "rename", path = "{c}", to = "{d}/renamed", fails = "as the oracle" }},
{{ do = "mv", path = "{c}", to = "stolen", fails = "as the oracle" }},
{{ do = "unlink", path = "{c}", fails = "as the oracle" }},
{{ do = "rm", path = "{d}", fails = "as the oracle" }},
"""


def scenario(reached: list[Path], device: tuple[int, int], more: str = "") -> bytes:
    steps = "".join(REACH.format(c=f"l{path}", d=f"l{path.parent}") for path in reached)
    return (
        f"{HEAD}{more}steps = [{steps}\n"
        '{ do = "write", path = "blk", text = "overwritten", fails = "as the oracle" },\n'
        '{ do = "cp", path = "f", to = "blk", fails = "as the oracle" },\n'
        f'{{ do = "write", path = "l/dev/loop{device[1]}", text = "x", fails = "as the oracle" }},\n'
        '{ do = "write", path = "l/mnt/tool", text = "x", fails = "as the oracle" },\n'
        '{ do = "chmod", path = "l/mnt/tool", mode = "0700", fails = "as the oracle" },\n'
        ']\n[[layers]]\n"l" = { symlink = "/" }\n"f" = "from the layer"\n'
        f'"blk" = {{ block = [{device[0]}, {device[1]}], mode = "0666" }}\n'
    ).encode()


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[list[Path]]:
    """Files that everybody may write to, in folders that everybody may write to, where a cell could see them."""
    folders = [
        Path(tempfile.mkdtemp(prefix=".canary-", dir=parent))
        for parent in (Path.home(), Path("/var/tmp"), Path("/opt"))
    ]
    folders += [tmp_path / "work" / "cell-other" / "cell", tmp_path / "recordings"]
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
            (folder / "canary").write_text("untouched", encoding="utf-8")
            (folder / "canary").chmod(0o666)
        yield [folder / "canary" for folder in folders]
    finally:
        for folder in folders:
            shutil.rmtree(folder)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """A block device that nobody needs, and its number."""
    image = tmp_path / "disk.img"
    image.write_bytes(b"\0" * 4096)
    found = run(["losetup", "--find", "--show", image])
    if not found.ok:
        pytest.skip(f"no loop device: {found.err}")
    node = found.out.strip()
    try:
        number = Path(node).stat().st_rdev
        yield image, (os.major(number), os.minor(number))
    finally:
        run(["losetup", "--detach", node])


def state(paths: list[Path]) -> list[object]:
    """Content, kind, mode, owner and xattrs of files, and what lies beside them."""
    found: list[object] = []
    for path in paths:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found.append(
            (path, content, status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, os.listxattr(path))
        )
        found.append(sorted(os.listdir(path.parent)) if path.name == "canary" else "")  # noqa: PTH208
    return found


def tool(name: str, tmp_path: Path) -> Tool:
    if name == "kernel on the machine's root":
        return next(one for one in discover([host_world()], ["kernel"]) if isinstance(one, Tool))
    world = world_in_place("trixie")
    if world is None:
        if os.environ.get("WHITEOUT_LAB_STRICT") == "1":
            pytest.fail("the world trixie is not built")
        pytest.skip("the world trixie is not built: whiteout-lab worlds build trixie")
    if name == "fuse-overlayfs in a world":
        return next(one for one in discover([world], ["fuse-overlayfs"]) if isinstance(one, Tool))
    return given(world, tmp_path)


def given(world: World, tmp_path: Path) -> Tool:
    """A program of the user's: the world's, run on the machine's root by a wrapper, which is itself worth a canary."""
    loader = next((world.root / "usr").rglob("ld-linux-*.so.2"))
    libraries = ":".join(sorted({str(p.parent) for p in (world.root / "usr/lib").glob("*/libfuse3.so*")}))
    path = tmp_path / "fuse-overlayfs"
    path.write_text(
        f'#!/bin/sh\nexec {loader} --library-path {libraries} {world.root}/usr/bin/fuse-overlayfs "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o777)
    return Tool(
        "fuse-overlayfs",
        Part("fuse-overlayfs", "1.14", "", str(path), ""),
        host_world(),
        origin="given",
    )


def go(text: bytes, one: Tool, profile: Profile, tmp_path: Path) -> Ran:
    (tmp_path / "work").mkdir(exist_ok=True)
    context = CellContext(tmp_path / "work", "6.0", {}, timeout=60)
    return run_cell(
        Cell(parse(text, where="test", name="test"), one, profile), context, tmp_path / "recordings" / "mine"
    )


TOOLS = ["kernel on the machine's root", "given program on the machine's root", "fuse-overlayfs in a world"]


@pytest.mark.worlds
@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("name", TOOLS)
def test_nothing_outside_is_changed(
    name: str, profile: Profile, canaries: list[Path], disk: tuple[Path, tuple[int, int]], tmp_path: Path
) -> None:
    if name.startswith("given") and profile is Profile.USER:
        pytest.skip("the wrapper reaches into a world of root's")
    image, number = disk
    one = tool(name, tmp_path)
    watched = [*canaries, Path("/dev/null"), *([Path(one.main.path)] if one.origin == "given" else [])]
    before = state(watched)
    # what a link of /proc leads to is the cell's own; a process of the machine is not there
    through = [Path(f"/proc/1/root{path}") for path in canaries]
    ran = go(scenario([*canaries, *through], number), one, profile, tmp_path)
    shutil.rmtree(tmp_path / "recordings" / "mine")
    assert ran.recording.phase == "end", ran.recording.broken
    assert len(ran.recording.steps) == len(ran.recording.scenario.steps)
    assert state(watched) == before
    assert image.read_bytes() == b"\0" * 4096
    # every step that could reach out was tried, and failed the same way on both trees
    assert [step.code for step in ran.recording.steps] == [step.code for step in ran.recording.oracle_steps]


@pytest.mark.worlds
@pytest.mark.parametrize("name", TOOLS)
def test_the_machine_itself_is_read_only(name: str, tmp_path: Path) -> None:
    """Each of these would change little if it were done, since this test must not be the one that breaks a machine."""
    one = tool(name, tmp_path)
    hostname = Path("/proc/sys/kernel/hostname")
    steps = f"""[
      {{ do = "mkdir", path = "l/etc/.canary", fails = "as the oracle" }},
      {{ do = "mkdir", path = "l/usr/bin/.canary", fails = "as the oracle" }},
      {{ do = "mkdir", path = "l/dev/.canary", fails = "as the oracle" }},
      {{ do = "mkdir", path = "l/run/.canary", fails = "as the oracle" }},
      {{ do = "touch", path = "l/usr/bin/true", fails = "as the oracle" }},
      {{ do = "chmod", path = "l/dev/null", mode = "0666", fails = "as the oracle" }},
      {{ do = "write", path = "l{hostname}", text = "{hostname.read_text().strip()}", fails = "as the oracle" }},
      {{ do = "touch", path = "l/proc/sysrq-trigger", fails = "as the oracle" }},
      {{ do = "touch", path = "l/mnt/script.sh", fails = "as the oracle" }},
      {{ do = "touch", path = "l/mnt/tool", fails = "as the oracle" }},
    ]"""
    text = f'{HEAD}steps = {steps}\nlayers = [{{ "l" = {{ symlink = "/" }} }}]\n'.encode()
    ran = go(text, one, Profile.ROOT, tmp_path)
    left = [path for path in ("/etc", "/usr/bin", "/dev", "/run") if (Path(path) / ".canary").exists()]
    for path in left:
        (Path(path) / ".canary").rmdir()
    assert not left
    tried = (
        ran.recording.steps if one.origin == "given" else ran.recording.steps[:-1]
    )  # others have no program of the user's
    assert all(step.code for step in tried), tried


def test_an_image_on_a_loop_device_leaves_no_block_device_to_steps(
    canaries: list[Path], disk: tuple[Path, tuple[int, int]], tmp_path: Path
) -> None:
    image, number = disk
    before = state(canaries)
    one = tool(TOOLS[0], tmp_path)
    ran = go(
        scenario(canaries, number, 'below = { fs = "ext4" }\n'),
        one,
        Profile.ROOT,
        tmp_path,
    )
    shutil.rmtree(tmp_path / "recordings" / "mine")
    assert ran.recording.phase == "end", ran.recording.broken
    assert state(canaries) == before
    assert image.read_bytes() == b"\0" * 4096


@pytest.mark.worlds
def test_a_container_of_roots_reaches_nothing_either(
    canaries: list[Path], disk: tuple[Path, tuple[int, int]], tmp_path: Path
) -> None:
    found = [one for one in discover([host_world(), *worlds_in_place()], ["apptainer"]) if isinstance(one, Tool)]
    if not found:
        pytest.skip("apptainer is not here: whiteout-lab worlds build apptainer")
    image, number = disk
    before = state(canaries)
    settings = "".join(
        f'{{ do = "touch", path = "l{path}", fails = "as the oracle" }},'
        for path in ("/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/sys/kernel/mm", "/dev/null", "/usr/bin/true")
    )
    text = scenario([*canaries, *(Path(f"/proc/1/root{path}") for path in canaries)], number)
    ran = go(text.replace(b"steps = [", f"steps = [{settings}".encode()), found[0], Profile.ROOT, tmp_path)
    shutil.rmtree(tmp_path / "recordings" / "mine")
    assert ran.recording.phase == "end", ran.recording.broken
    assert state(canaries) == before
    assert image.read_bytes() == b"\0" * 4096
    assert all(step.code for step in (*ran.recording.steps[:5], *ran.recording.oracle_steps[:5])), (
        ran.recording.oracle_steps[:5]
    )


def test_evidence_that_a_step_turned_into_a_link_is_not_followed(canaries: list[Path], tmp_path: Path) -> None:
    before = state(canaries)
    names = ("view.jsonl", "upper.tar", "recording.json", "script.sh", "merged.steps.old")
    steps = "".join(
        f'{{ do = "symlink", path = "l/out/{name}", target = "{canaries[0]}", fails = "as the oracle" }},'
        for name in names
    )
    text = f'{HEAD}steps = [{steps}]\nlayers = [{{ "l" = {{ symlink = "/mnt" }} }}]\n'.encode()
    ran = go(text, tool(TOOLS[0], tmp_path), Profile.ROOT, tmp_path)
    kept = tmp_path / "recordings" / "mine"
    assert not [path for path in kept.iterdir() if path.is_symlink()]
    shutil.rmtree(kept)
    assert state(canaries) == before
    assert judge(ran.recording, ran.trees).outcome is Outcome.BROKEN
    assert "a step reached the evidence of the cell" in ran.recording.broken


@pytest.mark.parametrize("swap", [True, False])
def test_a_folder_of_evidence_that_is_none(swap: bool, canaries: list[Path], tmp_path: Path) -> None:
    target = "/etc" if swap else str(canaries[0].parent)
    before = state(canaries)
    steps = f"""[
      {{ do = "rename", path = "l/out", to = "l/gone", fails = "as the oracle" }},
      {{ do = "symlink", path = "l/out", target = "{target}", fails = "as the oracle" }},
      {{ do = "write", path = "l/script.sh", text = "#!/bin/sh\\ntouch {canaries[0].parent}/ran\\n", fails = "as the oracle" }},
      {{ do = "rename", path = "f", to = "l/script.sh", fails = "as the oracle" }},
    ]"""
    text = f'{HEAD}steps = {steps}\nlayers = [{{ "l" = {{ symlink = "/mnt" }}, "f" = "touch {canaries[0].parent}/ran" }}]\n'.encode()
    ran = go(text, tool(TOOLS[0], tmp_path), Profile.ROOT, tmp_path)
    kept = tmp_path / "recordings" / "mine"
    assert not kept.is_symlink()
    assert (kept / "script.sh").read_bytes().startswith(b"#!/bin/sh\n# Whiteout Lab")
    shutil.rmtree(kept)
    assert state(canaries) == before
    assert ran.recording.broken
