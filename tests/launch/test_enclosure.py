"""What a cell's root is put together from, as lines of fstab(5)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.launch.enclosure import INIT, Enclosure, Mounted, fstab_word, read_mountinfo
from harness.machine.process import run
from harness.profile import Profile

CELL = Path("/work here/run/cell-1/cell")
MOUNTINFO = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw
23 21 8:2 / /usr/local#x rw,nosuid,nodev,idmapped shared:3 - ext4 /dev/sda2 rw
24 21 8:3 / /work\\040here rw,nosuid,noatime - ext4 /dev/sdb1 rw
25 21 0:40 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw
26 21 0:41 / /device rw - ext4 /dev/sdc1 rw
"""


def enclosure(
    root: str, profile: Profile, *, as_root: bool, tool: Path | None = None, container: bool = False
) -> Enclosure:
    machine = read_mountinfo(MOUNTINFO)
    return Enclosure(Path(root), profile, as_root, 65534, tool, machine=machine, container=container)


def lines(one: Enclosure) -> dict[str, str]:
    """The options of each line by the place that it mounts."""
    return {line.split(" ")[1]: [*line.split(" "), ""][3] for line in one.mounts(CELL)}


def test_mountinfo_is_read_with_its_escapes() -> None:
    found = read_mountinfo(MOUNTINFO + "cut off\n")
    assert found[2] == Mounted("/usr/local\\043x", ("nosuid", "nodev"))
    assert found[3] == Mounted(fstab_word(Path("/work here")), ("nosuid", "noatime"))
    assert len(found) == 6


def test_the_machines_root_is_read_only_mount_by_mount() -> None:
    at = "/work\\040here/run/cell-1/root"
    found = lines(enclosure("/", Profile.ROOT, as_root=True, tool=Path("/work here/fo")))
    assert found[at] == "bind,ro,relatime,nodev"
    assert found[f"{at}/usr/local\\043x"] == "bind,ro,nosuid,nodev"
    assert found[f"{at}/device"] == "bind,ro,nodev"
    assert not [place for place in found if "docker" in place]
    assert found[f"{at}/mnt"] == "bind,nodev"
    assert found[f"{at}/mnt/script.sh"].startswith("bind,ro")
    assert found[f"{at}/mnt/tool"] == "bind,ro,nosuid,noatime,nodev"
    assert found[f"{at}/proc"] == "nosuid,nodev,noexec,ro"
    assert found[f"{at}/dev/null"] == "bind,ro,nosuid"
    assert not [place for place in found if "loop" in place or "sda" in place]


def test_an_ordinary_user_binds_whole_trees_and_keeps_what_they_forbid() -> None:
    at = "/work\\040here/run/cell-1/root"
    found = lines(enclosure("/", Profile.USER, as_root=False))
    assert found[at] == "rbind,ro,relatime"
    assert found[f"{at}/usr/local\\043x"] == "rbind,ro,nosuid,nodev"
    assert found[f"{at}/mnt"] == "bind"


def test_what_only_a_user_needs_is_writable_for_users_alone() -> None:
    for profile, sealed in ((Profile.ROOT, True), (Profile.USER, False)):
        found = lines(enclosure("/world", profile, as_root=True))
        assert (",ro" in found["/world/proc"]) is sealed
        found = lines(enclosure("/world", profile, as_root=True, container=True))
        assert ("/world/proc/sys" in found) is sealed
        assert found["/world/sys"].startswith("ro,")
    assert "/world/proc/sys" not in lines(
        Enclosure(Path("/world"), Profile.ROOT, True, 1000, container=True, hands_over=True)
    )


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/plain/path-1.2", "/plain/path-1.2"),
        ("/a b", "/a\\040b"),
        ("/a\tb\nc", "/a\\011b\\012c"),
        ("/back\\040slash", "/back\\134040slash"),
        ("/#no comment", "/\\043no\\040comment"),
    ],
)
def test_a_path_is_one_word_of_fstab(path: str, word: str) -> None:
    assert fstab_word(Path(path)) == word


def test_the_shell_undoes_what_fstab_needs() -> None:
    """``printf %b`` with ``\\0NNN`` is what fstab(5) does with ``\\NNN``."""
    path = "/a b\tc\nd\\e#f"
    word = fstab_word(Path(path)).replace("\\", "\\0")
    assert run(["printf", "%b", word]).out == path


def values(one: Enclosure, cell: str = "/c e") -> dict[str, str]:
    """What ``init.sh`` is told, by name."""
    argv = one.argv(Path(cell))
    return dict(word.split("=", 1) for word in argv[argv.index(str(INIT)) + 1 :])


def test_the_values_of_a_cell_hold_its_paths_as_they_are_and_as_fstab_has_them() -> None:
    found = values(Enclosure(Path("/w o"), Profile.ROOT, as_root=True, uid=65534))
    assert (found["root"], found["cell"], found["inside"], found["uid"]) == ("/w o", "/c e", "/mnt", "")
    assert "/w\\040o" in found["mounts"]
    assert "/c\\040e" in found["mounts"]
    assert values(Enclosure(Path("/w"), Profile.USER, as_root=True, uid=7))["uid"] == "7"


def test_an_installation_is_placed_for_containers_alone() -> None:
    for container in (True, False):
        one = enclosure("/w", Profile.ROOT, as_root=True, tool=Path("/a=b"), container=container)
        assert values(one)["tool"] == ("/a=b" if container else "")
        assert values(one)["dev"] == ("container" if container else "")


def test_the_first_process_knows_every_value_by_its_name_and_no_other(tmp_path: Path) -> None:
    named = values(enclosure("/w", Profile.ROOT, as_root=True, container=True))
    script = INIT.read_text("utf-8")
    known = set(re.findall(r"^    ([a-z_]+)=\*\)", script, re.MULTILINE))
    assert known == named.keys()
    for name in known:
        assert re.search(rf"[$]({name}\b|{{{name}}})", script), f"{name} is told and not used"
    done = run(["sh", INIT, "colour=red"], cwd=tmp_path)
    assert (done.code, done.err) == (2, "init.sh knows nothing of colour\n")
