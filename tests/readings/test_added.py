"""What an importer puts into every tree by itself: left out, unless the image has it, or should have had."""

from __future__ import annotations

from harness.readings.judged import without_added
from harness.snapshot.model import Snapshot
from tests.entries import file, folder, tree

ADDS = (b".hidden/", b"etc", b"etc/hosts")


def shown(*paths: str) -> Snapshot:
    return tree([file(path) for path in paths], listed=paths)


def paths(snapshot: Snapshot) -> list[bytes]:
    return [one.path for one in snapshot if one.path]


def test_what_is_added_is_left_out_with_what_is_below_where_that_is_said() -> None:
    seen = without_added(shown(".hidden/env/x", ".hidden/y", "etc/hosts", "own"), ADDS, tree([file("own")]))
    assert paths(seen) == [b"own"]
    assert seen.listed == frozenset([b"own"])


def test_a_deleted_name_that_is_back_below_an_added_folder_is_seen() -> None:
    assert paths(without_added(shown("etc/hosts", "etc/back"), ADDS, tree([]))) == [b"etc/back"]


def test_what_the_image_has_is_its_own() -> None:
    seen = shown("etc/hosts", "etc/own", ".hidden/own", ".hidden/added", ".hiddenly")
    wanted = tree([folder("etc"), file("etc/own"), file(".hidden/own")])
    assert paths(without_added(seen, ADDS, wanted)) == [b".hidden", b".hidden/own", b".hiddenly", b"etc", b"etc/own"]


def test_who_adds_nothing_shows_all() -> None:
    seen = shown("etc/hosts", ".hidden/x")
    assert without_added(seen, (), tree([])) == seen
