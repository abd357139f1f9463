"""What follows from a step that failed stands under it, and nothing else does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from harness.evidence.recording import Step as Result
from harness.judge.findings import Finding
from harness.judge.judge import found
from harness.profile import Profile
from harness.scenario.model import Tree
from harness.scenario.steps import Chmod, Mkdir, Readdir, Remount, Rename, Stat, Step, Write
from harness.snapshot.model import Entry, Snapshot
from tests.judge.evidence import evidence, folder, tree
from tests.judge.evidence import file as _file

LAYERS: tuple[Tree, ...] = ({"keep": "k\n"},)
EINVAL = "mkdir: cannot create directory 'new': Invalid argument"
ENOTCONN = "Transport endpoint is not connected"


def file(path: str, text: str) -> Entry:
    return _file(path, text, digest=hashlib.sha256(text.encode()).hexdigest())


KEEP = file("keep", "k\n")


def told(findings: Iterable[Finding]) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Code and path of each finding, with code, path and place of what stands under it."""
    return [(one.code, one.path, sorted((c.code, c.path, c.place) for c in one.consequences)) for one in findings]


def judged(
    steps: tuple[Step, ...],
    did: tuple[Result, ...],
    view: Iterable[Entry],
    oracle: Iterable[Entry],
    *,
    remount: Snapshot | None = None,
    must: tuple[Result, ...] = (),
    exits: tuple[int, ...] = (0, 0),
    layers: tuple[Tree, ...] = LAYERS,
) -> list[Finding]:
    seen = tree(view)
    right = must or tuple(Result(result.index, 0) for result in did)
    return found(
        evidence(
            layers=layers,
            steps=steps,
            did=did,
            must=right,
            view=seen,
            remount=remount or seen,
            oracle=tree(oracle),
            exits=exits,
        )
    )


def test_one_refusal_is_one_finding() -> None:
    steps = (Mkdir(path="new"), Write(path="new/f", text="x"), Readdir(path="."))
    did = (Result(0, 1, EINVAL), Result(1, 1, "write: No such file or directory"), Result(2, 0, "keep"))
    must = (Result(0, 0), Result(1, 0), Result(2, 0, "keep\\nnew"))
    findings = judged(steps, did, [KEEP], [KEEP, folder("new"), file("new/f", "x")], must=must)
    assert told(findings) == [
        (
            "WL207", "new",
            [("WL202", "new", "remount"), ("WL202", "new", "view"), ("WL207", ".", "steps"), ("WL207", "new/f", "steps")],
        )
    ]  # fmt: skip
    assert EINVAL in findings[0].message


def test_in_a_container_what_an_ordinary_user_makes_is_the_users() -> None:
    def owned(*entries: Entry) -> Snapshot:
        return Snapshot.of(msgspec.structs.replace(one, uid=1000, gid=1000) for one in tree(entries))

    must, did = (Result(0, 0), Result(1, 0)), (Result(0, 1, EINVAL), Result(1, 1, "write: No such file or directory"))
    seen, wanted = owned(KEEP), owned(KEEP, folder("new"), file("new/f", "x"))
    findings = found(
        evidence(
            layers=LAYERS, steps=(Mkdir(path="new"), Write(path="new/f", text="x")), did=did, must=must,
            view=seen, remount=seen, oracle=wanted, profile=Profile.USER, exits=(0, 0),
        )
    )  # fmt: skip
    assert [(one.code, one.path) for one in findings] == [("WL207", "new")]


def test_what_differs_in_another_way_stands_for_itself() -> None:
    """The mkdir was refused, and besides the daemon lost a file and shows another one otherwise than the step would have left it."""
    steps = (Mkdir(path="new"), Write(path="w", text="x"))
    did = (Result(0, 1, EINVAL), Result(1, 0))
    findings = judged(steps, did, [], [KEEP, folder("new"), file("w", "x")])
    assert sorted(code for code, _, _ in told(findings)) == ["WL202"] * 4 + ["WL207"]
    assert ("WL207", "new", [("WL202", "new", "remount"), ("WL202", "new", "view")]) in told(findings)
    assert {path for code, path, _ in told(findings) if code == "WL202"} == {"keep", "w"}


def test_a_step_that_failed_and_did_half_of_its_work_does_not_explain_the_other_half() -> None:
    steps = (Rename(path="keep", to="moved"),)
    did = (Result(0, 1, "rename: Input/output error"),)
    findings = judged(steps, did, [], [file("moved", "k\n")])  # neither name is there
    assert ("WL207", "keep", []) not in told(findings)
    (cause,) = (one for one in findings if one.code == "WL207")
    assert {one.path for one in cause.consequences} == {"moved"}  # it was not made: that follows
    whole = judged(steps, did, [KEEP], [file("moved", "k\n")])
    assert [(code, path, sorted({c for c, _, _ in under})) for code, path, under in told(whole)] == [
        ("WL207", "keep", ["WL201", "WL202"])
    ]


def test_a_mode_that_was_not_changed_follows_and_another_one_does_not() -> None:
    steps = (Chmod(path="keep", mode="0600"),)
    did = (Result(0, 1, "chmod: Operation not permitted"),)
    oracle = [file("keep", "k\n")]
    wanted = [Entry(oracle[0].path, oracle[0].kind, 0o600, size=2, digest=oracle[0].digest, text=b"k\n")]
    assert [code for code, _, _ in told(judged(steps, did, [KEEP], wanted))] == ["WL207"]
    strange = [Entry(KEEP.path, KEEP.kind, 0o777, size=2, digest=KEEP.digest, text=b"k\n")]
    assert sorted({code for code, _, _ in told(judged(steps, did, strange, wanted))}) == ["WL205", "WL207"]


def test_a_step_that_failed_and_took_effect_at_the_next_mount() -> None:
    steps = (Mkdir(path="new"),)
    right = [KEEP, folder("new")]
    findings = judged(steps, (Result(0, 1, EINVAL),), [KEEP], right, remount=tree(right))
    assert told(findings) == [("WL207", "new", [("WL202", "new", "view"), ("WL206", "new", "remount")])]


def test_what_fails_since_the_daemon_died_stands_under_its_death() -> None:
    steps = (Mkdir(path="new"), Mkdir(path="more"), Remount(), Readdir(path="."))
    did = (
        Result(0, 1, "mkdir: Software caused connection abort"),
        Result(1, 1, f"mkdir: {ENOTCONN}"),
        Result(3, 0, "keep"),
    )
    must = (Result(0, 0), Result(1, 0), Result(3, 0, "keep\\nmore\\nnew"))
    findings = judged(steps, did, [KEEP], [KEEP, folder("more"), folder("new")], must=must, exits=(134, 0))
    assert [(one.code, len(one.consequences)) for one in findings] == [("WL208", 7)]


def test_nothing_follows_where_the_model_does_not_give_the_oracles_tree() -> None:
    steps = (Mkdir(path="new"),)
    oracle = [
        KEEP,
        Entry(b"new", folder("new").kind, 0o2755),
    ]  # a set-group-ID directory, which the model knows nothing of
    findings = judged(steps, (Result(0, 1, EINVAL),), [KEEP], oracle)
    assert sorted(code for code, _, _ in told(findings)) == ["WL202", "WL202", "WL207"]


def test_two_refusals_each_have_their_own() -> None:
    steps = (Mkdir(path="new"), Mkdir(path="other"))
    did = (Result(0, 1, EINVAL), Result(1, 1, EINVAL))
    findings = judged(steps, did, [KEEP], [KEEP, folder("new"), folder("other")])
    assert [(path, {below for _, below, _ in under}) for _, path, under in told(findings)] == [
        ("new", {"new"}),
        ("other", {"other"}),
    ]


def test_a_look_follows_where_it_finds_what_the_failed_step_left() -> None:
    steps = (Mkdir(path="new"), Stat(path="new"), Stat(path="keep"))
    must = tuple(Result(index, 0) for index in range(3))
    fine = judged(
        steps,
        (Result(0, 1, EINVAL), Result(1, 1, "no"), Result(2, 0)),
        [KEEP],
        [KEEP, folder("new")],
        must=must,
    )
    assert [(code, path) for code, path, _ in told(fine)] == [("WL207", "new")]
    assert ("WL207", "new", "steps") in told(fine)[0][2]
    odd = judged(
        steps,
        (Result(0, 1, EINVAL), Result(1, 0), Result(2, 1, "no")),
        [KEEP],
        [KEEP, folder("new")],
        must=must,
    )
    assert [(code, path) for code, path, _ in told(odd)] == [("WL207", "new"), ("WL207", "keep")], (
        "that was not the mkdir"
    )


def test_what_a_failed_step_would_not_have_left_stands_for_itself() -> None:
    write = (Write(path="keep", text="new"),)
    did = (Result(0, 1, "write: Input/output error"),)
    new = file("keep", "new")
    assert {(code, under == []) for code, _, under in told(judged(write, did, [], [new]))} == {
        ("WL202", True),
        ("WL207", True),
    }
    mkdir = (Mkdir(path="new"),)
    later = tree([KEEP, file("new", "no folder")])
    findings = judged(mkdir, (Result(0, 1, EINVAL),), [KEEP], [KEEP, folder("new")], remount=later)
    assert ("WL206", "new", []) in told(findings)


def test_a_listing_stands_under_what_failed_in_that_folder() -> None:
    steps = (Mkdir(path="a/new"), Mkdir(path="b/other"), Readdir(path="b"))
    did = (Result(0, 1, EINVAL), Result(1, 1, EINVAL), Result(2, 0, "f"))
    must = (Result(0, 0), Result(1, 0), Result(2, 0, "f\\nother"))
    there = [folder("a"), folder("b"), file("a/f", "x"), file("b/f", "x")]
    oracle = [*there, folder("a/new"), folder("b/other")]
    findings = judged(steps, did, there, oracle, must=must, layers=({"a/f": "x", "b/f": "x"},))
    assert [(path, {below for code, below, _ in under if code == "WL207"}) for _, path, under in told(findings)] == [
        ("a/new", set()),
        ("b/other", {"b"}),
    ]
