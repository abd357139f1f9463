"""Names of before are refused wherever one can be given, with the name of today as remedy."""

from __future__ import annotations

import pytest

from harness.cli.main import main
from harness.drivers import SETUPS
from harness.errors import ScenarioError, UsageError
from harness.scenario.loader import parse
from harness.tools.asked import parse_word
from harness.worlds.ranges import matches_version, mistake_in
from harness.worlds.renamed import RENAMED, renamed

HEAD = b'schema = 1\ntitle = "t"\nguards = "g"\nsteps = [{ do = "mkdir", path = "a" }]\n'


def test_every_name_of_before_leads_to_one_of_today() -> None:
    assert set(RENAMED.values()) <= SETUPS.keys()
    assert not RENAMED.keys() & SETUPS.keys()
    assert {name for name in SETUPS if "+" in name} == set(RENAMED.values())


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("apptainer-ext3", ("apptainer-ext3", "apptainer+ext3")),
        ("singularity-ce-oci-ext3", ("singularity-ce-oci-ext3", "singularity-ce+oci+ext3")),
        ("singularity-ce-oci-4.5.0-root]", ("singularity-ce-oci", "singularity-ce+oci")),
        ("singularity-ce-4.5.0-root]", ("", "")),
        ("apptainer", ("", "")),
        ("apptainer-extra", ("", "")),
        ("fuse-overlayfs-1.14", ("", "")),
    ],
)
def test_an_old_name_is_seen_alone_and_in_an_id(word: str, found: tuple[str, str]) -> None:
    assert renamed(word) == found


@pytest.mark.parametrize("old", RENAMED)
def test_the_command_line_and_a_scenario_refuse_it(old: str) -> None:
    new = RENAMED[old]
    for text in (old, f"{old}@host", f"{old}-1.14"):
        with pytest.raises(UsageError, match="is now called") as raised:
            parse_word(text)
        assert raised.value.remedy == f"--tool {text.replace(old, new)}"
    for line in (f'also = ["{old}"]', f'on = ["{old}"]', f'on = ["{old}>=1,<2"]', f'refuses = ["{old}==1"]'):
        with pytest.raises(ScenarioError, match="is now called") as refused:
            parse(HEAD + line.encode(), where="case.toml", name="case")
        assert new in str(refused.value)


def test_a_pattern_that_spoke_of_old_names_alone_says_what_they_are_now() -> None:
    what, remedy = mistake_in("singularity-ce-oci*", tuple(SETUPS))
    assert "is now called" in what
    assert remedy == "write 'singularity-ce+oci', 'singularity-ce+oci+folder', 'singularity-ce+oci+ext3'"
    assert mistake_in("apptainer*", tuple(SETUPS)) == ("", "")
    assert mistake_in("singularity-ce+oci*>=4.2", tuple(SETUPS)) == ("", "")


@pytest.mark.parametrize("command", [["script"], ["run", "--only"]])
def test_a_cells_old_id_is_refused_with_the_new_one(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "ghost-marker[apptainer-ext3-1.4.5-root]"]) == 2
    printed = capsys.readouterr().err
    assert "'apptainer-ext3' is now called apptainer+ext3" in printed
    assert "ghost-marker[apptainer+ext3-1.4.5-root]" in printed


def test_a_name_without_a_setup_speaks_of_the_plain_one_alone() -> None:
    for pattern, spoken in (
        ("apptainer", {"apptainer"}),
        ("apptainer*", {name for name, setup in SETUPS.items() if setup.program == "apptainer"}),
        ("singularity-ce+oci*", {name for name, setup in SETUPS.items() if setup.setup[:3] == "oci"}),
        ("kernel>=1", {"kernel"}),
    ):
        assert {name for name in SETUPS if matches_version(pattern, name, "1.4")} == spoken
