"""Each rule about the upper: a tree that breaks it, and the nearest one that does not."""

from __future__ import annotations

from harness.judge.rules import upper
from harness.profile import Profile
from harness.scenario.model import Node, Opaque, Tree, Whiteout
from tests.judge.evidence import evidence, file, folder, found, gone, messages, tree


def test_a_whiteout_of_a_marker_is_found_in_both_encodings() -> None:
    seen = evidence(upper=[folder("d"), gone("d/.wh..opq"), file("e/.wh..wh.x")])
    assert found(upper.marker_of_a_marker, seen) == [("WL101", "d/.wh..opq"), ("WL101", "e/.wh..wh.x")]
    assert "becomes a second .wh..wh..opq" in messages(upper.marker_of_a_marker, seen)[0]


def test_the_marker_itself_and_the_names_of_aufs_are_no_whiteouts_of_a_marker() -> None:
    seen = evidence(upper=[file("d/.wh..wh..opq"), file(".wh..wh.aufs"), gone("f"), file(".wh.g")])
    assert found(upper.marker_of_a_marker, seen) == []


def test_a_users_own_name_of_a_lower_layer_may_be_deleted_whatever_it_looks_like() -> None:
    below: Tree = {".wh.f": Node(literal=True, text="mine"), "f": "f"}
    seen = evidence(upper=[gone(".wh.f"), gone(".wh.g")], layers=(below,))
    assert found(upper.marker_of_a_marker, seen) == [("WL101", ".wh.g")]


def test_a_whiteout_in_an_opaque_directory_is_found_whatever_the_encodings() -> None:
    by_xattr = evidence(upper=[folder("d", trusted_overlay_opaque="y"), gone("d/f")])
    by_file = evidence(upper=[folder("d"), file("d/.wh..wh..opq"), file("d/.wh.f")])
    assert found(upper.whiteout_in_opaque, by_xattr) == [("WL102", "d/f")]
    assert found(upper.whiteout_in_opaque, by_file) == [("WL102", "d/.wh.f")]


def test_a_whiteout_beside_an_opaque_directory_is_not_in_it() -> None:
    marked = folder("d", trusted_overlay_opaque="y")
    holds = folder("h", trusted_overlay_opaque="x")
    lower: Tree = {"e": "e", "dd": "dd", "d/x": "x", "h/f": "f"}
    seen = evidence(upper=[marked, gone("e"), gone("dd"), holds, gone("h/f")], layers=(lower,))
    assert found(upper.whiteout_in_opaque, seen) == []
    assert found(upper.needless_whiteout, seen) == []


def test_a_whiteout_anywhere_below_an_opaque_directory_has_nothing_to_hide() -> None:
    deep = [folder("parent"), folder("parent/tree", trusted_overlay_opaque="y"), gone("parent/tree/a/b/info")]
    lowers: tuple[Tree, ...] = ({"parent/f": "f"}, {"parent/tree/a/b/info": "old"})
    for lower in lowers:
        seen = evidence(upper=deep, layers=(lower,))
        assert messages(upper.whiteout_in_opaque, seen) == [
            "parent/tree is opaque, so the whiteout of parent/tree/a/b/info has nothing to hide there"
        ]
        assert found(upper.needless_whiteout, seen) == []  # one finding for one whiteout, and WL102 says what is wrong


def test_a_redirect_to_an_absolute_path_leads_out_of_an_opaque_directory() -> None:
    there = [
        folder("d", trusted_overlay_opaque="y"),
        folder("d/moved", trusted_overlay_redirect="/old"),
        gone("d/moved/x"),
    ]
    seen = evidence(upper=there, layers=({"old/x": "x"},))
    assert found(upper.whiteout_in_opaque, seen) == []
    assert found(upper.needless_whiteout, seen) == [("WL103", "d/moved/x")]


def test_a_whiteout_that_hides_nothing_is_needless() -> None:
    seen = evidence(upper=[gone("f"), gone("d/g"), file("d/.wh.h")], layers=({"f": "f", "d/": Node()},))
    assert sorted(found(upper.needless_whiteout, seen)) == [("WL103", "d/.wh.h"), ("WL103", "d/g")]


def test_a_name_of_any_lower_layer_is_worth_a_whiteout_unless_a_layer_deleted_it() -> None:
    lower: tuple[Tree, ...] = ({"a": "a", "b": "b"}, {"b": Node(whiteout=Whiteout.DEVICE)})
    seen = evidence(upper=[gone("a"), gone("b")], layers=lower)
    assert found(upper.needless_whiteout, seen) == [("WL103", "b")]


def test_what_the_scenario_put_into_the_upper_is_not_the_tools_doing() -> None:
    prepared: Tree = {
        "f": Node(whiteout=Whiteout.DEVICE),
        "g": Node(whiteout=Whiteout.FILE),
        "d/": Node(opaque=(Opaque.FILE,)),
    }
    seen = evidence(
        upper=[gone("f"), file(".wh.g"), folder("d"), file("d/.wh..wh..opq")],
        layers=({"g": "g", "d/x": "x"},),
        prepared=prepared,
    )
    for rule in upper.RULES:
        assert found(rule.check, seen) == [], rule.code


def test_a_name_beside_its_aufs_whiteout() -> None:
    seen = evidence(upper=[file("f"), file(".wh.f"), folder("d"), file("d/.wh.f")])
    assert found(upper.name_and_whiteout, seen) == [("WL104", ".wh.f")]


def test_two_whiteouts_of_one_name_are_no_contradiction() -> None:
    assert found(upper.name_and_whiteout, evidence(upper=[gone("f"), file(".wh.f")])) == []


def test_deletions_that_no_reader_honours_together() -> None:
    marks = [folder("a", user_fuseoverlayfs_opaque="y"), folder("b", trusted_overlay_opaque="y")]
    assert found(upper.mixed_encodings, evidence(upper=marks, profile=Profile.USER)) == [("WL105", "/")]
    assert (
        found(upper.mixed_encodings, evidence(upper=marks, profile=Profile.ROOT)) == []
    )  # fuse-overlayfs as root reads both


def test_a_mark_said_twice_is_not_mixed() -> None:
    marks = [folder(d, user_fuseoverlayfs_opaque="y", user_overlay_opaque="y") for d in ("a", "b")]
    assert found(upper.mixed_encodings, evidence(upper=marks, profile=Profile.USER)) == []


def test_one_mark_alone_is_not_mixed_even_if_nobody_honours_it() -> None:
    alone = [folder("a", trusted_overlay_opaque="y")]
    assert found(upper.mixed_encodings, evidence(upper=alone, profile=Profile.USER)) == []


def test_an_opaque_mark_is_needless_where_no_lower_layer_has_the_name() -> None:
    marked = [folder("new", trusted_overlay_opaque="y"), folder("old", trusted_overlay_opaque="y")]
    seen = evidence(upper=marked, layers=({"old/f": "f"},))
    assert found(upper.needless_opaque, seen) == [("WL106", "new")]


def test_one_directory_is_named_once_however_often_it_is_marked() -> None:
    seen = evidence(upper=[folder("new", trusted_overlay_opaque="y"), file("new/.wh..wh..opq")])
    assert found(upper.needless_opaque, seen) == [("WL106", "new")]


def test_a_mark_over_an_empty_directory_or_another_type_says_that_it_was_replaced() -> None:
    marked = [folder("empty", trusted_overlay_opaque="y"), folder("link", trusted_overlay_opaque="y")]
    seen = evidence(upper=marked, layers=({"empty/": Node(), "link": Node(symlink="x")},))
    assert found(upper.needless_opaque, seen) == []


def test_private_xattrs_that_change_the_tree() -> None:
    seen = evidence(
        upper=[folder("d", trusted_overlay_redirect="old"), file("f", xattrs={b"user.overlay.metacopy": b""})]
    )
    assert sorted(found(upper.unportable_xattr, seen)) == [("WL107", "d"), ("WL107", "f")]
    assert [said.partition(":")[0] for said in messages(upper.unportable_xattr, seen)] == [
        "trusted.overlay.redirect to old",
        "user.overlay.metacopy",
    ]


def test_origin_and_impure_are_noise() -> None:
    seen = evidence(upper=[folder("d", trusted_overlay_origin="x", trusted_overlay_impure="y", user_mine="1")])
    assert found(upper.unportable_xattr, seen) == []


def test_a_mark_that_another_reader_misses_names_the_reader_and_what_comes_back() -> None:
    seen = evidence(
        upper=[folder("d", user_fuseoverlayfs_opaque="y")], layers=({"d/old": "old"},), profile=Profile.USER
    )
    assert messages(upper.unreadable_mark, seen) == [
        "kernel overlay (userxattr) does not honour user.fuseoverlayfs.opaque and would show d/old"
    ]


def test_a_mark_that_every_reader_honours_or_that_hides_nothing_is_readable() -> None:
    both = folder("d", user_fuseoverlayfs_opaque="y", user_overlay_opaque="y")
    assert found(upper.unreadable_mark, evidence(upper=[both], layers=({"d/f": "f"},), profile=Profile.USER)) == []
    alone = folder("d", user_fuseoverlayfs_opaque="y")
    assert found(upper.unreadable_mark, evidence(upper=[alone], layers=({"f": "f"},), profile=Profile.USER)) == []


def test_an_aufs_whiteout_is_missed_by_the_kernel() -> None:
    seen = evidence(upper=[file(".wh.f")], layers=({"f": "f"},))
    assert found(upper.unreadable_mark, seen) == [("WL108", "f")]


def test_a_users_own_name_that_looks_like_a_marker_brings_nothing_back() -> None:
    wanted = tree([file(".wh.f"), file("f", "f")])
    seen = evidence(upper=[file(".wh.f")], layers=({"f": "f"},), oracle=wanted)
    assert found(upper.unreadable_mark, seen) == []
