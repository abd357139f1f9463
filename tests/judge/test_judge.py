"""The verdict on a cell: its findings, those that are known, and those that should be there and are not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from harness.evidence.recording import PartRecord, Step, ToolRecord
from harness.judge.defects.model import Defect
from harness.judge.findings import Finding, Outcome
from harness.judge.judge import Verdict, judge
from harness.judge.verdict_text import finding_lines
from harness.places import READONLY, REMOUNT, SEALED, UPPER, VIEW, PlaceName
from harness.profile import Profile
from harness.scenario.model import Tree
from harness.scenario.steps import Fails, FailsBy, Mkdir
from harness.scenario.steps import Step as Action
from harness.snapshot.model import Snapshot
from tests.defects import known, said
from tests.judge.evidence import evidence, file, folder, gone, tree

LAYERS: tuple[Tree, ...] = ({"a/f": "old"},)
ORACLE = tree([folder("a"), file("a/f", "old"), folder("a/new")])
GHOST = [folder("a"), folder("a/new", trusted_overlay_opaque="y"), file("a/new/.wh..wh..opq"), gone("a/new/.wh..opq")]
CLEAN = [folder("a"), folder("a/new")]


def verdict(
    upper: object = None,
    defects: tuple[Defect, ...] = (),
    *,
    view: Snapshot = ORACLE,
    tool: str | ToolRecord = "fuse-overlayfs",
    version: str = "1.14",
    profile: Profile = Profile.ROOT,
    steps: tuple[Action, ...] = (Mkdir(path="a/new"),),
    did: tuple[Step, ...] = (Step(0, 0),),
    must: tuple[Step, ...] = (Step(0, 0),),
    others: tuple[tuple[Finding, ...], ...] = (),
    **changes: object,
) -> Verdict:
    seen = evidence(
        upper=GHOST if upper is None else upper,  # type: ignore[arg-type]
        layers=LAYERS, view=view, remount=view, oracle=ORACLE, profile=profile, steps=steps, did=did, must=must,
    )  # fmt: skip
    recording = msgspec.structs.replace(
        seen.recording,
        tool=tool if isinstance(tool, ToolRecord) else ToolRecord(tool, version, tool),
        **changes,
    )
    return judge(recording, seen.trees, others=others, defects=defects)


def codes(result: Verdict) -> list[str]:
    return [finding.code for finding in result.findings]


GHOST_KNOWN = (
    known("WL101", versions=("<1.15",)),
    known("WL106"),
)


def test_nothing_found_is_passed() -> None:
    assert verdict(CLEAN) == Verdict(Outcome.PASSED, "", ())


def test_the_founding_case_is_a_finding_when_nobody_named_it() -> None:
    result = verdict()
    assert (result.outcome, codes(result)) == (Outcome.FINDING, ["WL101", "WL106"])
    assert result.new == result.findings
    assert result.reason == "2 unnamed: WL101, WL106"


def test_known_findings_are_told_and_do_not_fail_the_cell() -> None:
    result = verdict(defects=GHOST_KNOWN)
    assert (result.outcome, codes(result), result.new) == (Outcome.PASSED, ["WL101", "WL106"], ())
    assert [finding.known for finding in result.findings] == list(said(*GHOST_KNOWN))


@pytest.mark.parametrize(
    ("defect", "new"),
    [
        (known("WL101", versions=("<1.14",)), True),
        (known("WL101", versions=("<1.10", ">=1.14,<1.15")), False),
        (known("WL101", program="kernel"), True),
        (known("WL101", program="squashfuse"), True),
        (known("WL101", tools=("fuse-overlayfs+*",)), True),
        (known("WL101", tools=("apptainer", "fuse-*")), False),
        (known("WL101", profiles=("user",)), True),
        (known("WL101", profiles=("root",)), False),
        (known("WL101", paths=("b/*",)), True),
        (known("WL101", paths=("b/*", "a/*/.wh..opq")), False),
        (known("WL101", scenarios=("other",)), True),
        (known("WL101", scenarios=("other", "case")), False),
        (known("WL101", places=(UPPER, SEALED)), False),
        (known("WL101", places=(SEALED,)), True),
        (known("WL101", facts={"encoding": "device", "name": ".wh.*"}), False),
        (known("WL101", facts={"encoding": "file"}), True),
        (known("WL101", facts={"deletes": "x"}), True),
    ],
)
def test_a_defect_explains_what_is_as_all_that_its_sign_says(defect: Defect, new: bool) -> None:
    result = verdict(defects=(defect, GHOST_KNOWN[1]))
    assert ("WL101" in [finding.code for finding in result.new]) is new


def test_a_sign_may_hold_for_fewer_versions_than_its_defect() -> None:
    narrow = known("WL101", versions=(">=1.4",))
    narrow = msgspec.structs.replace(narrow, signs=(msgspec.structs.replace(narrow.signs[0], versions=("<1.14",)),))
    assert [one.code for one in verdict(defects=(narrow, GHOST_KNOWN[1])).new] == ["WL101"]
    assert verdict(defects=(narrow, GHOST_KNOWN[1]), version="1.10").new == ()


def test_what_speaks_of_less_explains_more() -> None:
    wide, narrow = known("WL101"), known("WL101", "another cause", scenarios=("case",))
    for defects in ((wide, narrow), (narrow, wide)):
        (first, *_) = verdict(defects=defects).findings
        assert first.known == said(narrow)[0]


@pytest.mark.parametrize(
    ("versions", "version", "back"),
    [
        (("<1.15",), "1.15", True),
        (("<1.15",), "1.16", True),
        ((">=1.5,<1.9",), "1.4", False),  # before anybody saw it
        ((">=1.5,<1.9",), "1.9", True),
        (("==1.4", ">=2"), "1.10", False),  # of 1.4 nobody said that it was mended
        (("any",), "1.15", None),
    ],
)
def test_what_shows_after_it_was_mended_is_back(versions: tuple[str, ...], version: str, back: bool | None) -> None:
    defect = known("WL101", versions=versions)
    result = verdict(defects=(defect, GHOST_KNOWN[1]), version=version)
    first = result.findings[0]
    assert (first.known is None) is (back is not None)
    assert first.back == (said(defect)[0] if back else None)
    assert (defect.name in result.reason) is bool(back)


def test_a_known_finding_that_does_not_appear_fails_the_cell() -> None:
    result = verdict(CLEAN, GHOST_KNOWN)
    assert [one.defect for one in result.missing] == sorted(one.name for one in GHOST_KNOWN)
    assert result.outcome is Outcome.FINDING
    assert "seems fixed" in result.reason
    assert verdict(CLEAN, (GHOST_KNOWN[0],), version="1.15").outcome is Outcome.PASSED
    elsewhere = known("WL101", witnesses=("other",))
    assert verdict(CLEAN, (elsewhere,)).outcome is Outcome.PASSED


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
    assert {finding.place for finding in shuffled.findings} == {UPPER, VIEW, REMOUNT}


PARTS = (PartRecord("fuse-overlayfs", "1.14"), PartRecord("squashfuse", "0.5"))
OVERLAYS_KNOWN = (known("WL101", versions=("<1.15",)), known("WL106", program="kernel", versions=(">=6",)))
APPTAINER = ToolRecord("apptainer", "1.4.5", "apptainer", kernel="6.12.3-amd64", parts=PARTS)


def test_where_no_backend_is_recorded_what_is_known_of_each_holds() -> None:
    result = verdict(defects=OVERLAYS_KNOWN, tool=APPTAINER)
    assert (result.outcome, result.new) == (Outcome.PASSED, ())
    assert (
        verdict(CLEAN, OVERLAYS_KNOWN, tool=APPTAINER).outcome is Outcome.PASSED
    )  # which backend it took is its choice
    later = msgspec.structs.replace(APPTAINER, parts=(PartRecord("fuse-overlayfs", "1.15"),), kernel="5.10")
    assert [finding.code for finding in verdict(defects=OVERLAYS_KNOWN, tool=later).new] == ["WL101", "WL106"]
    stack = ToolRecord(
        "fuse-overlayfs+stack", "1.14", "fuse-overlayfs+stack", parts=PARTS
    )  # fuse-overlayfs itself, and no kernel overlay below
    assert [finding.code for finding in verdict(defects=OVERLAYS_KNOWN, tool=stack).new] == ["WL106"]


@pytest.mark.parametrize(
    ("backend", "new"),
    [("fuse-overlayfs", ["WL106"]), ("kernel overlay", ["WL101"]), ("kernel overlay, userxattr", ["WL101"])],
)
def test_what_is_known_of_a_backend_holds_where_that_backend_ran(backend: str, new: list[str]) -> None:
    ran = {VIEW: backend, REMOUNT: backend, READONLY: "squashfuse"}
    result = verdict(defects=OVERLAYS_KNOWN, tool=APPTAINER, backends=ran)
    assert [finding.code for finding in result.new] == new


def test_what_is_known_of_a_backend_is_known_in_its_profiles_alone() -> None:
    users = known("WL101", profiles=("user",)), known("WL106", program="kernel", profiles=("user",))
    for ran in ({}, {VIEW: "fuse-overlayfs"}):
        result = verdict(defects=users, tool=APPTAINER, profile=Profile.ROOT, backends=ran)
        assert [finding.code for finding in result.new] == ["WL101", "WL106"]
    assert verdict(defects=users, tool=APPTAINER, profile=Profile.USER).new == ()


@pytest.mark.parametrize(
    ("backend", "profile", "new"),
    [
        ("kernel overlay", Profile.USER, []),
        ("kernel overlay", Profile.ROOT, ["WL101", "WL106"]),  # root reads trusted.*
        ("kernel overlay, userxattr", Profile.USER, ["WL101", "WL106"]),
        ("fuse-overlayfs", Profile.USER, ["WL101", "WL106"]),
        ("", Profile.USER, []),  # nobody knows which one ran
    ],
)
def test_a_users_kernel_overlay_that_is_not_told_to_use_user_xattrs_is_one_of_its_own(
    backend: str, profile: Profile, new: list[str]
) -> None:
    here = (known(("WL101", "WL106"), program="kernel", tools=("kernel+nouserxattr",)),)
    ran = {VIEW: backend} if backend else {}
    result = verdict(defects=here, tool=APPTAINER, profile=profile, backends=ran)
    assert [finding.code for finding in result.new] == new


FIXED = (known("WL101"), known("WL202"))


def test_a_known_finding_is_missed_where_the_steps_did_what_the_oracles_did() -> None:
    assert [one.defect for one in verdict(CLEAN, FIXED).missing] == sorted(one.name for one in FIXED)


def test_nothing_is_missed_where_a_step_failed_or_nobody_looked() -> None:
    refused = (Step(0, 1, "mkdir: cannot create directory: Invalid argument"),)
    failed = verdict([folder("a")], FIXED, view=tree([folder("a"), file("a/f", "old")]), did=refused)
    assert (failed.missing, [finding.code for finding in failed.new]) == ((), ["WL207"])
    died = verdict(CLEAN, FIXED, phase="mount", exit_code=4, daemon_exits=(139,), did=(), must=())
    assert died.missing == ()


def test_what_stands_under_another_finding_is_not_missed() -> None:
    here = (known("WL202"), known("WL207"))
    view = tree([folder("a"), file("a/f", "old")])
    result = verdict([folder("a")], here, view=view, did=(Step(0, 1, "Invalid argument"),))
    assert (result.outcome, codes(result), result.missing) == (Outcome.PASSED, ["WL207"], ())
    assert {one.known for one in result.findings[0].consequences} == {said(here[1])[0]}


REFUSED = "mount: merged: wrong fs type, bad option, bad superblock on overlay."


def test_a_refusal_to_mount_is_an_answer_and_can_be_known() -> None:
    ended = {"phase": "mount", "exit_code": 5, "refused": REFUSED, "did": (), "must": ()}
    result = verdict(CLEAN, **ended)  # type: ignore[arg-type]
    assert (result.outcome, codes(result)) == (Outcome.FINDING, ["WL209"])
    assert REFUSED in result.findings[0].message
    here = (known("WL209", facts={"words": "*wrong fs type*"}), known("WL101"))
    assert verdict(CLEAN, here, **ended).outcome is Outcome.PASSED  # type: ignore[arg-type]
    full = ended | {"refused": "mount: merged: No space left on device."}
    assert verdict(CLEAN, **full).outcome is Outcome.BROKEN  # type: ignore[arg-type]


def often(found: Sequence[Sequence[str]], *defects: Defect) -> Verdict:
    """A cell that was run several times; *found*: the codes that each further run found."""
    others = tuple(tuple(one for one in verdict().findings if one.code in some and one.known is None) for some in found)
    return verdict(defects=defects, others=others)


def test_a_cell_that_was_repeated_says_how_often() -> None:
    result = often([["WL101", "WL106"], ["WL106"], [], ["WL106"]])
    assert [(one.code, one.times, one.of) for one in result.findings] == [("WL101", 2, 5), ("WL106", 4, 5)]
    (line, *_) = finding_lines(result.findings[0])
    assert line.endswith("(2 of 5 times)")


def test_what_is_there_in_some_runs_is_known_only_where_that_is_said() -> None:
    always, sometimes = known("WL101"), known("WL101", sometimes=True)
    rest = known("WL106")
    some, every, none = [["WL106"]], [["WL101", "WL106"]], known("WL201", sometimes=True)
    assert [one.code for one in often(some, always, rest).new] == ["WL101"]
    assert often(some, sometimes, rest).outcome is Outcome.PASSED
    assert often(every, sometimes, rest).outcome is Outcome.PASSED
    assert often(every, always, rest, none).outcome is Outcome.PASSED  # such a one need not appear


@pytest.mark.parametrize(
    ("fails", "code", "said"),
    [
        (Fails.MUST, 0, "must fail, and on a plain directory it succeeds there"),
        (Fails.MUST_NOT, 1, "must succeed, and on a plain directory it fails there (no)"),
    ],
)
def test_what_a_scenario_says_wrongly_is_told(fails: Fails, code: int, said: str) -> None:
    result = verdict(CLEAN, steps=(Mkdir(path="a/new", fails=fails),), must=(Step(0, code, "no" if code else ""),))
    assert result.reason == f"the scenario says that step 1 {said}"


def test_a_witness_tells_whether_its_defect_shows_whatever_the_version() -> None:
    here, elsewhere = known("WL101", versions=("<1.15",)), known("WL101", "elsewhere", witnesses=("other",))
    absent, other = known("WL201"), known("WL201", "another program", program="kernel")
    rest = known("WL106")
    told = verdict(defects=(here, elsewhere, absent, other, rest)).tells
    assert told == {here.name: True, absent.name: False, rest.name: True}
    assert verdict(CLEAN, (here,), version="1.15").tells == {here.name: False}  # it has none, and need have none
    assert verdict(defects=(here, rest), version="1.15").tells == {rest.name: True}  # back: the finding says so itself


def test_what_nobody_looked_at_says_nothing_of_a_defect() -> None:
    upper, view = known("WL101"), known("WL201")
    seen = evidence(
        layers=LAYERS, view=ORACLE, oracle=ORACLE, steps=(Mkdir(path="a/new"),), did=(Step(0, 0),), must=(Step(0, 0),)
    )
    trees: dict[PlaceName, Snapshot] = {}
    trees |= {place: one for place, one in seen.trees.items() if place != UPPER}
    result = judge(seen.recording, trees, defects=(upper, view))
    assert [one.defect for one in result.missing] == [view.name]
    assert result.tells == {view.name: False}
