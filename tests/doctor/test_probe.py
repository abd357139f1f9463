"""Facts and what they mean; and one real look at this machine."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.cli.doctor import conclusion
from harness.cli.doctor import text as doctor_text
from harness.doctor import probe as doctor
from harness.doctor.capabilities import PROGRAMS, Capability, Facts, Tried, assess
from harness.doctor.probe import examine, probe, read_answers
from harness.machine.process import run
from harness.worlds.host import host_world
from harness.worlds.ledger import Ledger
from harness.worlds.model import Unavailable

KEYS = ("userns", "mount@user", "mount@root", "proc@user", "overlay@root", "overlay@user", "fuse@root", "fuse@user")
REST = ("whiteout@user", "loop", "user_xattr", "trusted_xattr", "work")
WELL = Facts(
    is_root=True,
    kernel="6.1.0",
    work="/work",
    tried={key: Tried(ok=True) for key in (*KEYS, *REST)},
    free=10**10,
    cgroup="version 2",
    python="3.12.1",
    programs={"unshare": "/usr/bin/unshare"},
)


def _without(facts: Facts, **messages: str) -> Facts:
    """The facts, with some things that failed; ``__`` stands for ``@``."""
    failed = {key.replace("__", "@"): Tried(ok=False, message=words) for key, words in messages.items()}
    return replace(facts, tried={**facts.tried, **failed})


def _one(facts: Facts, key: str) -> Capability:
    (found,) = (capability for capability in assess(facts) if capability.key == key)
    return found


def test_on_a_good_machine_nothing_is_in_the_way() -> None:
    assert WELL.obstacles() == {}
    assert WELL.is_root
    assert all((WELL.userns, WELL.fuse, WELL.fuse_user, WELL.overlay, WELL.overlay_userns, WELL.loop, WELL.user_xattr))


def test_an_ordinary_user_is_told_so_and_nothing_of_root() -> None:
    user = replace(WELL, is_root=False)
    assert set(user.obstacles()) == {"root", "container"}
    assert not {"overlay@root", "fuse@root", "loop", "trusted_xattr"} & {c.key for c in assess(user)}


@pytest.mark.parametrize(
    ("settings", "seccomp", "detail", "remedy"),
    [
        (
            {"user.max_user_namespaces": "0"},
            False,
            "user.max_user_namespaces is 0",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        ({"kernel.unprivileged_userns_clone": "0"}, False, "is 0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "9"},
            False,
            "AppArmor",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({}, True, "seccomp", "--security-opt seccomp=unconfined"),
        ({}, False, "Operation not permitted", "CONFIG_USER_NS"),
    ],
)
def test_what_blocks_user_namespaces_is_named(
    settings: dict[str, str], seccomp: bool, detail: str, remedy: str
) -> None:
    facts = replace(
        _without(WELL, userns="unshare failed: Operation not permitted"), settings=settings, seccomp=seccomp
    )
    obstacle = facts.obstacles()["userns"]
    assert detail in obstacle.reason
    assert remedy in obstacle.remedy
    assert not any((facts.userns, facts.overlay_userns, facts.fuse_user))


def test_a_namespace_in_which_nothing_can_be_mounted_is_none() -> None:
    """Ubuntu 24.04: the namespace is made, and has no capabilities."""
    facts = replace(
        _without(WELL, mount__user="mount: permission denied"),
        settings={"kernel.apparmor_restrict_unprivileged_userns": "1"},
    )
    assert not facts.userns
    assert "nothing can be mounted in one; mount: permission denied; AppArmor" in facts.obstacles()["userns"].reason


@pytest.mark.parametrize(
    ("unshare", "path"),
    [
        ("/usr/bin/unshare", "/{,usr/}bin/unshare"),
        ("", "/{,usr/}bin/unshare"),
        ("/opt/bin/unshare", "/opt/bin/unshare"),
    ],
)
def test_what_apparmor_forbids_is_allowed_to_all_or_to_the_launcher_alone(unshare: str, path: str) -> None:
    """The words of the profile are those that apparmor_parser of Ubuntu 24.04 takes."""
    facts = replace(
        _without(WELL, mount__user="mount: permission denied"),
        settings={"kernel.apparmor_restrict_unprivileged_userns": "1"},
        programs={"unshare": unshare},
    )
    told = _one(facts, "userns")
    assert told.needed_for == "the profile user"
    assert "every privilege" in told.detail
    everyone, one = told.remedy.split("; or, ")
    assert "until the next boot, for every program" in everyone
    assert f"'abi <abi/4.0>, profile whiteout-lab {path} flags=(unconfined) {{ userns, }}'" in one
    assert one.endswith("> /etc/apparmor.d/whiteout-lab && apparmor_parser -r /etc/apparmor.d/whiteout-lab")
    text = doctor_text(assess(facts), [])
    assert any("NO  user namespaces" in line and "on GitHub's runners" in line for line in text)


def test_apparmor_is_not_blamed_where_a_profile_lets_the_launcher_make_them() -> None:
    facts = replace(WELL, settings={"kernel.apparmor_restrict_unprivileged_userns": "1"})
    assert facts.obstacles() == {}
    assert not any("AppArmor" in one.detail for one in assess(facts))


def test_fuse_that_only_root_may_open_has_its_remedy() -> None:
    facts = replace(_without(WELL, fuse__user="sh: cannot create /dev/fuse: Permission denied"), is_root=False)
    assert set(facts.obstacles()) == {"root", "container", "fuse@user"}
    assert "chmod 666 /dev/fuse" in facts.obstacles()["fuse@user"].remedy
    gone = _without(WELL, fuse__user="sh: cannot create /dev/fuse: No such file", fuse__root="No such file")
    assert set(gone.obstacles()) == {"fuse@root", "fuse@user"}
    assert "modprobe fuse" in gone.obstacles()["fuse@user"].remedy


def test_root_that_may_not_mount_is_no_root() -> None:
    assert "may not mount" in _without(WELL, mount__root="mount: denied").obstacles()["root"].reason


def test_each_obstacle_has_a_reason_and_a_remedy() -> None:
    nothing = replace(WELL, tried={}, free=0, cgroup="", python="3.10.2", programs={})
    for facts in (nothing, replace(nothing, is_root=False), replace(nothing, tried={"userns": Tried(ok=True)})):
        for capability in assess(facts):
            assert capability.ok or (capability.detail and capability.remedy and capability.needed_for), capability


def test_little_room_and_an_old_python_are_told_and_stop_no_cell() -> None:
    facts = replace(WELL, free=1000, python="3.10.2")
    assert not _one(facts, "space").ok
    assert not _one(facts, "python").ok
    assert facts.obstacles() == {}


def test_programs_show_their_version_and_missing_ones_their_package() -> None:
    facts = replace(WELL, versions={"unshare": "unshare from util-linux 2.38"})
    assert _one(facts, "program:unshare").detail == "unshare from util-linux 2.38 (/usr/bin/unshare)"
    assert _one(facts, "program:setfattr").remedy == "apt-get install attr"


def test_answers_are_read_line_by_line() -> None:
    output = "userns ok\noverlay@user no mount: wrong fs type \nnoise\nfuse@user ok\n"
    assert read_answers(output) == {
        "userns": Tried(ok=True),
        "overlay@user": Tried(ok=False, message="mount: wrong fs type"),
        "fuse@user": Tried(ok=True),
    }


def test_what_fails_is_answered_in_its_own_words(tmp_path: Path) -> None:
    tries = "try there true\ntry gone sh -c 'echo wrong fs type >&2; exit 32'\n"
    done = run(["sh", "-c", doctor._TRY + tries], cwd=tmp_path)
    assert read_answers(done.out) == {"there": Tried(ok=True), "gone": Tried(ok=False, message="wrong fs type")}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHITEOUT_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.real
def test_a_real_look_leaves_nothing_and_is_written_down(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    work = tmp_path / "work"
    facts = probe(work)
    assert facts.is_root == (os.geteuid() == 0)
    assert facts.can("work")
    assert {"userns", "user_xattr", "loop"} <= set(facts.tried)
    assert [path.name for path in work.iterdir()] == [".whiteout-lab"]
    assert Path("/proc/self/mountinfo").read_text() == mounts
    monkeypatch.setattr(doctor, "run", None)  # the second look starts no process
    assert replace(probe(work), free=0) == replace(facts, free=0)


@pytest.mark.real
def test_programs_are_asked_for_their_versions(cache: Path, tmp_path: Path) -> None:
    facts = examine(tmp_path / "work")
    assert "tar" in facts.versions["tar"]
    assert facts.python.startswith("3.")


def test_a_work_folder_that_is_not_ours_is_an_obstacle(cache: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "precious").touch()
    facts = probe(work)
    assert "not ours" in facts.obstacles()["work"].reason
    assert [path.name for path in work.iterdir()] == ["precious"]


def _first_words(call: ast.Call) -> list[str]:
    """The names of programs that a call spells out: ``run(["tar", …])``, ``which("tar")``."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "which":
        words = call.args[:1]
    else:
        lists = (
            [arg for arg in call.args if isinstance(arg, ast.List)] if name in {"run", "pouring", "_unpacked"} else []
        )
        words = [one.elts[0] for one in lists if one.elts]
    return [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]


def test_whatever_a_command_starts_is_looked_for() -> None:
    started: dict[str, str] = {}
    for file in Path(harness.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for word in _first_words(node) if isinstance(node, ast.Call) else []:
                started[word] = file.name
    assert {"sqfs2tar", "zstd", "mmdebstrap", "dpkg-query", "flock"} <= set(started)  # it does look
    assert {word: file for word, file in started.items() if word not in {*PROGRAMS, "sh", "singularity"}} == {}


def test_the_last_words_are_true() -> None:
    whole = replace(WELL, programs=dict.fromkeys(PROGRAMS, "/bin/true"))
    assert conclusion(assess(whole), []) == ["Everything can run here."]
    lacks = replace(whole, programs={**whole.programs, "fuse2fs": "", "sqfs2tar": ""})
    assert conclusion(assess(lacks), [])[0] == "Some things cannot be done here, for want of: fuse2fs, sqfs2tar."
    absent = Unavailable("fuse-overlayfs", "sid", "the world sid is not built", "whiteout-lab worlds build sid")
    assert conclusion(assess(whole), [absent])[0] == "Some tools are not here: fuse-overlayfs (sid)."
    blocked = _without(whole, loop="/dev/loop-control: No such file")
    assert conclusion(assess(blocked), [])[0] == "Some cells cannot run here, for want of: loop devices."
    for facts in (lacks, blocked):
        lines = doctor_text(assess(facts), [])
        assert any(line.startswith("NO") for line in lines)
        assert not any("Everything" in line for line in lines)


def test_what_inspect_needs_is_named_with_its_package() -> None:
    lacks = replace(WELL, programs={})
    assert _one(lacks, "program:sqfs2tar").remedy == "apt-get install squashfs-tools-ng"
    assert "inspect" in _one(lacks, "program:zstd").needed_for


def test_a_program_is_asked_by_the_option_that_it_knows(cache: Path, tmp_path: Path) -> None:
    """mke2fs takes ``--version`` for options, and complains: what it says then is no version."""
    programs = tmp_path / "bin"
    programs.mkdir()
    odd = programs / "mke2fs"
    odd.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "mke2fs 1.47.0" || echo "mke2fs: invalid option -- \'-\'"\n')
    odd.chmod(0o755)
    ledger = Ledger(tmp_path / "programs.json")
    assert ledger.program(odd, host_world()).says == "mke2fs 1.47.0"


@pytest.mark.real
def test_no_complaint_is_shown_as_a_version(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "zstd").write_text("#!/bin/sh\necho 'zstd: invalid option -- -'\nexit 1\n")
    (programs / "zstd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    facts = examine(tmp_path / "work")
    assert facts.programs["zstd"] == str(programs / "zstd")
    assert "zstd" not in facts.versions
    assert json.dumps(dict(facts.versions)).count("invalid") == 0
