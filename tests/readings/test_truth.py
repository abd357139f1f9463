"""The truth table: what each row holds and means; and every reader here, held against what the documents say of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

from harness.launch.cell import CellContext
from harness.machine.workfolder import work_folder
from harness.readings import truth
from harness.readings.results import Came
from harness.readings.taker import Role
from harness.runs.decide import known_defects
from harness.runs.folders import work_parent
from harness.runs.givings import truths
from harness.runs.readings import Giver, of_roles
from harness.snapshot.model import Kind
from harness.tools.discover import discover
from harness.whiteouts.encodings import Encoding, Says
from harness.whiteouts.markers import find_markers
from harness.whiteouts.readers import FUSE_USER, KERNEL_ROOT, KERNEL_USERXATTR
from harness.whiteouts.union import merge
from harness.worlds.build import worlds_in_place
from harness.worlds.model import Tool

CASES = list(truth.cases())


def test_every_encoding_of_a_deletion_and_of_an_opaque_mark_has_a_row_in_every_place() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) == 42
    assert {case.encoding for case in CASES} == {*truth.GONE, *truth.OPAQUE}
    assert set(truth.names()) == set(names)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_row_holds_its_encoding_and_no_other(case: truth.Case) -> None:
    given = truth.given_of(case)
    marked = given.trees[1]
    holds = {Encoding.HOLDS_TRUSTED, Encoding.HOLDS_USER}
    there = {marker.encoding for marker in find_markers(marked)} - holds
    assert there == {case.encoding} | ({case.also} if case.also else set())
    assert not [one for place in (0, *range(2, len(given.trees))) for one in find_markers(given.trees[place])]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_a_row_means_lacks_what_is_deleted_and_has_the_rest(case: truth.Case) -> None:
    given = truth.given_of(case)
    names = given.meant.entries.keys()
    gone = {m.path for m in find_markers(given.trees[1]) if m.says is Says.GONE}
    if case.at == "unmarked":
        assert given.meant.entries[b"d/f"].kind is Kind.FILE  # a file, to who follows the documents
    else:
        assert not gone & names
    assert b"d/new" in names
    if case.encoding in truth.OPAQUE or case.also:
        assert b"d/f" not in names or case.at == "below"
    if case.at == "middle":
        assert b"d/top" in names


def test_the_documented_rules_differ_where_they_must() -> None:
    """The rows tell readers apart: else nothing would be measured."""
    rows = {case.name: truth.given_of(case).trees for case in CASES}
    assert b"d/f" not in merge(rows["device at file"], reader=KERNEL_ROOT)
    assert b"d/f" in merge(rows["file at file"], reader=KERNEL_ROOT)
    assert b"d/f" not in merge(rows["file at file"], reader=FUSE_USER)
    assert b"e" in merge(rows["opaque-user at root"], reader=KERNEL_USERXATTR)  # nobody looks up the root
    assert b"e" not in merge(rows["opaque-user at root"], reader=FUSE_USER)


@pytest.fixture
def context() -> Iterator[CellContext]:
    with work_folder(work_parent(), f"truth-{os.getpid()}") as work:
        yield CellContext(work, platform.release(), {})


@pytest.mark.real
@pytest.mark.worlds
def test_every_reader_here_does_what_the_documents_or_a_defect_say(context: CellContext) -> None:
    tools = [one for one in discover(worlds_in_place(), []) if isinstance(one, Tool)]
    every = [
        one for one in of_roles(tools, Role.LOWER, Role.UPPER) if one.tool.main.name in {"kernel", "fuse-overlayfs"}
    ]
    if os.geteuid() != 0:
        every = [one for one in every if one.profile == "user"]
    assert len({one.tool.main.name for one in every}) == 2
    giver = Giver(context.work, context, known_defects(), 2, lambda _stage, _done, _total: False)
    giver.give("encodings", every, truths())
    readings = giver.readings()
    names = {one.key: one.name for one in readings.givens}
    assert [(names[f.given], f.taker, x.message) for f in readings.fields for x in f.new] == []
    assert not [(one.taker, one.reason) for one in readings.fields if one.came is Came.BROKEN]
    came = {(names[one.given], one.taker): one.came for one in readings.fields}
    kernel = next(one.tool.key for one in every if one.tool.name == "kernel")
    fuse = next(one.tool.key for one in every if one.tool.name == "fuse-overlayfs" and one.tool.version == "1.14")
    assert came["device at file", f"{kernel}-user-lower"] is Came.SAME
    assert came["file at file", f"{kernel}-user-lower"] is Came.DIFFERS
    assert came["file at file", f"{fuse}-user-upper"] is Came.SAME
    assert came["opaque-user at folder", f"{kernel}-user-upper"] is Came.SAME
