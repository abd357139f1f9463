"""What came of readings, judged against the tree that is meant, and against what is documented: without a mount or a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.drivers import EVERY_SETUP
from harness.judge.defects.model import Defect, Effect, Sign
from harness.judge.facts.layer import Misread, Refused, Taking
from harness.judge.facts.view import MountRefused
from harness.places import PlaceName
from harness.profile import Profile
from harness.readings.batch import DIED, REFUSED, Saw
from harness.readings.documented import documented, rule_of
from harness.readings.given import PACKED, Given
from harness.readings.judged import Judge, meant, settled, without_added
from harness.readings.results import Came
from harness.readings.taker import Role, Taker
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar_write import tar_of
from harness.whiteouts.readers import (
    FUSE_USER,
    FUSE_USER_OLD,
    KERNEL_NOUSERXATTR,
    KERNEL_ROOT,
    KERNEL_USERXATTR,
)
from harness.worlds.model import Part, Tool, World
from tests.entries import file, folder, gone, tree

WORLD = World("trixie", Path("/nowhere"))
LOWER = tree([folder("d"), file("d/old", "old"), file("keep")])
GONE = Given("s", (tar_of(LOWER), tar_of(tree([folder("d"), gone("d/old")]))), tree([folder("d"), file("keep")]))
BY_FILE = Given("s", (tar_of(LOWER), tar_of(tree([folder("d"), file("d/.wh.old")]))), GONE.meant)


def taker(name: str, role: Role, profile: Profile = Profile.ROOT, version: str = "1.14") -> Taker:
    program = EVERY_SETUP[name].program
    return Taker(Tool(name, Part(program, version, "", "", ""), WORLD, origin="world"), profile, role)


def judge(one: Taker, *defects: Defect) -> Judge:
    return Judge(one, "6.18.1", defects)


KERNEL = taker("kernel", Role.LOWER, version="6.18")
PODMAN = taker("podman+overlay", Role.IMAGE, version="5.4")


def test_the_same_tree_is_the_same() -> None:
    field = judge(KERNEL).judged(GONE, Saw(0, tree=GONE.meant))
    assert (field.came, field.findings, field.surprises) == (Came.SAME, (), ())


def test_another_tree_that_the_documents_say_is_no_surprise() -> None:
    """To the kernel a file .wh.old is a file."""
    shown = tree([folder("d"), file("d/old", "old"), file("d/.wh.old"), file("keep")])
    field = judge(KERNEL).judged(BY_FILE, Saw(0, tree=shown))
    assert field.came is Came.DIFFERS
    assert {one.code for one in field.findings} == {"WL201", "WL204"}
    assert field.surprises == ()


def test_what_no_document_says_is_a_surprise_even_where_the_tree_is_right() -> None:
    field = judge(KERNEL).judged(BY_FILE, Saw(0, tree=BY_FILE.meant))
    assert field.came is Came.SAME
    assert {one.code for one in field.surprises} == {"WL202"}
    assert len(field.new) == len(field.surprises) == 2


def test_a_defect_explains_a_surprise_of_its_program_alone() -> None:
    sign = Sign(("WL202",), places=(PlaceName("read"),))
    known = Defect(1, "t", "kernel", ("any",), Effect.LOST, "c", (sign,), ("s",), "r", name="kernel-odd")
    field = judge(KERNEL, known).judged(BY_FILE, Saw(0, tree=BY_FILE.meant))
    assert [one.known.defect for one in field.surprises if one.known] == ["kernel-odd"] * 2
    other = judge(taker("fuse-overlayfs", Role.LOWER), known).judged(GONE, Saw(0, tree=LOWER))
    assert other.new


def test_a_name_that_is_listed_and_cannot_be_opened() -> None:
    shown = Snapshot.of([*GONE.meant, Entry(b"d/old", Kind.UNKNOWN)], listed={b"d", b"d/old", b"keep"})
    field = judge(KERNEL).judged(GONE, Saw(0, tree=shown))
    assert [one.code for one in field.findings] == ["WL203"]


def test_the_root_of_a_lower_layer_is_not_seen() -> None:
    given = Given("s", GONE.layers, Snapshot.of([*GONE.meant, Entry(b"", Kind.DIR, 0o700)]))
    assert meant(KERNEL, given).entries[b""].mode == 0o755
    assert meant(taker("kernel", Role.UPPER), given).entries[b""].mode == 0o700


def test_a_mount_that_is_refused_and_a_daemon_that_died() -> None:
    refused = judge(KERNEL).judged(GONE, Saw(REFUSED, "mount: wrong fs type"))
    assert (refused.came, [one.code for one in refused.surprises]) == (Came.REFUSED, ["WL209"])
    assert isinstance(refused.surprises[0].facts, MountRefused)
    assert not refused.surprises[0].facts.again  # nothing had been mounted before
    died = judge(taker("fuse-overlayfs", Role.UPPER)).judged(GONE, Saw(DIED, exits=(134,)))
    assert "WL208" in {one.code for one in died.findings}
    broken = judge(KERNEL).judged(GONE, Saw(None, broken="no room"))
    assert (broken.came, broken.reason) == (Came.BROKEN, "no room")


def test_owners_are_no_evidence_to_a_user() -> None:
    owned = tree([folder("d"), file("keep", uid=7)])
    assert judge(KERNEL).judged(GONE, Saw(0, tree=owned)).came is Came.DIFFERS
    user = taker("kernel", Role.LOWER, Profile.USER)
    assert judge(user).judged(GONE, Saw(0, tree=owned)).came is Came.SAME


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (KERNEL, KERNEL_ROOT),
        (taker("kernel", Role.LOWER, Profile.USER), KERNEL_USERXATTR),
        (taker("kernel+nouserxattr", Role.LOWER, Profile.USER), KERNEL_NOUSERXATTR),
        (taker("fuse-overlayfs", Role.UPPER, Profile.USER), FUSE_USER),
        (taker("fuse-overlayfs+stack", Role.UPPER, Profile.USER), FUSE_USER),
        (taker("fuse-overlayfs", Role.UPPER, Profile.USER, "1.7.1"), FUSE_USER_OLD),
        (taker("fuse-overlayfs", Role.UPPER, Profile.USER, "1.8"), FUSE_USER),
        (PODMAN, None),
    ],
)
def test_the_rule_of_a_taker(one: Taker, rule: object) -> None:
    assert rule_of(one) == rule


def test_nothing_is_documented_of_content_that_lies_elsewhere() -> None:
    moved = tree([folder("d", trusted_overlay_redirect="e")])
    assert documented(KERNEL, [LOWER, moved]) is None
    assert documented(KERNEL, [LOWER, tree([folder("d", trusted_overlay_overlay_opaque="y")])]) is None
    assert documented(KERNEL, [LOWER, tree([folder("d", trusted_overlay_opaque="y")])]) is not None


def test_an_xattr_whiteout_hides_in_a_lower_layer_alone() -> None:
    marked = tree([folder("d", trusted_overlay_opaque="x"), file("d/old", xattrs={b"trusted.overlay.whiteout": b"y"})])
    below, above = (documented(taker("kernel", role), [LOWER, marked]) for role in (Role.LOWER, Role.UPPER))
    assert below is not None
    assert above is not None
    assert b"d/old" not in below
    assert b"d/old" in above


def test_an_importer_that_takes_another_tree_or_refuses() -> None:
    wrong = judge(PODMAN).judged(BY_FILE, Saw(0, tree=LOWER))
    assert [(one.code, one.place, one.facts) for one in wrong.findings] == [
        ("WL305", "imported@podman", Misread(taken=Taking.EXTRA))
    ]
    assert wrong.new
    refused = judge(PODMAN).judged(BY_FILE, Saw(125, "Error: duplicates of file paths not supported"))
    (finding,) = refused.findings
    assert refused.came is Came.REFUSED
    assert isinstance(finding.facts, Refused)
    assert finding.facts.cause == "duplicate path"
    assert refused.reason.endswith("not supported")


def test_of_several_trees_that_are_right_one_is_enough_and_a_refusal_that_is_allowed_is_right() -> None:
    open_ = Given("s", BY_FILE.layers, BY_FILE.meant, also=(LOWER,), refusal="allowed")
    assert judge(PODMAN).judged(open_, Saw(0, tree=LOWER)).came is Came.SAME
    refused = judge(PODMAN).judged(open_, Saw(125, "no"))
    assert (refused.came, refused.findings) == (Came.REFUSED, ())


def test_what_a_packer_lost_no_importer_can_know() -> None:
    """Who gets a device 0:0 in a tar shows what lies below: that is wrong, and no surprise."""
    layers = (tar_of(LOWER), tar_of(tree([folder("d"), gone("d/old")])))
    packed, written = (Given("s", layers, GONE.meant, made=made) for made in (PACKED, ""))
    shown = Saw(0, tree=packed.trees[1])
    assert [one.came for one in (judge(PODMAN).judged(packed, shown), judge(PODMAN).judged(written, shown))] == [
        Came.DIFFERS
    ] * 2
    assert judge(PODMAN).judged(packed, shown).surprises == ()
    assert judge(PODMAN).judged(written, shown).surprises
    reached = judge(PODMAN).judged(packed, Saw(0, tree=packed.trees[1], touched="canary"))
    assert [one.code for one in reached.surprises] == ["WL310"]


def test_owners_of_an_image_count_to_root_alone() -> None:
    owned = tree([folder("d"), file("keep", uid=7)])
    assert judge(PODMAN).judged(BY_FILE, Saw(0, tree=owned)).came is Came.DIFFERS
    user = taker("podman+overlay", Role.IMAGE, Profile.USER)
    assert judge(user).judged(BY_FILE, Saw(0, tree=owned)).came is Came.SAME


def test_what_must_be_refused_is_no_tree_whatever_it_is() -> None:
    invalid = Given("s", BY_FILE.layers, BY_FILE.meant, refusal="demanded")
    taken = judge(PODMAN).judged(invalid, Saw(0, tree=BY_FILE.meant))
    assert (taken.came, [one.code for one in taken.findings]) == (Came.DIFFERS, ["WL309"])
    assert judge(PODMAN).judged(invalid, Saw(125, "no")).findings == ()


def test_a_change_outside_is_told_of_who_takes_and_of_who_refuses() -> None:
    for saw in (Saw(0, tree=BY_FILE.meant, touched="canary"), Saw(125, "no", touched="canary")):
        assert "WL310" in {one.code for one in judge(PODMAN).judged(BY_FILE, saw).findings}


def test_of_a_directory_that_no_member_made_nobody_says_the_mode() -> None:
    shown = tree([Entry(b"d", Kind.DIR, 0o700, uid=5), file("keep")])
    given = Given("s", BY_FILE.layers, BY_FILE.meant, unsaid=frozenset({b"d"}))
    assert judge(PODMAN).judged(BY_FILE, Saw(0, tree=shown)).came is Came.DIFFERS
    assert judge(PODMAN).judged(given, Saw(0, tree=shown)).came is Came.SAME


def test_what_an_importer_adds_to_every_tree_is_left_away_unless_the_image_has_it() -> None:
    shown = tree([folder("dev"), file("dev/null"), file(".dockerenv"), file("x")])
    adds = (b"dev/", b".dockerenv")
    assert {one.path for one in without_added(shown, adds, tree([file("x")]))} == {b"", b"x"}
    listed = Snapshot.of(shown, listed={b"dev", b"dev/null", b".dockerenv", b"x"})
    assert without_added(listed, adds, tree([file("x")])).listed == frozenset({b"x"})
    assert b".dockerenv" in without_added(shown, adds, tree([file(".dockerenv")]))


def test_a_packers_layer_is_judged_by_the_rules_of_layers() -> None:
    packer = taker("tar", Role.FOLDER)
    right = judge(packer).judged(GONE, Saw(0, packed=(folder("d"), file("d/.wh.old"))))
    assert right.came is Came.MADE
    wrong = judge(packer).judged(GONE, Saw(0, packed=(folder("d"), gone("d/old"))))
    assert {one.code for one in wrong.findings} >= {"WL302", "WL306"}
    assert {one.place for one in wrong.findings} == {f"pushed@{packer.setup.program}"}
    failed = judge(packer).judged(GONE, Saw(2, "tar: no room"))
    assert (failed.came, [one.code for one in failed.findings]) == (Came.REFUSED, ["WL304"])


def test_what_comes_each_time_is_new_and_what_came_once_is_told_as_that() -> None:
    it = judge(KERNEL)
    right, died = it.judged(GONE, Saw(0, tree=GONE.meant)), it.judged(GONE, Saw(DIED, "lost", exits=(1,)))
    broken = it.judged(GONE, Saw(None, broken="no room"))
    (finding,) = died.new
    once = settled([died, right, right])
    assert (once.came, once.new, once.findings) == (Came.SAME, (), ())
    assert [(one.key, one.times, one.of) for one in once.unsteady] == [(finding.key, 1, 3)]
    often = settled([died, right, died])
    assert (often.came, often.new, [one.times for one in often.unsteady]) == (Came.REFUSED, (), [2])
    assert [one.key for one in settled([died, died, died]).new] == [finding.key]
    assert settled([broken, right, broken]) == right
    assert settled([broken, died, died]).new != ()
    assert settled([broken, broken]).came is Came.BROKEN
