"""The words that a script says are those that this program understands; the ``.sh`` files spell them out by themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import harness
from harness.drivers import SETUPS
from harness.evidence.answers import answers
from harness.evidence.older import place_before
from harness.evidence.recording import Answer, Step
from harness.evidence.trees import phase, steps
from harness.machine.process import run
from harness.places import IMPORTED
from harness.protocol import Phase
from harness.script.parts import carried
from tests.script.test_compile import STEPS, script

HOUSE = Path(harness.__file__).parent
CONTAINERS = [name for name, setup in SETUPS.items() if setup.kind == "containers"]


def test_whoever_is_asked_is_asked_at_a_place_and_as_of_old() -> None:
    """Recordings of before say who was asked, and not where: both must agree."""
    texts = [path.read_text(encoding="utf-8") for path in HOUSE.rglob("*.sh")] + [
        script(STEPS, one) for one in CONTAINERS
    ]
    asked = {pair for text in texts for pair in re.findall(r'\basked (\S+) "([^"{]*)"', text)}
    assert len(asked) == 9
    assert {who: place_before(who) for _, who in asked} == {who: place for place, who in asked}


@pytest.mark.parametrize("driver", SETUPS)
def test_a_script_enters_the_phases_that_are_looked_for(driver: str) -> None:
    phases = set(re.findall(r"^say (\w+)$", script(STEPS, driver), re.MULTILINE))
    assert phases >= {Phase.LAYERS, Phase.END, Phase.IMAGE if driver in CONTAINERS else Phase.MOUNT}


def test_what_a_script_writes_is_read_as_it_was_meant(tmp_path: Path) -> None:
    lines = b"""
out=$PWD who= tree=merged
say 'steps 1'
step 0 true
step 7 sh -c 'echo one; echo two >&2; exit 3'
asked imported "podman pull" sh -c 'echo no; exit 125'
"""
    (tmp_path / "script.sh").write_bytes(b"cell=$PWD\n" + carried("prelude.sh") + carried("image.sh") + lines)
    run(["sh", "script.sh"], cwd=tmp_path, timeout=30)
    assert phase(tmp_path) == "steps 1"
    assert steps(tmp_path, "merged") == (Step(0, 0), Step(7, 3, "one\\ntwo"))
    assert answers(tmp_path) == (Answer("podman pull", 125, "no", IMPORTED),)
