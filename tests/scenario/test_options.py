"""What a scenario may say to a tool is what is listed; what it may not is refused with its place."""

from __future__ import annotations

import pytest

from harness.errors import ScenarioError
from harness.scenario.loader import parse
from harness.scenario.model import Scenario

HEAD = 'schema = 1\ntitle = "t"\nguards = "g"\nsteps = []\nlayers = [{ "f" = "x" }]\n'


def scenario(text: str) -> Scenario:
    return parse((HEAD + text).encode(), where="x.toml", name="x")


@pytest.mark.parametrize(
    ("driver", "option"),
    [
        ("kernel", "redirect_dir=on,metacopy=on"),
        ("kernel", "volatile"),
        ("fuse-overlayfs", "timeout=0.5"),
        ("fuse-overlayfs", "uidmapping=0:1000:1,noacl"),
    ],
)
def test_what_is_listed_passes(driver: str, option: str) -> None:
    assert scenario(f'options = {{ {driver} = "{option}" }}').options == {driver: option}


@pytest.mark.parametrize("driver", ["kernel", "fuse-overlayfs"])
@pytest.mark.parametrize(
    "option",
    [
        "upperdir=/etc", "workdir=/tmp", "lowerdir=/", "lowerdir+=/root", "datadir+=/root", "userxattr", "dev", "suid", "remount",
        "bind", "rbind", "loop", "X-mount.mkdir", "x-systemd.x", "plugins=/mnt/lower/1/so", "context=\\\"a,b\\\"", "volatile\\\\",
        "index=off,upperdir=/etc", "redirect_dir=/x", "", "index=off,", " index=off", "INDEX=off", "volatile\\n", "fd=3",
    ],
)  # fmt: skip
def test_what_is_not_is_refused(driver: str, option: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(f'options = {{ {driver} = "{option}" }}')
    assert f'options."{driver}"' in str(caught.value)
    assert "remedy" in str(caught.value)


def test_a_driver_that_takes_none_is_refused() -> None:
    with pytest.raises(ScenarioError, match="known: kernel, fuse-overlayfs"):
        scenario('options = { apptainer = "x" }')


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "IFS", "ENV", "BASH_ENV", "LC_ALL", "HOME", "PERL5OPT", "out", "cell", "program", "KEPT",
        "SINGULARITY_BIND", "APPTAINER_BINDPATH", "SINGULARITYENV_PATH", "APPTAINERENV_LD_PRELOAD", "FUSERMOUNT_PROG", "TMPDIR",
    ],
)  # fmt: skip
def test_a_variable_that_could_run_something_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match=name):
        scenario(f'env = {{ {name} = "x" }}')


def test_a_variable_of_the_program_passes() -> None:
    assert scenario('env = { FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT = "1; touch /x" }').env


@pytest.mark.parametrize(
    ("driver", "option", "words"),
    [
        ("apptainer", "volatile", "'apptainer' takes no mount options"),
        ("nonesuch", "volatile", "'nonesuch' is no program"),
        ("kernel", "upperdir=/x", "the option 'upperdir' is the driver's to say"),
        ("kernel", "nonesuch=1", "no option 'nonesuch=1' that a scenario may give"),
    ],
)
def test_why_an_option_is_refused_is_said(driver: str, option: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(f'options = {{ {driver} = "{option}" }}')
    assert words in str(caught.value)
