"""What each driver's shell text promises: sound shell, every option named, hostile words as data, refusals that are no breakage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.drivers import PLACE, PROGRAMS, SETUPS, setups_of
from harness.drivers.base import ContainerText, Mounter, MountText, Runner, Stack
from harness.machine.process import Finished, run
from harness.profile import Profile

MOUNTERS = [setup for setup in SETUPS.values() if isinstance(setup, Mounter)]
RUNNERS = [setup for setup in SETUPS.values() if isinstance(setup, Runner)]
HOSTILE = 'it\'s $(touch touched) `touch touched` "x" \\ ; & |\nnext'
SAYS_WORDS = "printf '<%s>\\n' \"$@\" >words"
PRELUDE = """\
cell=$PWD out=$PWD/out who= program=./mount PATH=$PWD:$PATH; mkdir -p out
die() { printf 'die %s\\n' "$1" >answer; exit 3; }
refuse() { printf 'refuse %s\\n' "$1" >answer; exit 5; }
await() { [ ! -e gone ]; }
"""


def ran(folder: Path, program: str, lines: str) -> Finished:
    """What comes of *lines* where the tool, and mount(8), are a script: *program*."""
    tool = folder / "mount"
    tool.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    tool.chmod(0o755)
    return run(["sh", "-c", PRELUDE + lines], cwd=folder)


def stack(
    profile: Profile = Profile.ROOT,
    *,
    options: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    prepared: bool = False,
) -> Stack:
    lowers = ("image/1", "image/2")
    return Stack(profile, lowers, "upper", "work", "merged", '"$program"', options or {}, env or {}, prepared)


def texts() -> Iterator[tuple[str, str, str]]:
    """Every part of every setup's text: the setup, the part, and its lines."""
    hostile: list[dict[str, str]] = [{}, {"FUSE_OVERLAYFS_X": HOSTILE}]
    for (name, setup), profile, env, prepared in itertools.product(SETUPS.items(), Profile, hostile, (False, True)):
        text: MountText | ContainerText
        text = setup.script(stack(profile, env=env, prepared=prepared, options={setup.program: HOSTILE if env else ""}))
        for part, lines in parts_of(text):
            yield name, part, f"{lines} true" if part == "run" and lines else lines


def parts_of(text: MountText | ContainerText) -> list[tuple[str, str]]:
    """The parts of a text, and of what is typed instead."""
    return [(part, lines) for part, lines in (*vars(text).items(), *vars(text.typed).items()) if isinstance(lines, str)]


def options_of(text: MountText, folder: Path) -> list[str]:
    """The mount options that the tool is called with."""
    ran(folder, SAYS_WORDS, f"{text.mount}\nwait")
    words = (folder / "words").read_text("utf-8").removesuffix(">\n").split(">\n<")
    return words[words.index("-o") + 1].split(",")


def test_every_text_is_sound_shell(tmp_path: Path) -> None:
    for name, part, lines in texts():
        with (tmp_path / f"{name}.sh").open("a", encoding="utf-8") as file:
            file.write(f"# {part}\nbody() {{\n{lines or ':'}\n}}\n")
    for script in tmp_path.iterdir():
        checked = run(["sh", "-n", script])
        assert checked.ok, checked.err


def test_names_say_program_and_setup_and_the_plain_one_is_first() -> None:
    assert PROGRAMS == ("kernel", "fuse-overlayfs", "apptainer", "singularity-ce")
    assert [setup.name for program in PROGRAMS for setup in setups_of(program)] == sorted(SETUPS, key=PLACE.__getitem__)
    for program in PROGRAMS:
        assert setups_of(program)[0].name == program
    assert SETUPS["singularity-ce+oci+ext3"].title == "SingularityCE OCI mode with ext3"
    assert len({setup.title for setup in SETUPS.values()}) == len(SETUPS)


def test_what_is_on_request_is_a_field_of_its_row() -> None:
    assert [name for name, setup in SETUPS.items() if not setup.on_request] == ["kernel", "fuse-overlayfs"]
    assert [name for name, setup in SETUPS.items() if setup.owners == "mapped"] == ["apptainer+fakeroot"]
    assert {setup.name for setup in RUNNERS if not setup.keeps_upper} == {"apptainer+tmpfs", "singularity-ce+tmpfs"}


# ---- what mounts a stack


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("name", ["kernel", "kernel+nouserxattr"])
def test_the_kernel_is_given_every_option(name: str, profile: Profile, tmp_path: Path) -> None:
    text = SETUPS[name].script(stack(profile, options={"kernel": "metacopy=on", "fuse-overlayfs": "noacl"}))
    assert isinstance(text, MountText)
    given = options_of(text, tmp_path)
    follow = "redirect_dir=off" if profile is Profile.ROOT else "redirect_dir=nofollow"
    marks = ["userxattr"] if profile is Profile.USER and name == "kernel" else []
    assert given == [
        "nodev", "lowerdir=image/2:image/1", "upperdir=upper", "workdir=work", follow, "index=off", "xino=off", "metacopy=on",
        *marks,
    ]  # fmt: skip
    assert text.unmount == "umount merged"


@pytest.mark.parametrize("setup", [one for one in MOUNTERS if one.program != "kernel"], ids=lambda one: one.name)
def test_the_daemon_has_the_layers_in_their_order_its_options_and_its_log(setup: Mounter, tmp_path: Path) -> None:
    text = setup.script(stack(options={"fuse-overlayfs": "squash_to_root", "kernel": "metacopy=on"}))
    lowers = "squashed/2:squashed/1" if setup.setup else "image/2:image/1"
    assert options_of(text, tmp_path) == [
        f"lowerdir={lowers}", f"upperdir={setup.upper}", f"workdir={setup.work}", "squash_to_root",
    ]  # fmt: skip
    assert '"$program" -f -o ' in text.mount
    assert '>>"$out/daemon.log" 2>&1 </dev/null &' in text.mount
    assert "wait $daemon" in text.unmount


@pytest.mark.parametrize("setup", MOUNTERS, ids=lambda one: one.name)
def test_hostile_options_are_one_word_and_run_nothing(setup: Mounter, tmp_path: Path) -> None:
    text = setup.script(stack(options={setup.program: HOSTILE}))
    done = ran(tmp_path, SAYS_WORDS, f"{text.mount}\nwait")
    assert done.ok, done.err
    words = (tmp_path / "words").read_text("utf-8")
    assert f",{HOSTILE}>" in words
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("setup", [one for one in MOUNTERS if one.program != "kernel"], ids=lambda one: one.name)
def test_a_hostile_variable_reaches_the_daemon_as_it_is(setup: Mounter, tmp_path: Path) -> None:
    text = setup.script(stack(env={"FUSE_OVERLAYFS_X": HOSTILE}))
    ran(tmp_path, 'printf %s "$FUSE_OVERLAYFS_X" >got', f"{text.mount}\nwait")
    assert (tmp_path / "got").read_text("utf-8") == HOSTILE
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("setup", MOUNTERS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("ended", "code", "answer"),
    [
        ("echo no such option >&2; exit 1", 5, "refuse "),  # an answer of the tool
        ("kill -SEGV $$", 4, ""),  # a daemon that died is judged as such, and has refused nothing
        ("exit 127", 3, "die "),  # what cannot be started has answered nothing
    ],
)
def test_a_refusal_a_death_and_a_program_that_is_not_there_are_three_things(
    setup: Mounter, ended: str, code: int, answer: str, tmp_path: Path
) -> None:
    if not setup.is_program and code != 5:
        pytest.skip("mount(8) is no daemon, and always there")
    (tmp_path / "gone").touch()  # nothing is mounted
    done = ran(tmp_path, ended, setup.script(stack()).mount)
    assert done.code == code, done.err
    words = (tmp_path / "answer").read_text("utf-8") if (tmp_path / "answer").exists() else ""
    assert words[: len(answer) or None] == answer
    if code == 5:
        assert "no such option" in words, "in the tool's own words"


def test_the_stack_is_made_of_images_and_each_part_that_fails_is_the_machines_fault() -> None:
    text = SETUPS["fuse-overlayfs+stack"].script(stack())
    assert isinstance(text, MountText)
    for part in (
        "mksquashfs image/1 ",
        "mksquashfs image/2 ",
        "squashfuse -f",
        "mke2fs -q -F -t ext3",
        "fuse2fs -f ext3.img ext3",
    ):
        assert part in text.prepare
    assert "refuse" not in text.prepare
    assert text.prepare.count("die ") == 2 * 2 + 3
    assert "tar -C upper" not in text.prepare
    prepared = SETUPS["fuse-overlayfs+stack"].script(stack(prepared=True))
    assert "tar -C upper --xattrs --xattrs-include='*' --numeric-owner -cf - ." in prepared.prepare
    assert text.release == "umount ext3; wait $image"


# ---- what runs containers


@pytest.mark.parametrize("setup", RUNNERS, ids=lambda one: one.name)
def test_a_container_sees_the_cell_and_the_worlds_programs_and_runs_the_script_again(setup: Runner) -> None:
    text = setup.script(stack())
    assert '--bind /usr:/usr --bind "$cell":/mnt' in text.enter
    assert text.enter.endswith('/bin/sh /mnt/script.sh /mnt inside "$@"')
    assert "--no-home" in text.enter
    assert "die " in text.prepare or not setup.flattened or setup.setup == "sandbox"
    lines = "".join(lines for _, lines in parts_of(text))
    assert lines.count("refuse") == (setup.name == "singularity-ce+oci"), (
        "that a container does not start is the run's to say"
    )


@pytest.mark.parametrize("setup", RUNNERS, ids=lambda one: one.name)
def test_hostile_variables_reach_the_program_as_they_are(setup: Runner, tmp_path: Path) -> None:
    text = setup.script(stack(env={"APPTAINER_DEBUG": HOSTILE}))
    lines = f"flag=\nenter() {{\n{text.enter}\n}}\nenter writable look view"
    done = ran(tmp_path, 'printf %s "$APPTAINER_DEBUG" >got', lines)
    assert done.ok, done.err
    assert (tmp_path / "got").read_text("utf-8") == HOSTILE
    assert not (tmp_path / "touched").exists()


def words_of(name: str, mode: str, folder: Path) -> list[str]:
    """The words that a setup's program is called with."""
    text = SETUPS[name].script(stack())
    assert isinstance(text, ContainerText)
    flag = next((line for line in text.prepare.splitlines() if line.startswith("flag=")), "")
    done = ran(folder, SAYS_WORDS, f"{flag}\nenter() {{\n{text.enter}\n}}\nenter {mode} look view")
    assert done.ok, done.err
    return [word.strip("<>") for word in (folder / "words").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "mode", "there", "absent"),
    [
        ("apptainer", "writable", ["--overlay", "overlay", "image.sif"], ["--oci", "--userns", "--writable-tmpfs"]),
        ("apptainer", "readonly", ["--overlay", "overlay:ro"], []),
        ("apptainer", "sealed", ["--overlay", "sealed.sqfs:ro"], []),
        ("apptainer+tmpfs", "writable", ["--writable-tmpfs"], ["--overlay"]),
        ("apptainer+sandbox", "writable", ["--overlay", "image/1"], ["image.sif"]),
        ("apptainer+userns", "writable", ["--userns", "--overlay"], []),
        ("apptainer+fakeroot", "writable", ["--fakeroot", "--overlay"], []),
        ("singularity-ce", "writable", ["--overlay"], ["--oci"]),
        ("singularity-ce+oci+folder", "writable", ["--oci", "--overlay"], []),
        ("singularity-ce+oci+ext3", "readonly", ["--oci", "overlay:ro"], []),
        ("singularity-ce+oci", "writable", ["--oci", "--writable", "image.sif"], ["--overlay"]),
        ("singularity-ce+oci", "readonly", ["--oci", "image.sif"], ["--writable", "--overlay"]),
    ],
)
def test_each_setup_says_how_it_runs(name: str, mode: str, there: list[str], absent: list[str], tmp_path: Path) -> None:
    words = words_of(name, mode, tmp_path)
    assert words[:2] == ["-q", "exec"]
    assert set(there) <= set(words)
    assert not set(absent) & set(words)


def test_an_upper_is_left_as_its_setup_keeps_it() -> None:
    uppers = {setup.name: setup.script(stack()).upper for setup in RUNNERS}
    images = {"apptainer+ext3", "singularity-ce+ext3", "singularity-ce+oci", "singularity-ce+oci+ext3"}
    assert {name for name, upper in uppers.items() if "upper.img" in upper} == images
    folders = {name for name, upper in uppers.items() if "take upper overlay/upper/lab" in upper}
    assert {name for name in uppers if name not in images | folders} == {"apptainer+tmpfs", "singularity-ce+tmpfs"}
    assert {name for name, upper in uppers.items() if not upper} == {"apptainer+tmpfs", "singularity-ce+tmpfs"}


def test_only_a_setup_with_a_mode_can_switch_to_the_other() -> None:
    switches = {setup.name: (setup.mode, setup.script(stack()).switch) for setup in RUNNERS if setup.mode}
    assert switches == {
        "singularity-ce": ("native", "flag=--oci"),
        "singularity-ce+ext3": ("native", "flag=--oci"),
        "singularity-ce+oci+folder": ("oci", "flag="),
        "singularity-ce+oci+ext3": ("oci", "flag="),
    }
    assert all(not setup.script(stack()).switch for setup in RUNNERS if not setup.mode)


def test_oci_mode_goes_on_to_podman_and_every_answer_is_a_fact() -> None:
    text = SETUPS["singularity-ce+oci"].script(stack())
    assert isinstance(text, ContainerText)
    assert "layout image/1 image/2\n" in text.prepare, "a layer stays a layer"
    assert "sif dump 3 image.sif" in text.upper, "the overlay's descriptor comes after those of the layers"
    asked = [
        'upper "overlay sync"', 'sealed "overlay seal"', 'pushed "push --layer-format tar"',
        'pushed "push --layer-format squashfs"', 'imported "podman pull"',
    ]  # fmt: skip
    places = [text.onward.index(f"asked {one}") for one in asked]
    assert places == sorted(places)
    assert "die" not in text.onward
    assert text.onward.index("registry_up") < text.onward.index("registry_down")
