"""The rules WL3: each finds what it is for, and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from harness.evidence.recording import Answer, Recording
from harness.judge.findings import Finding
from harness.judge.judge import carried
from harness.judge.refusals import essence, last_lines
from harness.judge.rules.evidence import Evidence
from harness.judge.rules.layer import RULES, layer_findings
from harness.places import IMPORTED, ORACLE, PUSHED, READONLY, REMOUNT, SEALED, SEALED_VIEW, UPPER, VIEW, PlaceName
from harness.scenario.loader import parse
from harness.snapshot.model import Entry, Kind, Snapshot
from tests.judge.evidence import evidence as some

FOLDER = Entry(b"", Kind.DIR, 0o755)
OPQ = b"d/.wh..wh..opq"


def folder(path: bytes, **xattrs: bytes) -> Entry:
    return Entry(path, Kind.DIR, 0o755, xattrs={k.replace("_", ".").encode(): v for k, v in xattrs.items()})


def file(path: bytes, text: bytes = b"") -> Entry:
    return Entry(path, Kind.FILE, 0o644, size=len(text), digest=text.hex(), text=text)


def device(path: bytes) -> Entry:
    return Entry(path, Kind.CHAR, 0, device=(0, 0))


def tree(*entries: Entry) -> Snapshot:
    return Snapshot.of([FOLDER, *entries])


OPAQUE = folder(b"d", trusted_overlay_opaque=b"y")


def judged(
    trees: Mapping[PlaceName, Snapshot],
    raw: Mapping[PlaceName, Sequence[Entry]] | None = None,
    answers: tuple[Answer, ...] = (),
) -> list[tuple[str, str, PlaceName]]:
    made: Recording = msgspec.structs.replace(some().recording, answers=answers)
    evidence = Evidence(made, trees, raw or {})
    return sorted((f.code, f.path, f.place) for rule in RULES for f in rule(evidence))


def test_a_sound_layer_has_nothing() -> None:
    raw = [folder(b"d"), file(b"d/.wh.f"), file(b"d/x", b"new"), file(OPQ)]
    assert layer_findings(raw, form="tar") == []


def test_two_entries_of_one_path() -> None:
    found = layer_findings([folder(b"d"), file(OPQ), file(OPQ)], form="tar")
    assert [(f.code, f.path, f.place) for f in found] == [("WL301", "d/.wh..wh..opq", PUSHED)]
    assert "2 times" in found[0].message


def test_a_link_to_a_marker_and_a_link_to_a_file() -> None:
    marker = msgspec.structs.replace(device(b"a"), same_as=b"a")
    linked = [marker, msgspec.structs.replace(marker, path=b"b")]
    assert [(f.code, f.path) for f in layer_findings(linked, form="tar")] == [("WL303", "b"), ("WL306", "a")]
    assert layer_findings(linked, form="squashfs") == []  # each name is the device itself
    plain = msgspec.structs.replace(file(b"a", b"x"), same_as=b"a")
    assert layer_findings([plain, msgspec.structs.replace(plain, path=b"b")], form="tar") == []


def test_a_link_that_has_a_markers_name_or_leads_to_one_that_is_not_there() -> None:
    named = msgspec.structs.replace(file(b".wh.b"), same_as=b"a")
    lost = msgspec.structs.replace(Entry(b"b", Kind.UNKNOWN), same_as=b".wh.gone")
    assert [f.code for f in layer_findings([file(b"a"), named, lost], form="tar")] == ["WL303", "WL303"]


def test_paths_are_those_of_the_scenario_and_nothing_is_mistaken_for_another() -> None:
    raw = [folder(b"lab"), file(b"lab/slab/.wh."), file(b"slab/.wh."), file(b"x"), file(b"lab/x")]
    assert judged({}, {PUSHED: raw}) == [
        ("WL306", "../slab/.wh.", PUSHED), ("WL306", "slab/.wh.", PUSHED)
    ]  # fmt: skip


def test_a_mark_that_sealing_made_and_pushing_lost() -> None:
    trees = {UPPER: tree(), SEALED: tree(device(b"f")), PUSHED: tree()}
    assert judged(trees) == [("WL302", "f", PUSHED), ("WL302", "f", SEALED)]


def test_what_is_not_in_the_specification() -> None:
    wrong = [device(b"gone"), file(b".wh."), file(b".wh..wh.plnk"), file(b".wh.full", b"x"), folder(b".wh.dir")]
    assert [(f.code, f.path) for f in layer_findings(wrong, form="tar")] == [
        ("WL306", "gone"), ("WL306", ".wh."), ("WL306", ".wh..wh.plnk"), ("WL306", ".wh.full"), ("WL306", ".wh.dir"),
    ]  # fmt: skip
    assert layer_findings([device(b"gone")], form="squashfs") == []
    assert [f.code for f in layer_findings([file(b".wh..wh.other")], form="tar")] == ["WL306"]


def test_a_private_xattr_in_a_tar() -> None:
    assert [(f.code, f.path) for f in layer_findings([OPAQUE], form="tar")] == [("WL107", "d")]
    assert layer_findings([OPAQUE], form="squashfs") == []


def test_a_mark_that_sealing_keeps_in_words_that_nobody_reads() -> None:
    upper = tree(folder(b"d"), file(b"d/.wh.f"), file(b".wh.g"))
    assert judged({UPPER: upper, SEALED: upper}) == [
        ("WL302", "d/f", SEALED), ("WL302", "g", SEALED)
    ]  # fmt: skip


def test_a_mark_is_lost_where_it_is_lost_first() -> None:
    upper, sealed, pushed = tree(device(b"f"), OPAQUE), tree(device(b"f")), tree()
    assert judged({UPPER: upper, SEALED: sealed, PUSHED: pushed}) == [
        ("WL302", "d", SEALED), ("WL302", "f", PUSHED)
    ]  # fmt: skip


def test_a_mark_in_another_encoding_is_kept() -> None:
    upper, pushed = tree(device(b"f"), OPAQUE, device(b"d/.wh..opq")), tree(file(b".wh.f"), folder(b"d"), file(OPQ))
    assert judged({UPPER: upper, SEALED: upper, PUSHED: pushed}) == []


def test_a_mark_that_nobody_made() -> None:
    assert judged({UPPER: tree(), SEALED: tree(device(b"f"))}) == [("WL302", "f", SEALED)]


def test_the_founding_layer() -> None:
    upper = tree(OPAQUE, file(OPQ), device(b"d/.wh..opq"))
    sealed = tree(OPAQUE, file(OPQ))
    raw = {PUSHED: [folder(b"lab"), folder(b"lab/d"), file(b"lab/" + OPQ), file(b"lab/" + OPQ)]}
    answer = Answer(
        "podman pull", 125, "time=1\nError: x sha256:0123456789abcdef:\n duplicates of file paths not supported"
    )
    trees = {UPPER: upper, SEALED: sealed, PUSHED: tree(folder(b"d"), file(OPQ))}
    assert judged(trees, raw, (answer,)) == [
        ("WL301", "d/.wh..wh..opq", PUSHED), ("WL304", "/", IMPORTED)
    ]  # fmt: skip


def test_who_refuses_is_told_at_its_place_without_what_changes() -> None:
    assert judged({}, answers=(Answer("overlay seal", 255, "FATAL: no"), Answer("push x", 0, ""))) == [
        ("WL304", "/", SEALED)
    ]
    lines = last_lines("WARNING: a\n\\x1b[91mERROR: in /tmp/x-123456789 0123456789abcdef\\x1b[0m")
    assert essence(lines) == "ERROR: in /tmp/x-… …"


def test_an_import_that_differs() -> None:
    oracle = tree(folder(b"d"), file(b"d/x", b"new"), file(b"gone/not", b"y"))
    there = tree(folder(b"d"), file(b"d/x", b"old"), file(b"d/back", b"z"))
    assert judged({ORACLE: oracle, IMPORTED: there}) == [
        ("WL305", path, IMPORTED) for path in ("d/back", "d/x", "gone/not")
    ]
    owned = tree(*(msgspec.structs.replace(e, uid=7) for e in oracle if e.path))
    assert judged({ORACLE: oracle, IMPORTED: owned}) == []


def test_what_several_views_show_is_said_once() -> None:
    def finding(place: PlaceName, path: str = "f") -> Finding:
        return Finding("WL201", path, place, "back")

    found = carried([finding(SEALED_VIEW), finding(READONLY), finding(READONLY, "g")])
    assert [(f.path, f.place, f.carried) for f in found] == [
        ("f", READONLY, (SEALED_VIEW,)), ("g", READONLY, ())
    ]  # fmt: skip
    pair = [finding(VIEW), finding(REMOUNT)]
    assert carried(pair) == pair


def test_the_profile_of_a_recording_is_that_of_the_writer() -> None:
    scenario = parse(
        b'schema = 1\ntitle = "t"\nguards = "g"\nsteps = []\nhandover = { profile = "user" }\n[[layers]]\nf = ""\n',
        where="x",
        name="x",
    )
    assert scenario.handover is not None
    assert scenario.handover.profile == "user"


def words(trees: Mapping[PlaceName, Snapshot], answers: tuple[Answer, ...] = ()) -> list[str]:
    evidence = Evidence(msgspec.structs.replace(some().recording, answers=answers), trees)
    return [f.message for rule in RULES for f in rule(evidence)]


def test_a_double_is_told_with_its_kinds_of_which_six_are_named() -> None:
    six, seven = (layer_findings([file(OPQ)] * times, form="tar")[0].message for times in (6, 7))
    assert "stands 6 times in the layer (file, file, file, file, file, file): " in six
    assert "stands 7 times in the layer (file, file, file, file, file, file …): " in seven


def test_a_lost_mark_is_told_with_what_is_left_of_it() -> None:
    upper = tree(device(b"f"), OPAQUE)
    assert words({UPPER: upper, SEALED: tree(file(b".wh.f"), file(b".wh.other"), folder(b"d"))})[:2] == [
        "the image says that d is opaque; the squashfs layer says nothing of it",
        "the image says that f is gone; the squashfs layer carries .wh. file alone, which readers of such a layer do not honour",
    ]


def test_a_file_of_a_user_that_looks_like_a_mark_is_none() -> None:
    own = tree(file(b".wh.f"))
    assert judged({ORACLE: own, UPPER: own, SEALED: tree()}) == []
    assert judged({ORACLE: own, UPPER: tree(), PUSHED: own}) == []
    assert judged({ORACLE: tree(), UPPER: own, SEALED: tree()}) == [("WL302", "f", SEALED)]


def test_a_deletion_below_an_opaque_folder_says_nothing_and_another_one_does() -> None:
    upper = tree(OPAQUE, device(b"d/f"), device(b"e/g"))
    assert judged({UPPER: upper, SEALED: tree(OPAQUE, folder(b"e"))}) == [("WL302", "e/g", SEALED)]
    gone = tree(device(b"e"), device(b"e/g"))
    assert len(judged({UPPER: gone, SEALED: tree()})) == 2, "what is gone is not opaque"


def test_a_refusal_tells_how_it_ended() -> None:
    said = words({}, (Answer("push", 255, "no"), Answer("push", 137, "no"), Answer("push", 1, "")))
    assert said == [
        "push failed (exit code 255): no",
        "push failed (signal 9): no",
        "push failed (exit code 1): without a word",
    ]
