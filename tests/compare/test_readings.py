"""Readings as tables: who shares a column and a row, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.compare.readings import (
    Sum,
    Table,
    corpus_rows,
    grid_rows,
    grid_sentences,
    joined,
    packer_rows,
    sealed_rows,
    summed,
    truth_rows,
)
from harness.compare.words import Column
from harness.evidence.recording import ToolRecord
from harness.judge.facts.layer import Misread, Taking
from harness.judge.facts.view import How, Lost, Resurrected
from harness.judge.findings import Finding
from harness.places import IMPORTED, READ
from harness.profile import Profile
from harness.readings.results import SCHEMA, Came, Field, GivenRecord, Readings, Source, TakerRecord

BACK = Finding("WL201", "a", READ, "a is back", facts=Resurrected(kind="file", found=How.LISTED, inside=0))
LOST = Finding("WL202", "b", READ, "b is lost", facts=Lost(kind="file", inside=0))


PLACES = ("kernel", "fuse", "pack", "podman")


def tool(name: str, version: str = "1") -> ToolRecord:
    return ToolRecord(name, version, program=name, called=name, title=name, place=PLACES.index(name))


def taker(name: str, version: str = "1", profile: Profile = Profile.ROOT, role: str = "lower") -> TakerRecord:
    return TakerRecord(f"{name}-{version}-{profile}-{role}", tool(name, version), profile, role)


KERNEL = [taker("kernel", role=role) for role in ("lower", "upper")]
FUSE = [taker("fuse", version, role=role) for version in ("1", "2") for role in ("lower", "upper")]
CELLS = {
    f"s[{name}-{version}-root]": Column(name, name, version, "root", version, place=PLACES.index(name))
    for name, version in (("kernel", "1"), ("fuse", "1"), ("fuse", "2"))
}


def readings(came: Mapping[tuple[str, str], Field], givens: tuple[GivenRecord, ...]) -> Readings:
    return Readings(SCHEMA, (*KERNEL, *FUSE), givens, tuple(came.values()), 1.0)


def two_writers(**more: object) -> Readings:
    """The kernel's upper is read by all; what fuse wrote is read by fuse alone."""
    givens = (
        GivenRecord("k", "s", Source.UPPER, 2, ("s[kernel-1-root]",)),
        GivenRecord("f", "s", Source.UPPER, 2, ("s[fuse-1-root]", "s[fuse-2-root]"), **more),  # type: ignore[arg-type]
    )
    fields = {}
    for one in (*KERNEL, *FUSE):
        fields["k", one.key] = Field("k", one.key, Came.SAME)
        wrong = one in KERNEL
        fields["f", one.key] = Field(
            "f", one.key, Came.DIFFERS if wrong else Came.SAME, findings=(LOST, BACK) if wrong else ()
        )
    return readings(fields, givens)


def test_takers_that_did_the_same_share_a_column_and_writers_a_row() -> None:
    table = Table(two_writers())
    rows = grid_rows(table, CELLS)
    grid = table.matrix(rows, table.takers("lower", "upper"))
    assert [(head.label, head.role) for head in grid.heads] == [("kernel 1", ""), ("fuse 1, 2", "")]
    assert [row.name for row in grid.rows] == ["kernel 1", "fuse 1, 2"]
    assert [[one.text for one in row.fields] for row in grid.rows] == [["✓", "✓"], ["✗ back", "✓"]]
    assert grid_sentences(grid) == [
        "What kernel 1 wrote, every reader here reads as it is meant.",
        "What fuse 1, 2 wrote, no reader but fuse reads as it is meant; others show deleted content again.",
    ]


def test_a_role_that_differs_has_a_column_of_its_own() -> None:
    whole = two_writers()
    fields = [
        Field(one.given, one.taker, Came.DIFFERS, findings=(LOST,)) if one.taker == "fuse-2-root-upper" else one
        for one in whole.fields
    ]
    table = Table(Readings(SCHEMA, whole.takers, whole.givens, tuple(fields)))
    grid = table.matrix(grid_rows(table, CELLS), table.takers("lower", "upper"))
    labels = [(head.label, head.role) for head in grid.heads]
    assert ("fuse 2", "as the upper") in labels
    assert len(labels) == 3


def said_of(*fine: TakerRecord) -> str:
    """What is said of an upper that these read as it is meant, and others with content that is lost."""
    given = GivenRecord("f", "s", Source.UPPER, 2, ("s[fuse-1-root]",))
    came = {
        ("f", one.key): Field("f", one.key, Came.SAME)
        if one in fine
        else Field("f", one.key, Came.DIFFERS, findings=(LOST,))
        for one in (*KERNEL, *FUSE)
    }
    table = Table(readings(came, (given,)))
    (sentence,) = grid_sentences(table.matrix(grid_rows(table, CELLS), table.takers("lower", "upper")))
    return sentence


def test_who_reads_one_way_only_is_told_with_it() -> None:
    lower, upper = KERNEL
    assert said_of(lower) == "What fuse 1 wrote, kernel 1 (as a lower layer) reads as it is meant; others lack content."
    assert said_of(*KERNEL, FUSE[0], FUSE[1], FUSE[2]) == (
        "What fuse 1 wrote, kernel 1 and fuse 1 and fuse 2 (as a lower layer) read as it is meant; others lack content."
    )
    assert said_of(upper, FUSE[2]) == (
        "What fuse 1 wrote, fuse 2 (as a lower layer) and kernel 1 (as the upper) read as it is meant; others lack content."
    )
    assert said_of() == "What fuse 1 wrote, nobody here reads as it is meant every time: readers lack content."


def test_uppers_that_no_reader_can_take_right_are_told_and_blamed_on_nobody() -> None:
    table = Table(two_writers(true=False))
    (row,) = grid_rows(table, CELLS)
    assert (row.name, row.about) == ("kernel 1", "1 upper")
    table = Table(two_writers(alone=False))  # marks of the scenario's own
    assert [row.name for row in grid_rows(table, CELLS)] == ["kernel 1"]


def test_uppers_that_are_left_out_are_counted() -> None:
    whole = two_writers()
    wrong = [GivenRecord(key, key, Source.UPPER, 2, ("s[fuse-1-root]",), true=False) for key in ("v", "w")]
    own = GivenRecord("o", "o", Source.UPPER, 2, ("s[fuse-1-root]",), alone=False)
    table = Table(Readings(SCHEMA, whole.takers, (*whole.givens, *wrong, own), whole.fields))
    assert [(row.name, row.about) for row in grid_rows(table, CELLS)] == [
        ("kernel 1", "1 upper"),
        ("fuse 1, 2", "1 upper; 2 more that no reader can take right"),
    ]


def test_sums() -> None:
    fields = [
        Field("a", "t", Came.SAME),
        Field("b", "t", Came.DIFFERS, findings=(LOST,)),
        Field("c", "t", Came.DIFFERS, findings=(LOST, BACK)),
        Field("d", "t", Came.REFUSED),  # as may be
        Field("e", "t", Came.REFUSED, findings=(Finding("WL304", "/", IMPORTED, "no"),)),
        Field("f", "t", Came.BROKEN, "why"),
        Field("g", "t", Came.LEFT_OUT, "why"),
    ]
    whole = summed(fields)
    assert whole == Sum(2, 5, (("back", 1), ("lost", 1)), refused=1, refuses=1, broken=1)
    assert whole.state == "broken"
    assert [summed(some).state for some in (fields[:1], fields[:2], fields[6:], [])] == [
        "passed",
        "known",
        "skipped",
        "skipped",
    ]
    assert summed(fields[:5]).text == "✗ 3/5 back"
    assert summed(fields[:1]).text == "✓"
    assert summed(fields[3:4]).text == "✓ refuses"
    assert summed(fields[4:5]).text == "✗ refused"
    assert summed([]).text == "–"
    assert "1 show deleted content again, 1 lack content" in whole.words
    assert "1 not read, since the machinery failed" in whole.words


def test_what_nobody_has_named_is_new() -> None:
    field = Field("a", "t", Came.DIFFERS, findings=(BACK,), surprises=(BACK,))
    assert summed([field]).state == "new"


def test_an_importers_tree() -> None:
    for taken, word in ((Taking.EXTRA, "back"), (Taking.ABSENT, "lost"), (Taking.DIFFERS, "changed")):
        finding = Finding("WL305", "a", IMPORTED, "a", facts=Misread(taken=taken))
        assert summed([Field("a", "t", Came.DIFFERS, findings=(finding,))]).text == f"✗ {word}"


def test_rows_that_say_the_same_are_joined() -> None:
    table = Table(two_writers())
    rows = grid_rows(table, CELLS)
    grid = table.matrix([rows[0], rows[0], rows[1]], table.takers("lower"))
    assert [row.name for row in joined(grid).rows] == ["kernel 1", "fuse 1, 2"]


def test_rows_of_the_other_tables() -> None:
    givens = (
        GivenRecord("t", "device at file", Source.TRUTH, 2),
        GivenRecord("s", "s", Source.SEALED, 2, origins=(("k", "oci"), ("k", "oci, alone"))),
        GivenRecord("p", "s", Source.PACKED, 2, origins=(("k", "pack-1-root-folder"),)),
        GivenRecord("c", "bare-prefix", Source.CORPUS, 2, title="an entry .wh."),
    )
    packers = (taker("pack", role="folder"), taker("pack", "2", role="folder"))
    fields = (
        Field("k", packers[0].key, Came.MADE),
        Field("k", packers[1].key, Came.DIFFERS, findings=(Finding("WL302", "a", READ, "a"),)),
    )
    table = Table(Readings(SCHEMA, packers, givens, fields))
    assert [(row.name, row.heading[:6]) for row in truth_rows(table)] == [("a file in a directory", "native")]
    assert [row.name for row in sealed_rows(table)] == ["sealed for oci", "sealed for oci, alone"]
    rows = {row.name: row for row in packer_rows(table)}
    assert rows["pack 1"].givens == ("p",)
    assert rows["pack 1"].about == "1 of 1 layer as meant"
    assert rows["pack 2"].about == "0 of 1 layer as meant, 1 have lost or added marks"
    assert [(row.name, row.about) for row in corpus_rows(table)] == [("bare-prefix", "an entry .wh.")]


def test_versions_that_packed_the_same_share_a_row() -> None:
    packers = [taker("pack", version, role="folder") for version in ("1", "2", "3")]
    came = (Came.MADE, Came.DIFFERS, Came.MADE)
    fields = tuple(Field("k", one.key, what) for one, what in zip(packers, came, strict=True))
    table = Table(Readings(SCHEMA, tuple(packers), (), fields))
    assert [row.name for row in packer_rows(table)] == ["pack 1, 3", "pack 2"]
