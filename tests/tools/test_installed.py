"""Installations of SingularityCE that a user names: folders, archives, and what is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.machine.cache import prune_folder
from harness.machine.process import run
from harness.tools.installed import installation, installations


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that looks like an installation."""
    top = tmp_path / "singularity-ce-9.9"
    for name in ("bin/singularity", "libexec/singularity/bin/starter"):
        (top / name).parent.mkdir(parents=True)
        (top / name).write_text("#!/bin/sh\necho singularity-ce version 9.9\n")
        (top / name).chmod(0o755)
    return top


def test_a_folder_its_parent_and_the_program_itself(home: Path) -> None:
    assert installation(home) == home
    assert installation(home.parent) == home
    assert installation(home / "bin/singularity") == home


@pytest.mark.parametrize("name", ["it.tar", "it.tar.gz", "it.tar.xz"])
def test_an_archive_is_unpacked_once(home: Path, cache: Path, name: str) -> None:
    archive = home.parent / name
    assert run(["tar", "-C", home.parent, "-caf", archive, home.name]).ok
    first = installation(archive)
    assert first.is_relative_to(cache)
    (first / "bin/mark").touch()
    assert (installation(archive) / "bin/mark").exists()
    assert len(prune_folder("installed")) == 1
    assert not first.exists()


def test_a_package_is_unpacked(home: Path, cache: Path) -> None:
    root = home.parent / "package"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: singularity-ce\nVersion: 9.9\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    )
    shutil.copytree(home, root / "usr")
    assert run(["dpkg-deb", "--build", root, home.parent / "it.deb"]).ok
    assert installation(home.parent / "it.deb").is_relative_to(cache)
    assert installation(home.parent / "it.deb").name == "usr"


def test_what_is_none_is_named_with_its_remedy(home: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.tar.xz").write_bytes(b"no archive")
    (home / "libexec/singularity/bin/starter").unlink()
    for path, message in (
        (tmp_path / "nowhere", "no such"), (tmp_path / "empty", "no bin/singularity"),
        (tmp_path / "damaged.tar.xz", "cannot be unpacked"), (home, "starter"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=message) as raised:
            installation(path)
        assert raised.value.remedy


def test_a_program_for_another_machine_is_named(home: Path) -> None:
    elf = bytearray(Path("/proc/self/exe").read_bytes()[:4096])
    elf[18:20] = (243).to_bytes(2, "little")  # RISC-V
    (home / "bin/singularity").write_bytes(bytes(elf))
    with pytest.raises(UsageError, match="another processor"):
        installation(home)


def test_the_variable_names_several(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHITEOUT_LAB_SINGULARITY", f"{home}:/nowhere")
    assert installations() == [home, Path("/nowhere")]


def test_the_one_on_the_path_is_taken_unless_it_is_apptainer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHITEOUT_LAB_SINGULARITY", raising=False)
    monkeypatch.setenv("PATH", f"{home}/bin")
    assert installations() == [home]
    (home / "bin/singularity").rename(home / "bin/apptainer")
    (home / "bin/singularity").symlink_to("apptainer")
    assert installations() == []
