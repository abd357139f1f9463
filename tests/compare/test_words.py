"""Tools and versions as the subject of a sentence."""

from __future__ import annotations

from harness.compare.words import Column, who

TAGS = [
    Column("fuse-overlayfs", "fuse-overlayfs", version, profile)
    for version in ("1.0", "1.1", "1.2", "1.3", "1.10", "1.11")
    for profile in ("root", "user")
]


def named(*versions: str) -> list[Column]:
    return [column for column in TAGS if column.version in versions]


def test_versions_that_stand_in_a_row_are_named_by_their_ends() -> None:
    assert who(named("1.0", "1.1", "1.2", "1.3", "1.11"), TAGS) == ("fuse-overlayfs 1.0–1.3, 1.11", True)
    assert who(TAGS, TAGS)[0] == "fuse-overlayfs 1.0–1.11"


def test_a_version_between_that_has_it_not_ends_the_row() -> None:
    assert who(named("1.0", "1.1", "1.3", "1.10"), TAGS)[0] == "fuse-overlayfs 1.0, 1.1, 1.3, 1.10"


def test_few_versions_are_named_each() -> None:
    assert who(named("1.1", "1.2", "1.3"), TAGS)[0] == "fuse-overlayfs 1.1, 1.2, 1.3"


def test_versions_of_one_profile_alone_are_a_row_of_their_own() -> None:
    user = [column for column in TAGS if column.profile == "user"]
    assert who(user, TAGS)[0] == "fuse-overlayfs 1.0–1.11 (user)"
