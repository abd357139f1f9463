"""What changed between neighbouring versions, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from harness.compare.boundary import boundaries
from harness.compare.classes import Seen
from harness.compare.describe import looks
from harness.compare.words import Column, plain
from harness.judge.findings import Finding
from harness.places import STEPS, UPPER
from harness.snapshot.model import Entry
from tests.entries import folder, tree
from tests.factory import GHOST_UPPER, PLAIN_UPPER

GHOST = (Finding("WL101", "a/new/.wh..opq", UPPER, "a character device 0:0 deletes .wh..opq"),)


def cell(version: str, upper: Sequence[Entry], findings: tuple[Finding, ...] = (), profile: str = "root") -> Seen:
    column = Column("fuse-overlayfs", "fuse-overlayfs", version, profile)
    return Seen(f"{version}-{profile}", column, {UPPER: looks(tree(upper))}, findings)


def texts(*cells: Seen) -> list[str]:
    return [plain(one.words) for one in boundaries(cells)]


def test_no_change_is_said_once_for_all_versions() -> None:
    said = texts(*(cell(v, GHOST_UPPER, GHOST, p) for v in ("1.4", "1.14", "1.10") for p in ("user", "root")))
    assert said == ["fuse-overlayfs: the same in 1.4, 1.10 and 1.14"]


def test_a_finding_that_ends_and_the_upper_that_changed() -> None:
    (said,) = texts(cell("1.14", GHOST_UPPER, GHOST), cell("2.0.0", PLAIN_UPPER))
    assert said.startswith(
        "from fuse-overlayfs 2.0.0 on: no longer WL101 at `a/new/.wh..opq`; writes `a/new` as dir, not as dir, opaque"
    )
    assert "`a/new/.wh..opq` as nothing, not as whiteout" in said


def test_a_finding_that_begins() -> None:
    (said,) = texts(cell("1.4", PLAIN_UPPER), cell("1.10", PLAIN_UPPER, GHOST))
    assert said == "from fuse-overlayfs 1.10 on: now WL101 at `a/new/.wh..opq`"


def test_a_change_of_one_profile_names_it() -> None:
    said = texts(
        cell("1.4", PLAIN_UPPER), cell("1.10", PLAIN_UPPER),
        cell("1.4", PLAIN_UPPER, GHOST, "user"), cell("1.10", PLAIN_UPPER, (), "user"),
    )  # fmt: skip
    assert said == [
        "from fuse-overlayfs 1.10 on as user: no longer WL101 at `a/new/.wh..opq`",
        "fuse-overlayfs as root: the same in 1.4 and 1.10",
    ]


def test_one_version_has_no_boundary() -> None:
    assert texts(cell("1.4", GHOST_UPPER, GHOST)) == []


def test_many_changes_are_counted() -> None:
    many = [folder(b"d%d" % number) for number in range(9)]
    (said,) = texts(cell("1.4", []), cell("1.10", many))
    assert said.endswith("; and 6 more")


def test_a_version_that_was_not_seen_to_its_end_says_nothing_of_what_it_has_not() -> None:
    died = (Finding("WL208", "/", STEPS, "the daemon died of signal 6"),)
    (said,) = texts(cell("1.10", GHOST_UPPER, GHOST), cell("1.14", GHOST_UPPER, died))
    assert said == "from fuse-overlayfs 1.14 on: now WL208 at `/`"


def test_what_follows_from_another_finding_is_still_there() -> None:
    caused = (Finding("WL207", "a", STEPS, "step 1 failed", consequences=GHOST),)
    (said,) = texts(cell("1.10", GHOST_UPPER, GHOST), cell("1.14", GHOST_UPPER, caused))
    assert said == "from fuse-overlayfs 1.14 on: now WL207 at `a`"
