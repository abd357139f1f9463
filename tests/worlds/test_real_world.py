"""One world, really built."""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.errors import WorldError
from harness.machine.process import run, which
from harness.tools.discover import discover
from harness.worlds.build import ensure
from harness.worlds.model import Tool, World

pytestmark = [pytest.mark.real, pytest.mark.worlds]


def _mounts_while(task: Future[dict[str, World | WorldError]]) -> set[str]:
    seen: set[str] = set()
    while not task.done():
        seen.update(Path("/proc/self/mountinfo").read_text().splitlines())
        time.sleep(0.01)
    return seen


@pytest.fixture(scope="module")
def bookworm(tmp_path_factory: pytest.TempPathFactory) -> World:
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setenv("WHITEOUT_LAB_CACHE", str(cache))
        building = pool.submit(ensure, ["bookworm"], lambda _line: None)
        mounted = {line for line in _mounts_while(building) if str(cache) in line}
        world = building.result()["bookworm"]
    assert not mounted, "a build that is killed would leave these behind"
    if isinstance(world, WorldError):
        missing = pytest.fail if os.environ.get("WHITEOUT_LAB_STRICT") else pytest.skip
        missing(f"the world cannot be built here: {world}")
    return world


def test_every_package_has_its_version(bookworm: World) -> None:
    assert bookworm.packages["fuse-overlayfs"].startswith("1.10-")
    assert "libc6" in bookworm.packages
    assert len(bookworm.packages) > 50


def test_its_programs_are_tools_at_the_version_of_their_package(bookworm: World, cache: Path) -> None:
    found = discover([bookworm], ["fuse-overlayfs@bookworm", "fuse-overlayfs+stack@bookworm"], kernel="6.1.0")
    tools = {one.name: one for one in found if isinstance(one, Tool)}
    assert tools["fuse-overlayfs"].version == "1.10"
    assert tools["fuse-overlayfs"].main.path == "/usr/bin/fuse-overlayfs"
    assert "1.10" in tools["fuse-overlayfs"].main.says
    assert [part.name for part in tools["fuse-overlayfs+stack"].parts] == ["squashfuse", "fuse2fs", "fuse-overlayfs"]
    assert all(len(part.sha256) == 64 and part.package for part in tools["fuse-overlayfs+stack"].parts)


def test_everybody_can_read_it(bookworm: World) -> None:
    for folder, folders, files in os.walk(bookworm.root):
        for name in (*folders, *files):
            mode = Path(folder, name).lstat().st_mode
            assert not stat.S_ISREG(mode) or mode & 0o444 == 0o444, (folder, name)
            assert not stat.S_ISDIR(mode) or mode & 0o555 == 0o555, (folder, name)


def test_its_programs_run_inside_it(bookworm: World) -> None:
    if which("chroot") is None:
        pytest.skip("chroot is not installed")
    programs = "unshare mount setpriv tar setfattr perl mksquashfs mke2fs squashfuse fuse2fs bash find awk"
    words = f"for p in {programs}; do command -v $p || exit 1; done; tar --version; id -un"
    user = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    done = run([*user, "chroot", str(bookworm.root), "sh", "-c", words], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if user and "unshare" in done.err:
        pytest.skip(f"no user namespace can be made here: {done.err.strip()}")
    assert done.code == 0, done.err
    assert "GNU tar" in done.out
    assert done.out.rstrip().endswith("root")
