"""Each rule's facts, and what is made of them: the flat table, the key, the sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.evidence.recording import Answer, Step
from harness.judge.codes import CODES
from harness.judge.facts import BY_CODE, FACT_NAMES, as_table, key_of
from harness.judge.facts.view import StepResult
from harness.judge.findings import Finding, flat
from harness.judge.rules.every import RULES
from harness.judge.rules.evidence import Evidence, RawLayer
from harness.judge.rules.fault import FaultEvidence, fault_findings
from harness.judge.rules.layer import layer_findings, when_converted
from harness.judge.rules.packed import RULES as PACKED
from harness.judge.rules.packed import PackedEvidence
from harness.judge.rules.taken import TakenEvidence, taken_findings
from harness.names import escape
from harness.places import IMPORTED, PUSHED, REMOUNT, PlaceName
from harness.profile import Profile
from harness.scenario.model import KILLED, Tree
from harness.scenario.steps import Mkdir, Readdir, Rename
from harness.snapshot.model import Entry, Kind
from tests.judge.evidence import evidence, file, folder, gone, tree

Made = Callable[[], Iterator[Finding]]


def of_cell(seen: Evidence) -> Iterator[Finding]:
    return (finding for rule in RULES for finding in rule(seen))


def with_images(answers: tuple[Answer, ...] = (), **trees: list[Entry]) -> Evidence:
    return Evidence(
        replace(evidence().recording, answers=answers), {PlaceName(name): tree(some) for name, some in trees.items()}
    )


def of_packed(meant: list[Entry], packed: list[Entry]) -> Iterator[Finding]:
    layer = RawLayer([*packed], "tar", PUSHED)
    seen = PackedEvidence([], tree(meant), tree(meant), layer)
    return (finding for rule in PACKED for finding in rule(seen))


def of_taken(*, invalid: bool = False, touched: str = "") -> Iterator[Finding]:
    return iter(taken_findings(TakenEvidence(tree([]), tree([]), IMPORTED, invalid=invalid, touched=touched)))


def of_fault(shown: list[Entry], fault: str = KILLED, *, failed: bool = False, refused: str = "") -> Iterator[Finding]:
    line = 'renameat(work, "7", upper, "d")'
    trees = {} if refused else {REMOUNT: tree(shown)}
    seen = FaultEvidence(
        fault, "renameat", line, "MKDIR", "mkdir", trees, tree([]), tree([folder("d")]), failed=failed, refused=refused
    )
    return iter(fault_findings(seen))


AT = {
    "fault": "killed", "call": "renameat", "request": "MKDIR", "action": "mkdir", "line": 'renameat(work, "7", upper, "d")',
}  # fmt: skip
SAME = tree([folder("d"), file("d/f", "text")])
LOWER: tuple[Tree, ...] = ({"d/f": "text"},)
GHOST = [folder("d", trusted_overlay_opaque="y"), gone("d/.wh..opq")]
MKDIR, READDIR = (Mkdir(path="x"),), (Readdir(path="d"),)
LONG = Entry(b"d/f", Kind.FILE, 0o600, size=9999, digest="0123456789abcdef", xattrs={b"user.a": b"1"})
EXISTS = "rename: File exists"
FAILED = "mkdir: cannot create directory 'x': Input/output error"
OF_A_STEP = {"index": 0, "action": "mkdir", "paths": ["x"]}
DIFFERS = {
    "differs": ["content", "mode", "xattr user.a"],
    "content_is": "9999 bytes, sha256 0123456789ab", "content_must": "text",
    "mode_is": "0600", "mode_must": "0644", "xattr_is": ["user.a=1"],
}  # fmt: skip
MIXED = [folder("a", trusted_overlay_opaque="y"), folder("b", user_fuseoverlayfs_opaque="y")]
DUPLICATES = (
    'Error: writing blob: adding layer with blob "sha256:0123456789abcdef": duplicates of file paths not supported'
)

# For each code a way to come to it, and the facts that it then has.
EACH: list[tuple[str, Made, dict[str, object]]] = [
    ("WL101", lambda: of_cell(evidence(upper=GHOST, layers=LOWER)), {"encoding": "device", "name": ".wh..opq"}),
    (
        "WL102", lambda: of_cell(evidence(upper=[*GHOST[:1], file("d/.wh.f")], layers=LOWER)),
        {"encoding": "file", "deletes": "d/f", "opaque": "d"},
    ),
    ("WL103", lambda: of_cell(evidence(upper=[gone("x")], layers=LOWER)), {"encoding": "device", "deletes": "x"}),
    (
        "WL104", lambda: of_cell(evidence(upper=[folder("f"), file(".wh.f")])),
        {"encoding": "file", "deletes": "f", "kind": "dir"},
    ),
    (
        "WL105", lambda: of_cell(evidence(upper=MIXED, layers=({"a/x": "", "b/x": ""},), profile=Profile.USER)),
        {"says": "opaque", "encodings": ["opaque-fuse", "opaque-trusted"]},
    ),
    ("WL106", lambda: of_cell(evidence(upper=GHOST[:1])), {"encodings": ["opaque-trusted"]}),
    (
        "WL107", lambda: of_cell(evidence(upper=[folder("d", trusted_overlay_redirect="old")])),
        {"xattrs": ["trusted.overlay.redirect"], "to": "old", "in_layer": False},
    ),
    (
        "WL107", lambda: iter(layer_findings([folder("d", user_overlay_opaque="y")], form="tar")),
        {"xattrs": ["user.overlay.opaque"], "in_layer": True},
    ),
    (
        "WL108", lambda: of_cell(evidence(upper=[file("d/.wh.f"), folder("d")], layers=LOWER)),
        {"reader": "kernel overlay (root)", "says": "gone", "encodings": ["file"], "shows": ["d/f"], "count": 1},
    ),
    (
        "WL201", lambda: of_cell(evidence(view=tree([*SAME, folder("e"), file("e/f")], ["d", "d/f"]), oracle=SAME)),
        {"kind": "dir", "found": "looked up", "inside": 1},
    ),
    ("WL202", lambda: of_cell(evidence(view=tree([]), oracle=SAME)), {"kind": "dir", "inside": 1}),
    (
        "WL203", lambda: of_cell(evidence(view=tree([*SAME, Entry(b"x", Kind.UNKNOWN)]), oracle=SAME)),
        {"found": "listed"},
    ),
    ("WL203", lambda: of_cell(evidence(view=tree(SAME, ["d"]), oracle=SAME)), {"found": "looked up"}),
    ("WL204", lambda: of_cell(evidence(view=tree([*SAME, gone("x")]), oracle=SAME)), {"encodings": ["device"]}),
    (
        "WL204", lambda: of_cell(evidence(view=tree([folder("d", user_overlay_opaque="y")]), oracle=tree([folder("d")]))),
        {"xattr": "user.overlay.opaque"},
    ),
    ("WL205", lambda: of_cell(evidence(view=tree([folder("d"), LONG]), oracle=SAME)), {"kind": "file", **DIFFERS}),
    ("WL206", lambda: of_cell(evidence(view=SAME, remount=tree([]))), {"turn": "gone", "before": "dir"}),
    ("WL206", lambda: of_cell(evidence(view=tree([]), remount=SAME)), {"turn": "new", "after": "dir"}),
    (
        "WL206", lambda: of_cell(evidence(view=SAME, remount=tree([folder("d"), Entry(b"d/f", Kind.UNKNOWN)]))),
        {"turn": "unreadable", "before": "file", "after": "unknown"},
    ),
    (
        "WL206", lambda: of_cell(evidence(view=SAME, remount=tree([folder("d"), file("d/f", "text", uid=1)]))),
        {
            "turn": "differs", "before": "file", "after": "file", "differs": ["owner"],
            "owner_after": "1:0", "owner_before": "0:0",
        },
    ),
    (
        "WL207", lambda: of_cell(evidence(steps=MKDIR, did=(Step(0, 1, FAILED),), must=(Step(0, 0),))),
        OF_A_STEP | {"succeeds": False, "must_succeed": True, "error": "EIO", "words": FAILED, "must_words": ""},
    ),
    (
        "WL207", lambda: of_cell(evidence(steps=READDIR, did=(Step(0, 0, "a"),), must=(Step(0, 0, "a\\nb"),))),
        {
            "index": 0, "action": "readdir", "paths": ["d"], "succeeds": True, "must_succeed": True,
            "words": "a", "must_words": "a\\nb",
        },
    ),
    (
        "WL207", lambda: of_cell(evidence(steps=(Rename(path="a", to="b"),), did=(Step(0, 0),), must=(Step(0, 1, EXISTS),))),
        {
            "index": 0, "action": "rename", "paths": ["a", "b"], "succeeds": True, "must_succeed": False,
            "must_error": "EEXIST", "words": "", "must_words": EXISTS,
        },
    ),
    ("WL208", lambda: of_cell(evidence(exits=(139,))), {"hang": False, "signal": 11}),
    ("WL208", lambda: of_cell(evidence(exits=(1,))), {"hang": False, "exit_code": 1}),
    ("WL208", lambda: of_cell(evidence(timed_out=True)), {"hang": True, "phase": "steps 1"}),
    (
        "WL209",
        lambda: of_cell(Evidence(replace(
            evidence().recording, phase="mount", refused="mount: mount(2) system call failed: Invalid argument."
        ), {})),
        {
            "refuses": True, "again": False, "error": "EINVAL",
            "words": "mount: mount(2) system call failed: Invalid argument.",
        },
    ),
    ("WL301", lambda: iter(layer_findings([file("f"), folder("f")], form="tar")), {"times": 2, "kinds": ["file", "dir"]}),
    (
        "WL302", lambda: of_cell(with_images(upper=[folder("d", trusted_overlay_opaque="y")], sealed=[folder("d")])),
        {"layer": "squashfs", "says": "opaque", "fate": "lost"},
    ),
    (
        "WL302", lambda: of_cell(with_images(upper=[gone("f")], sealed=[file(".wh.f")])),
        {"layer": "squashfs", "says": "gone", "fate": "unread", "encodings": ["file"]},
    ),
    (
        "WL302", lambda: of_cell(with_images(upper=[], pushed=[file(".wh.f")])),
        {"layer": "OCI tar", "says": "gone", "fate": "added"},
    ),
    (
        "WL303", lambda: iter(layer_findings([file(".wh.a"), file(".wh.b", same_as=b".wh.a")], form="tar")),
        {"to": ".wh.a"},
    ),
    (
        "WL304", lambda: of_cell(with_images((Answer("podman pull", 125, DUPLICATES),))),
        {"who": "podman pull", "exit_code": 125, "cause": "duplicate path", "words": DUPLICATES.replace("0123456789abcdef", "…")},
    ),
    (
        "WL304", lambda: of_cell(with_images((Answer("overlay seal", 137, "FATAL: x: input/output error"),))),
        {"who": "overlay seal", "signal": 9, "cause": "EIO", "error": "EIO", "words": "FATAL: x: input/output error"},
    ),
    (
        "WL304", lambda: of_cell(with_images((Answer("podman pull", 125, "at /a b: 3 of x: no"),))),
        {"who": "podman pull", "exit_code": 125, "cause": "other", "last_line": "at … b: … of x: no", "words": "at /a b: 3 of x: no"},
    ),
    ("WL305", lambda: of_cell(with_images(oracle=[], imported=[file("f")])), {"taken": "extra"}),
    ("WL305", lambda: of_cell(with_images(oracle=[file("f")], imported=[])), {"taken": "absent"}),
    (
        "WL305", lambda: of_cell(with_images(oracle=[file("f")], imported=[folder("f")])),
        {"taken": "differs", "differs": ["type"], "type_is": "dir", "type_must": "file"},
    ),
    ("WL306", lambda: iter(layer_findings([gone("f")], form="tar")), {"breach": "device", "kind": "char", "size": 0}),
    (
        "WL306", lambda: iter(layer_findings([file(".wh.f", "x")], form="tar")),
        {"breach": "not empty", "kind": "file", "size": 1},
    ),
    (
        "WL307", lambda: when_converted([folder("d", trusted_overlay_opaque="y"), file("d/.wh..wh..opq")]),
        {"forms": ["trusted.overlay.opaque", "file"], "sources": ["d", "d/.wh..wh..opq"]},
    ),
    (
        "WL401", lambda: of_fault([folder("d"), file("d/back")]),
        {**AT, "taken": "extra", "unopened": False, "again": True},
    ),
    ("WL402", lambda: of_fault([folder("d")], fault="EIO", failed=True), {**AT, "fault": "EIO", "failed": True}),
    ("WL403", lambda: of_fault([], refused="no"), {**AT, "words": "no"}),
    ("WL309", lambda: of_taken(invalid=True), {"entries": 0}),
    ("WL310", lambda: of_taken(touched="canary/file f 644"), {"changed": "canary/file f 644"}),
    ("WL308", lambda: of_packed([], [file("f")]), {"layer": "OCI tar", "taken": "extra"}),
    ("WL308", lambda: of_packed([file("f")], []), {"layer": "OCI tar", "taken": "absent"}),
    (
        "WL308", lambda: of_packed([file("f")], [folder("f")]),
        {"layer": "OCI tar", "taken": "differs", "differs": ["type"], "type_is": "dir", "type_must": "file"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("code", "made", "facts"), EACH)
def test_a_finding_says_in_facts_what_its_sentence_says(code: str, made: Made, facts: dict[str, object]) -> None:
    (finding,) = (one for one in made() if one.code == code)
    assert finding.facts is not None
    assert as_table(finding.facts) == facts
    assert facts.keys() <= FACT_NAMES[code].keys()


def test_every_code_has_facts_that_are_tried_here() -> None:
    assert {code for code, _, _ in EACH} == BY_CODE.keys() == FACT_NAMES.keys() == CODES.keys()
    for code, kind in BY_CODE.items():
        assert kind.__struct_config__.tag == CODES[code].name
        for name, says in FACT_NAMES[code].items():
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
            assert says
            assert "\n" not in says
    # a fact that no finding here has is one that its neighbours stand for
    tried = {(code, name) for code, _, facts in EACH for name in facts}
    fields = ("type", "content", "mode", "owner", "device", "target", "links", "xattr")
    left = {(code, name) for code in FACT_NAMES for name in FACT_NAMES[code]} - tried
    assert {one for one in left if not one[1].startswith(fields)} == set()


@pytest.mark.parametrize(("code", "made", "facts"), EACH)
def test_a_finding_and_its_key_survive_json(code: str, made: Made, facts: dict[str, object]) -> None:
    for finding in made():
        raw = msgspec.json.encode(finding)
        again = msgspec.json.decode(raw, type=Finding)
        assert again == finding
        assert again.key == msgspec.json.decode(raw)["key"] == finding.key
        assert re.fullmatch(r"[!-~]+( [!-~]+)*", finding.key)
        assert finding.key.startswith(f"{finding.code} {finding.place} ")


def test_what_a_key_looks_like() -> None:
    (failed,) = of_cell(evidence(steps=MKDIR, did=(Step(0, 1, FAILED),), must=(Step(0, 0),)))
    assert failed.key == "WL207 steps x action=mkdir error=EIO index=0 must_succeed=yes paths=x succeeds=no"
    (other,) = of_cell(evidence(view=tree([folder("d"), LONG]), oracle=SAME))
    assert other.key == "WL205 view d/f differs=content,mode,xattr%20user.a kind=file mode_is=0600"


@pytest.mark.parametrize(
    ("words", "also", "another"),
    [
        (DUPLICATES, DUPLICATES.replace("0123456789abcdef", "fedcba9876543210"), "Error: no layer"),
        ("FATAL: could not attach image file to loop device: a: no such device", "FATAL: no loop devices available", "FATAL: no"),
        ("Error: open /a/b: file exists", "Error: mkdir /c: file exists", "Error: open /a/b: no space left on device"),
        ("Error: layer 3 of /var/tmp/x1: bad", "Error: layer 12 of /srv/y: bad", "Error: layer 3 of /var/tmp/x1: worse"),
        ("time=\"2026-11-24T05:53:15Z\" no", "time=\"2026-11-25T06:01:02Z\" no", "time=\"2026-11-24T05:53:15Z\" yes"),
        ("at 05:53:15.25: 8d3f-cafe-01 no", "at 6:1: 9aaa-beef-77 no", "at 05:53:15.25: 8d3f-cafe-01 yes"),
        ("WARNING: no loop device: a: input/output error\nFATAL: no", "FATAL: no", "FATAL: no loop device"),
        ("", "\n", "no"),
    ],
)  # fmt: skip
def test_two_refusals_with_one_exit_code_are_one_where_their_cause_is(words: str, also: str, another: str) -> None:
    keys = [next(of_cell(with_images((Answer("podman pull", 125, said),)))).key for said in (words, also, another)]
    assert keys[0] == keys[1] != keys[2]


def test_a_refusal_that_was_told_before_its_cause_was_a_fact_is_read() -> None:
    (finding,) = of_cell(with_images((Answer("podman pull", 125, DUPLICATES),)))
    plain = msgspec.to_builtins(finding)
    del plain["facts"]["cause"]
    old = msgspec.convert(plain, Finding)
    assert old.key == "WL304 imported / exit_code=125 who=podman%20pull"
    assert old.message == finding.message


def test_what_is_another_one_tomorrow_is_no_part_of_a_key() -> None:
    one, other = (
        next(of_cell(with_images((Answer("podman pull", 125, words),)))).key
        for words in ("Error: at 0x7ffc: no", "Error: at 0x55aa: no")
    )
    assert one == other
    assert one.startswith("WL304 imported / cause=other exit_code=125 last_line=Error:%20at%20")
    one, other = (
        next(of_cell(evidence(view=tree([folder("d"), file("d/f", text)]), oracle=SAME))).key for text in "ab"
    )
    assert one == other
    large, small = (
        [f.key for f in layer_findings([file(".wh.f", "x" * size)], form="tar") if f.code == "WL306"] for size in (1, 9)
    )
    assert large == small
    for kind in BY_CODE.values():  # by name, whatever it is of
        lasting = {name for name in kind.__struct_fields__ if _lasts(kind, name)}
        assert not lasting & {"words", "must_words", "size", "count", "inside", "times", "shows", "phase"}

    assert {name for name in StepResult.__struct_fields__ if _lasts(StepResult, name)} == {
        "index", "action", "paths", "succeeds", "must_succeed", "error", "must_error",
    }  # fmt: skip


def _lasts(kind: type, name: str) -> bool:
    (field,) = (one for one in msgspec.inspect.type_info(kind).fields if one.name == name)  # type: ignore[attr-defined]
    return bool((getattr(field.type, "extra", None) or {}).get("lasts"))


names = st.binary(min_size=1, max_size=6).map(escape)


@given(st.tuples(names, names, names), st.tuples(names, names, names))
def test_two_keys_are_the_same_only_where_the_facts_are(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def key(path: str, *paths: str) -> str:
        facts = StepResult(index=0, action="mv", paths=paths, succeeds=True, must_succeed=False)
        return key_of("WL207", "steps", path, facts)

    assert (key(*one) == key(*other)) is (one == other)
    assert key(*one).isascii()


def test_a_finding_of_a_time_before_facts_is_read() -> None:
    old = b'{"code": "WL201", "path": "a b", "station": "view", "message": "back"}'
    finding = msgspec.json.decode(old, type=Finding)
    assert (finding.message, finding.facts, finding.key) == ("back", None, "WL201 view a%20b")
    assert list(flat([finding])) == [finding]
