"""What judging a tree costs grows as the tree does: counted in calls and lines, since a clock says nothing on a busy machine."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from harness.judge.inspected import judge_tree
from harness.judge.rules.layer import layer_findings
from harness.judge.rules.view import topmost
from harness.snapshot.model import Entry, Kind, Snapshot
from harness.snapshot.tar import join_links
from harness.whiteouts.union import merge
from tests.entries import file, folder, gone, tree

MANY = 300


def work(action: Callable[[], object]) -> int:
    """How many calls an action makes, of Python and of C, and how many lines it goes through: each turn of a loop is one."""
    count = 0

    def one_more(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    def one_line(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return one_line

    before = sys.gettrace()
    sys.setprofile(one_more)
    sys.settrace(one_line)
    try:
        action()
    finally:
        sys.settrace(before)
        sys.setprofile(None)
    return count


def folders(count: int) -> Snapshot:
    return tree(one for n in range(count) for one in (folder(f"d{n}"), file(f"d{n}/f")))


def whiteouts(count: int) -> Snapshot:
    return tree([folder("d"), *(file(f"d/.wh.{n}") for n in range(count))])


def one_folder(count: int) -> Snapshot:
    return tree([folder("d"), *(file(f"d/{n}") for n in range(count))])


def opaque(count: int) -> Snapshot:
    return tree(folder(f"d{n}", user_fuseoverlayfs_opaque="y") for n in range(count))


def devices(count: int) -> Snapshot:
    return tree([folder("d", trusted_overlay_opaque="y"), *(gone(f"d/{n}") for n in range(count))])


@pytest.mark.parametrize(
    ("upper", "lower"),
    [(whiteouts, one_folder), (whiteouts, whiteouts), (opaque, folders), (devices, folders)],
)
def test_twice_the_tree_is_twice_the_work(upper: Callable[[int], Snapshot], lower: Callable[[int], Snapshot]) -> None:
    once, twice = (work(lambda n=n: judge_tree(upper(n), [lower(n)])) for n in (MANY, 2 * MANY))  # type: ignore[misc]
    assert twice < 2.4 * once


@pytest.mark.parametrize(
    "action",
    [
        lambda n: merge([folders(n)], folders(n)),
        lambda n: merge([one_folder(n), whiteouts(n)], opaque(n)),
        lambda n: topmost(f"{i}".encode() for i in range(n)),
        lambda n: layer_findings([file(f"{i % (n // 2)}") for i in range(n)], form="tar"),
        lambda n: [list(t.below(e.path)) for t in [folders(n)] for e in t if e.path and e.kind is Kind.DIR],
    ],
)
def test_twice_the_list_is_twice_the_work(action: Callable[[int], object]) -> None:
    once, twice = (work(lambda n=n: action(n)) for n in (MANY, 2 * MANY))  # type: ignore[misc]
    assert twice < 2.4 * once


class Counted(bytes):
    """A name that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: bytes) -> bool:
        Counted.compared += 1
        return bytes(self) < bytes(other)


def test_a_group_of_many_hard_links_is_looked_through_once() -> None:
    names = [Counted(b"%06d" % n) for n in range(MANY)]
    chain = [Entry(name, Kind.FILE, same_as=before) for before, name in itertools.pairwise(names)]
    Counted.compared = 0
    joined = join_links([Entry(names[0], Kind.FILE), *chain])
    assert {(one.same_as, one.links) for one in joined} == {(b"000000", MANY)}
    assert Counted.compared < 3 * MANY


def test_a_tree_thousands_of_folders_deep_is_merged() -> None:
    path, entries = "d", []
    for _ in range(3000):
        entries.append(folder(path))
        path += "/d"
    deep = tree(entries)
    assert list(merge([deep], deep).entries) == list(deep.entries)
    assert topmost(deep.entries.keys() - {b""}) == [b"d"]


@pytest.mark.parametrize("name", [b"a", b"a.b", b"a/b"])
def test_what_lies_below_a_folder_and_directly_in_it(name: bytes) -> None:
    paths = [b"", b"a", b"a!", b"a-b", b"a.b", b"a.b/x", b"a/b", b"a/b/c", b"a0", b"ab"]
    snapshot = Snapshot.of(Entry(path, Kind.DIR) for path in paths)
    assert [e.path for e in snapshot.below(name)] == [p for p in paths if p.startswith(name + b"/")]
    assert [e.path for e in snapshot.inside(name)] == [p for p in paths if p.rpartition(b"/")[0] == name]
    assert [e.path for e in snapshot.below(b"")] == paths[1:]
