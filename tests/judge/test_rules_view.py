"""Each rule about what a reader sees: a view that breaks it, and the nearest one that does not."""

from __future__ import annotations

import pytest

from harness.evidence.recording import Step
from harness.judge.rules import mount, view, words
from harness.places import REMOUNT
from harness.scenario.steps import Mkdir, Readdir
from harness.snapshot.model import Entry, Kind, Snapshot
from tests.judge.evidence import evidence, file, findings, folder, found, gone, messages, tree


def said(wanted: Entry, seen: Entry) -> list[str]:
    return [words.must(one) for one in view.difference(wanted, seen)]


SAME = tree([folder("d"), file("d/f", "text")])


def test_equal_trees_break_no_rule() -> None:
    seen = evidence(view=SAME, remount=SAME, oracle=SAME, did=(Step(0, 0),), must=(Step(0, 0),))
    for rule in view.RULES:
        assert found(rule.check, seen) == [], rule.code


def test_without_an_oracle_nothing_is_said() -> None:
    for rule in view.RULES:
        assert found(rule.check, evidence(view=tree([file("extra")]))) == [], rule.code


def test_a_name_too_many_is_resurrected_once_for_a_whole_directory() -> None:
    more = tree([folder("d"), file("d/f", "text"), folder("old"), file("old/a"), file("old/b")])
    assert found(view.resurrected, evidence(view=more, oracle=SAME)) == [("WL201", "old")]
    assert found(view.lost, evidence(view=more, oracle=SAME)) == []


def test_a_name_too_few_is_lost_at_the_station_where_it_is_missing() -> None:
    less = tree([folder("d")])
    lost = findings(view.lost, evidence(view=SAME, remount=less, oracle=SAME))
    assert [(f.code, f.path, f.place) for f in lost] == [("WL202", "d/f", REMOUNT)]
    assert found(view.resurrected, evidence(view=less, oracle=SAME)) == []


def test_names_that_are_listed_or_opened_alone_are_phantoms() -> None:
    listed_only = tree([folder("d"), Entry(b"d/f", Kind.UNKNOWN)], listed=["d", "d/f"])
    opened_only = tree([folder("d"), file("d/f", "text")], listed=["d"])
    assert found(view.phantom, evidence(view=listed_only, oracle=SAME)) == [("WL203", "d/f")]
    assert found(view.phantom, evidence(view=opened_only, oracle=SAME)) == [("WL203", "d/f")]
    good = tree([folder("d"), file("d/f", "text")], listed=["d", "d/f"])
    assert found(view.phantom, evidence(view=good, oracle=SAME)) == []


def test_a_phantom_is_neither_resurrected_nor_changed() -> None:
    seen = evidence(view=tree([folder("d"), file("d/f", "text"), Entry(b"x", Kind.UNKNOWN)]), oracle=SAME)
    assert found(view.resurrected, seen) == []
    assert found(view.changed, seen) == []


@pytest.mark.parametrize("marker", [file(".wh.x"), file(".wh..wh..opq"), gone("x")])
def test_a_marker_that_users_see(marker: Entry) -> None:
    seen = evidence(view=tree([*SAME, marker]), oracle=SAME)
    assert found(view.marker_visible, seen) == [("WL204", marker.path.decode())]
    assert found(view.resurrected, seen) == []


def test_a_private_xattr_that_users_see_and_their_own() -> None:
    shown = tree([folder("d", user_overlay_opaque="y", user_mine="1"), file("d/f", "text")])
    own = tree([folder("d", user_mine="1"), file("d/f", "text")])
    assert found(view.marker_visible, evidence(view=shown, oracle=own)) == [("WL204", "d")]
    assert found(view.changed, evidence(view=shown, oracle=own)) == []
    assert found(view.marker_visible, evidence(view=shown, oracle=shown)) == []


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (file("d/f", "other"), "content"),
        (file("d/f", "text", mode=0o600), "mode"),
        (file("d/f", "text", uid=1), "owner"),
        (file("d/f", "text", same_as=b"d/f"), "linked"),
        (file("d/f", "text", xattrs={b"user.x": b"1"}), "xattr user.x"),
        (folder("d/f"), "is a dir, must be a file"),
    ],
)
def test_what_differs_is_said(entry: Entry, word: str) -> None:
    (message,) = messages(view.changed, evidence(view=tree([folder("d"), entry]), oracle=SAME))
    assert word in message


def test_the_target_of_a_link_and_the_number_of_a_device_count() -> None:
    one = Entry(b"l", Kind.LINK, 0o777, target=b"a")
    two = Entry(b"l", Kind.LINK, 0o755, target=b"b")
    assert said(one, two) == ["points to b, must point to a"]
    null, zero = (Entry(b"c", Kind.CHAR, 0o666, device=(1, n)) for n in (3, 5))
    assert said(null, zero) == ["device is (1, 5), must be (1, 3)"]


def test_a_view_that_a_remount_changes_is_unstable() -> None:
    before = tree([folder("d"), file("d/f", "text"), file("late")])
    after = tree([folder("d"), file("d/f", "other"), file("back")])
    seen = evidence(view=before, remount=after)
    assert sorted(found(view.unstable, seen)) == [("WL206", "back"), ("WL206", "d/f"), ("WL206", "late")]
    assert found(view.unstable, evidence(view=before, remount=before)) == []


def _steps(code: int, words: str = "") -> tuple[Step, ...]:
    return (Step(0, code, words),)


@pytest.mark.parametrize(("here", "there", "count"), [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)])
def test_a_step_with_another_result(here: int, there: int, count: int) -> None:
    seen = evidence(steps=(Mkdir(path="x"),), did=_steps(here, "words"), must=_steps(there))
    assert found(view.step_result, seen) == [("WL207", "x")] * count


def test_the_words_of_an_observing_step_count_and_those_of_others_do_not() -> None:
    observing = evidence(steps=(Readdir(path="d"),), did=_steps(0, "a\\nb"), must=_steps(0, "a"))
    assert found(view.step_result, observing) == [("WL207", "d")]
    other = evidence(steps=(Mkdir(path="d"),), did=_steps(1, "one error"), must=_steps(1, "another error"))
    assert found(view.step_result, other) == []


@pytest.mark.parametrize(
    ("exits", "timed_out", "sentences"),
    [
        ((0, 0), False, []),
        ((0, 139), False, ["the daemon died of signal 11"]),
        ((1,), False, ["the daemon ended with exit code 1"]),
        ((), True, ["did not come to an end; it was stopped in the phase 'steps 1'"]),
    ],
)
def test_the_end_of_the_daemon(exits: tuple[int, ...], timed_out: bool, sentences: list[str]) -> None:
    assert messages(mount.died, evidence(exits=exits, timed_out=timed_out)) == sentences


def test_hostile_names_are_escaped_in_paths_and_messages() -> None:
    name = b"a\nb\x1b[31m\xff"
    more = Snapshot.of([folder(""), Entry(name, Kind.FILE)])
    (finding,) = findings(view.resurrected, evidence(view=more, oracle=tree([])))
    assert finding.path == "a\\nb\\x1b[31m\\xff"
    assert finding.message.isprintable()


def test_what_is_said_of_a_step_that_went_otherwise() -> None:
    failed = evidence(steps=(Mkdir(path="d"),), did=_steps(1, "no"), must=_steps(0))
    assert messages(view.step_result, failed) == ["step 1, mkdir d: failed (no); on a plain directory it succeeds"]
    worked = evidence(steps=(Mkdir(path="d"),), did=_steps(0), must=_steps(1, "no"))
    assert messages(view.step_result, worked) == ["step 1, mkdir d: succeeded; on a plain directory it fails"]


def test_what_is_too_much_is_told_with_what_is_in_it() -> None:
    more = tree([folder("a"), file("a/1"), folder("b"), file("b/1"), file("b/2"), folder("c")])
    assert [said.rpartition(": ")[2] for said in messages(view.resurrected, evidence(view=more, oracle=tree([])))] == [
        "a dir with 1 entry", "a dir with 2 entries", "a dir",
    ]  # fmt: skip


def test_contents_are_told_whole_where_they_are_short_and_links_by_their_first_name() -> None:
    long = Entry(b"f", Kind.FILE, 0o644, size=9999, digest="0123456789abcdef", same_as=b"a")
    short = file("f", "x")
    assert said(short, long) == [
        "content is 9999 bytes, sha256 0123456789ab, must be 'x'",
        "is linked with a, must be linked with nothing",
    ]
