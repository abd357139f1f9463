"""The verdict on a cell: its findings, those that are known, and those that should be there and are not."""

from __future__ import annotations

import msgspec
import pytest

from harness.findings import Known, Outcome, Station
from harness.judge import Verdict, judge
from harness.recording import PartRecord, Step, ToolRecord
from harness.scenario.layers import Profile
from harness.scenario.model import Tree
from harness.scenario.steps import Fails, FailsBy, Mkdir
from harness.scenario.steps import Step as Action
from harness.snapshot.model import Snapshot
from tests.whiteouts.evidence import evidence, file, folder, gone, tree

LAYERS: tuple[Tree, ...] = ({"a/f": "old"},)
ORACLE = tree([folder("a"), file("a/f", "old"), folder("a/new")])
GHOST = [folder("a"), folder("a/new", trusted_overlay_opaque="y"), file("a/new/.wh..wh..opq"), gone("a/new/.wh..opq")]
CLEAN = [folder("a"), folder("a/new")]


def verdict(
    upper: object = None,
    known: tuple[Known, ...] = (),
    *,
    view: Snapshot = ORACLE,
    tool: str | ToolRecord = "fuse-overlayfs",
    version: str = "1.14",
    profile: Profile = Profile.ROOT,
    steps: tuple[Action, ...] = (Mkdir(path="a/new"),),
    did: tuple[Step, ...] = (Step(0, 0),),
    must: tuple[Step, ...] = (Step(0, 0),),
    **changes: object,
) -> Verdict:
    seen = evidence(
        upper=GHOST if upper is None else upper,  # type: ignore[arg-type]
        layers=LAYERS, view=view, remount=view, oracle=ORACLE, profile=profile, steps=steps, did=did, must=must,
    )  # fmt: skip
    recording = msgspec.structs.replace(
        seen.recording,
        scenario=msgspec.structs.replace(seen.recording.scenario, known=known),
        tool=tool if isinstance(tool, ToolRecord) else ToolRecord(tool, version, tool),
        **changes,
    )
    return judge(recording, seen.trees)


def codes(result: Verdict) -> list[str]:
    return [finding.code for finding in result.findings]


GHOST_KNOWN = (
    Known("WL101", "reason", tools=("fuse-overlayfs<1.15",)),
    Known("WL106", "reason"),
)


def test_nothing_found_is_passed() -> None:
    assert verdict(CLEAN) == Verdict(Outcome.PASSED, "", ())


def test_the_founding_case_is_a_finding_when_nobody_named_it() -> None:
    result = verdict()
    assert (result.outcome, codes(result)) == (Outcome.FINDING, ["WL101", "WL106"])
    assert result.new == result.findings
    assert result.reason == "2 unnamed: WL101, WL106"


def test_known_findings_are_told_and_do_not_fail_the_cell() -> None:
    result = verdict(known=GHOST_KNOWN)
    assert (result.outcome, codes(result), result.new) == (Outcome.PASSED, ["WL101", "WL106"], ())
    assert [finding.known for finding in result.findings] == list(GHOST_KNOWN)


@pytest.mark.parametrize(
    ("known", "new"),
    [
        (Known("WL101", "r", tools=("fuse-overlayfs<1.14",)), True),
        (Known("WL101", "r", tools=("kernel",)), True),
        (Known("WL101", "r", tools=("kernel", "fuse-*")), False),
        (Known("WL101", "r", profiles=("user",)), True),
        (Known("WL101", "r", profiles=("root",)), False),
        (Known("WL101", "r", path="b/*"), True),
        (Known("WL101", "r", path="a/*/.wh..opq"), False),
    ],
)
def test_a_known_finding_speaks_of_its_tools_profiles_and_paths_alone(known: Known, new: bool) -> None:
    result = verdict(known=(known, GHOST_KNOWN[1]))
    assert ("WL101" in [finding.code for finding in result.new]) is new


def test_a_known_finding_that_does_not_appear_fails_the_cell() -> None:
    result = verdict(CLEAN, known=GHOST_KNOWN)
    assert (result.outcome, result.missing) == (Outcome.FINDING, GHOST_KNOWN)
    assert "seems fixed" in result.reason
    assert verdict(CLEAN, known=(GHOST_KNOWN[0],), version="1.15").outcome is Outcome.PASSED


def test_broken_machinery_is_never_a_finding() -> None:
    result = verdict(broken="no loop device")
    assert result == Verdict(Outcome.BROKEN, "no loop device", ())
    stopped = verdict(phase="mount", exit_code=7)
    assert stopped.outcome is Outcome.BROKEN
    assert "stopped in the phase 'mount' with exit code 7" in stopped.reason


def test_a_daemon_that_died_or_hung_is_a_finding_although_the_script_stopped() -> None:
    died = verdict(CLEAN, phase="mount", exit_code=4, daemon_exits=(139,))
    hung = verdict(CLEAN, phase="steps 1", exit_code=-9, timed_out=True, daemon_exits=())
    assert (died.outcome, codes(died)) == (Outcome.FINDING, ["WL208"])
    assert (hung.outcome, codes(hung)) == (Outcome.FINDING, ["WL208"])


@pytest.mark.parametrize(("fails", "code"), [(Fails.MUST, 0), (Fails.MUST_NOT, 1), (FailsBy(root=Fails.MUST), 0)])
def test_a_scenario_whose_steps_do_not_do_what_it_says_is_broken(fails: Fails | FailsBy, code: int) -> None:
    result = verdict(
        CLEAN, steps=(Mkdir(path="a/new", fails=fails),), did=(Step(0, code, "words"),), must=(Step(0, code, "words"),)
    )
    assert result.outcome is Outcome.BROKEN
    assert "the scenario says that step 1 must" in result.reason


def test_a_step_that_must_fail_and_fails_on_both_sides_is_as_expected() -> None:
    result = verdict(CLEAN, steps=(Mkdir(path="a/f", fails=Fails.MUST),), did=(Step(0, 1),), must=(Step(0, 1),))
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize("code", [0, 1])
def test_where_the_plain_directory_decides_a_step_may_come_to_anything_and_must_be_the_same(code: int) -> None:
    step = Mkdir(path="a/f", fails=Fails.AS_ORACLE)
    same = verdict(CLEAN, steps=(step,), did=(Step(0, code),), must=(Step(0, code),))
    other = verdict(CLEAN, steps=(step,), did=(Step(0, 1 - code),), must=(Step(0, code),))
    assert same.outcome is Outcome.PASSED
    assert codes(other) == ["WL207"]


def test_findings_are_in_a_stable_order() -> None:
    shuffled = verdict([*reversed(GHOST)], view=tree([folder("a"), file("a/f", "old")]))
    assert codes(shuffled) == sorted(codes(shuffled))
    assert {finding.station for finding in shuffled.findings} == {Station.UPPER, Station.VIEW, Station.REMOUNT}


def test_a_known_finding_may_be_optional() -> None:
    absent = Known("WL201", "reason", optional=True)
    assert verdict(CLEAN, (absent,)) == Verdict(Outcome.PASSED, "", ())
    result = verdict(known=(*(msgspec.structs.replace(one, optional=True) for one in GHOST_KNOWN), absent))
    assert (result.outcome, result.new) == (Outcome.PASSED, ())


@pytest.mark.parametrize(
    ("known", "new"),
    [
        (Known("WL101", "r", words="*a marker's own name*"), False),
        (Known("WL101", "r", words="a marker's own name"), True),
        (Known("WL101", "r", stations=(Station.UPPER, Station.SEALED)), False),
        (Known("WL101", "r", stations=(Station.SEALED,)), True),
    ],
)
def test_a_known_finding_speaks_of_its_words_and_stations_alone(known: Known, new: bool) -> None:
    assert ("WL101" in [finding.code for finding in verdict(known=(known, GHOST_KNOWN[1])).new]) is new


def test_what_is_known_of_an_engine_holds_for_what_runs_containers_over_it() -> None:
    parts = (PartRecord("fuse-overlayfs", "1.14"), PartRecord("squashfuse", "0.5"))
    known = (Known("WL101", "r", tools=("fuse-overlayfs<1.15",)), Known("WL106", "r", tools=("kernel>=6",)))
    apptainer = ToolRecord("apptainer", "1.4.5", "apptainer", kernel="6.12.3-amd64", parts=parts)
    result = verdict(known=known, tool=apptainer)
    assert (result.outcome, result.new) == (Outcome.PASSED, ())
    assert verdict(CLEAN, known, tool=apptainer).outcome is Outcome.PASSED  # which engine it took is its choice
    later = msgspec.structs.replace(apptainer, parts=(PartRecord("fuse-overlayfs", "1.15"),), kernel="5.10")
    assert [finding.code for finding in verdict(known=known, tool=later).new] == ["WL101", "WL106"]
    stack = ToolRecord(
        "fuse-stack", "1.14", "fuse-stack", parts=parts
    )  # mounts for itself: it is named by its own name
    assert [finding.code for finding in verdict(known=known, tool=stack).new] == ["WL101", "WL106"]
