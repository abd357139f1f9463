"""What several views on an image's way show is one finding, where it first appears."""

from __future__ import annotations

from harness.judge.findings import Finding
from harness.judge.judge import carried
from harness.places import READONLY, REMOUNT, SEALED_VIEW, VIEW, PlaceName


def _at(place: PlaceName, path: str = "a/f", message: str = "is back") -> Finding:
    return Finding("WL201", path, place, message)


def test_a_finding_of_a_later_view_is_carried_by_the_first() -> None:
    found = carried([_at(SEALED_VIEW), _at(READONLY), _at(VIEW)])
    assert [(one.place, one.carried) for one in found] == [(VIEW, (READONLY, SEALED_VIEW))]


def test_what_differs_in_path_or_words_or_is_no_later_view_stands_for_itself() -> None:
    apart = [
        _at(VIEW),
        _at(READONLY, "b"),
        _at(SEALED_VIEW, message="is changed"),
        _at(REMOUNT),
    ]
    assert sorted(carried(apart), key=repr) == sorted(apart, key=repr)
