"""The corpus: what each file says, against the applier of the specification, and what readings are given of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.names import unescape
from harness.readings.applied import Reading
from harness.readings.corpus import corpus, given, readings, refusal
from harness.readings.meaning import meaning
from harness.scenario.archive import Allowed, LayerCase, Leaf, as_member
from harness.scenario.archive_load import load_cases
from harness.snapshot.model import EMPTY
from harness.whiteouts.encodings import WH
from tests.readings.layered import layer

FOLDER = Path(__file__).parents[2] / "scenarios/corpus"
CASES = load_cases(FOLDER)


def same(one: Reading, other: Reading) -> bool:
    return dict(one.tree.entries) == dict(other.tree.entries) and one.unsaid == other.unsaid


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_says_what_the_specification_says(case: LayerCase) -> None:
    computed = meaning(case.layers)
    said = readings(case)
    for one in said:
        assert any(same(one, other) for other in computed.readings), f"only the file: {one}"
    for one in computed.readings:
        assert any(same(one, other) for other in said), f"only the specification, {computed.points}: {one}"
    assert len(said) == len(computed.readings)
    assert bool(computed.refusal) is (refusal(case) != "wrong")
    assert (not said) is (refusal(case) == "demanded")
    assert bool(case.open) is bool(computed.points)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_reading_shows_a_name_with_the_prefix(case: LayerCase) -> None:
    for one in readings(case):
        assert not [entry.path for entry in one.tree if entry.name.startswith(WH)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_case_leads_outside_of_the_tree_but_to_the_canaries(case: LayerCase) -> None:
    """Whoever takes such a name as it is must touch nothing of the machine: see docs/add-a-layer.md."""
    for one in (as_member(member) for part in case.layers for member in part.members):
        for name, below in ((one.path, 0), (one.hardlink or "", 0), (one.symlink or "", one.path.count("/"))):
            depth = below
            for part in unescape(name).split(b"/"):
                depth += -1 if part == b".." else part not in {b"", b"."}
                if depth < 0:
                    assert b"/mnt/canary" in unescape(name)
                    break
            if name.startswith("/"):
                assert name.startswith("/mnt/canary")


def test_the_corpus_is_given_whole_and_no_two_are_equal() -> None:
    givens = corpus(FOLDER)
    assert [one.name for one in givens] == [case.name for case in CASES]
    assert len({one.key for one in givens}) == len(givens)
    assert [one.layers for one in corpus(FOLDER)] == [one.layers for one in givens]
    assert {one.verdict for one in givens} == {"tree", "refuse", "open"}


def _case(**said: object) -> LayerCase:
    return LayerCase(1, "", "", (), (layer("a"), layer("b/")), **said, name="it")  # type: ignore[arg-type]


def test_what_is_given_of_one_tree() -> None:
    one = given(_case(meant={"a": "", "b/": Leaf(unsaid=True)}))
    assert (one.name, len(one.layers), one.verdict, one.refusal) == ("it", 2, "tree", "wrong")
    assert list(one.meant.entries) == [b"", b"a", b"b"]
    assert one.allowed == (one.meant,)
    assert one.unsaid == {b"b"}
    assert not one.also


def test_what_is_given_of_what_must_be_refused() -> None:
    one = given(_case(refuse="why"))
    assert (one.verdict, one.refusal, one.allowed, one.meant) == ("refuse", "demanded", (), EMPTY)


def test_what_is_given_of_what_is_open() -> None:
    trees = (Allowed("one", {"a": ""}), Allowed("two", {"b/": Leaf(unsaid=True)}))
    one = given(_case(open="why", allowed=trees))
    assert (one.verdict, one.refusal) == ("open", "wrong")
    assert [list(tree.entries) for tree in one.allowed] == [[b"", b"a"], [b"", b"b"]]
    assert one.unsaid == {b"b"}
    other = given(_case(open="why", allowed=(Allowed("refuses", refuses=True), trees[0])))
    assert (other.verdict, other.refusal, other.allowed) == ("open", "allowed", (one.meant,))
