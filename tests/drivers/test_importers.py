"""What each importer's shell text promises: sound shell, refusals in its own words, trees shown from where they are seen. None runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.drivers import IMPORTERS, PACKERS, SETUPS
from harness.drivers.base import Importer
from harness.machine.process import Finished, run
from harness.profile import Profile
from harness.readings.image import layout

PROGRAMS = (
    "podman", "docker", "ctr", "umoci", "crane", "singularity", "apptainer", "tar", "mount", "umount", "nsenter", "squashfuse",
    "fusermount3",
)  # fmt: skip
# As in the script of readings: what a reading may call, and the variables that "begin" sets.
PRELUDE = """\
PATH=$PWD/bin:$PATH cell=$PWD number=1 within= podman=podman local= store=$PWD; export HOME=$PWD
die() { printf 'die %s\\n' "$1" >>answer; exit 3; }
show() { printf 'show %s\\n' "$1" >>answer; }
chain() { echo sha256:aa; }
"""
REFUSES = (
    'case "$*" in *pull*|*load*|*import*|unpack*|export*|*build*) echo "it is refused, says $0" >&2; exit 125 ;; esac'
)
EVERY = [(setup, profile) for setup in IMPORTERS.values() for profile in setup.profiles]
IDS = [f"{setup.name}-{profile}" for setup, profile in EVERY]


def ran(folder: Path, program: str, lines: str) -> Finished:
    """What comes of the body of a reading where every program is a script: *program*."""
    (folder / "bin").mkdir()
    (folder / "image").mkdir()
    (folder / "image.tar").touch()
    for name in PROGRAMS:
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return run(["sh", "-c", f"{PRELUDE}reading() {{\n{lines}\n}}\nreading"], cwd=folder)


def test_names_are_nobody_elses() -> None:
    assert not set(IMPORTERS) & {*SETUPS, *PACKERS}
    assert len({setup.title for setup in IMPORTERS.values()}) == len(IMPORTERS)


@pytest.mark.parametrize(("setup", "profile"), EVERY, ids=IDS)
def test_every_text_is_sound_shell(setup: Importer, profile: Profile, tmp_path: Path) -> None:
    text = setup.script(profile)
    body = "\n".join(
        f"{name}() {{\n{lines or ':'}\n}}"
        for name, lines in (("begin", text.begin), ("reading", text.reading), ("end", text.end))
    )
    (tmp_path / "script.sh").write_text(body, encoding="utf-8")
    checked = run(["sh", "-n", tmp_path / "script.sh"])
    assert checked.ok, checked.err
    assert "<<" not in body, "the script indents it"


@pytest.mark.parametrize(("setup", "profile"), EVERY, ids=IDS)
def test_a_refusal_is_in_its_own_words_and_shows_nothing(setup: Importer, profile: Profile, tmp_path: Path) -> None:
    done = ran(tmp_path, REFUSES, setup.script(profile).reading)
    assert done.code == 1  # 3 would say that the machine did not do its part
    assert "it is refused, says" in done.out + done.err
    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize(("setup", "profile"), EVERY, ids=IDS)
def test_what_it_took_is_shown_once(setup: Importer, profile: Profile, tmp_path: Path) -> None:
    done = ran(tmp_path, "echo echo", setup.script(profile).reading)
    assert (tmp_path / "answer").read_text("utf-8").count("show ") == 1, done.err
    assert "die" not in (tmp_path / "answer").read_text("utf-8")


@pytest.mark.parametrize("name", ["podman+overlay", "docker", "docker+vfs", "containerd", "containerd+native"])
def test_a_users_tree_is_read_where_its_mounts_are(name: str) -> None:
    user, root = (IMPORTERS[name].script(profile).reading for profile in (Profile.USER, Profile.ROOT))
    assert user.index('tar() { $within tar "$@"; }') < user.index("show ")
    assert "tar() {" not in root, "a function that calls itself without end where $within is empty"


def test_a_store_knows_a_tree_by_the_chain_of_its_layers(tmp_path: Path) -> None:
    layers = [b"one", b"two", b"three"]
    (tmp_path / "image").mkdir()
    (tmp_path / "image/manifest.json").write_bytes(layout(layers)["manifest.json"])
    begin = IMPORTERS["containerd"].script(Profile.ROOT).begin
    function = begin[begin.index("chain() {") : begin.index("\n}", begin.index("chain() {")) + 2]
    done = run(["sh", "-c", f"{function}\nchain"], cwd=tmp_path)
    name = ""
    for layer in layers:  # image-spec, config.md, "Layer ChainID"
        diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        name = f"sha256:{hashlib.sha256(f'{name} {diff}'.encode()).hexdigest()}" if name else diff
    assert done.out == name


@pytest.mark.parametrize("name", [name for name in IMPORTERS if name.startswith(("docker", "containerd"))])
def test_a_daemon_ends_with_the_readings(name: str) -> None:
    for profile in Profile:
        text = IMPORTERS[name].script(profile)
        assert "containerd=$!" in text.begin
        assert "kill -KILL $containerd" in text.end
        assert ("kill -KILL $dockerd" in text.end) is name.startswith("docker")


def test_which_store_docker_has_is_asked_since_an_older_one_knows_nothing_of_a_feature() -> None:
    for name, store in (("docker", "overlay2"), ("docker+vfs", "vfs"), ("docker+containerd", "overlayfs")):
        assert f'[ "$storage" = {store} ] || die ' in IMPORTERS[name].script(Profile.ROOT).begin
    assert IMPORTERS["docker+containerd"].since == "24"


@pytest.mark.parametrize("profile", list(Profile))
def test_an_image_that_docker_says_to_have_loaded_and_has_not_unpacked_is_refused(
    profile: Profile, tmp_path: Path
) -> None:
    text = IMPORTERS["docker+containerd"].script(profile)
    done = ran(tmp_path, 'case "$*" in *" info "*) echo not found; exit 1 ;; esac; echo echo', text.reading)
    assert done.code == 1
    assert "not found" not in done.out, "docker's own words are the last ones"
    assert not (tmp_path / "answer").exists()
