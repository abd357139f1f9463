"""The words that a script says are those that this program understands; the ``.sh`` files spell them out by themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import harness
from harness.drivers import SETUPS
from harness.evidence.layers import answers
from harness.evidence.recording import Import, Step
from harness.evidence.trees import phase, steps
from harness.machine.process import run
from harness.places import Station
from harness.protocol import STATION_OF, Asked, Phase
from harness.script.parts import carried
from tests.script.test_compile import STEPS, script

HOUSE = Path(harness.__file__).parent
CONTAINERS = [name for name, setup in SETUPS.items() if setup.kind == "containers"]


def test_every_answer_has_its_station() -> None:
    assert STATION_OF.keys() == set(Asked)
    assert Station.STEPS not in STATION_OF.values()


def test_whoever_is_asked_is_one_that_is_known() -> None:
    spelt = {
        word
        for path in HOUSE.rglob("*.sh")
        for word in re.findall(r'asked "([^"{]*)"', path.read_text(encoding="utf-8"))
    }
    assert spelt == {Asked.SEALED_RUN}
    said = {word for driver in CONTAINERS for word in re.findall(r'asked "([^"]*)"', script(STEPS, driver))}
    assert said == set(Asked)


@pytest.mark.parametrize("driver", SETUPS)
def test_a_script_enters_the_phases_that_are_looked_for(driver: str) -> None:
    said = set(re.findall(r"^say (\w+)$", script(STEPS, driver), re.MULTILINE))
    assert said >= {Phase.LAYERS, Phase.END, Phase.IMAGE if driver in CONTAINERS else Phase.MOUNT}


def test_what_a_script_writes_is_read_as_it_was_meant(tmp_path: Path) -> None:
    lines = b"""
out=$PWD who= tree=merged
say 'steps 1'
step 0 true
step 7 sh -c 'echo one; echo two >&2; exit 3'
asked "podman pull" sh -c 'echo no; exit 125'
"""
    (tmp_path / "script.sh").write_bytes(b"cell=$PWD\n" + carried("prelude.sh") + carried("image.sh") + lines)
    run(["sh", "script.sh"], cwd=tmp_path, timeout=30)
    assert phase(tmp_path) == "steps 1"
    assert steps(tmp_path, "merged") == (Step(0, 0), Step(7, 3, "one\\ntwo"))
    assert answers(tmp_path) == (Import(Asked.PULL, 125, "no"),)
