"""Readers as they were measured: from a truth table, whatever documents say."""

from __future__ import annotations

from harness.compare.measured import measured
from harness.evidence.recording import ToolRecord
from harness.judge.findings import Finding
from harness.places import READ
from harness.profile import Profile
from harness.readings import truth
from harness.readings.results import SCHEMA, Came, Field, GivenRecord, Readings, Source, TakerRecord
from harness.whiteouts.encodings import Encoding

CASES = [case.name for case in truth.cases()]
BACK = Finding("WL201", "d/f", READ, "d/f is back")
SHOWN = Finding("WL204", "d", READ, "a private xattr is shown")


def taker(name: str, version: str, profile: Profile = Profile.ROOT) -> TakerRecord:
    tool = ToolRecord(name, version, program=name, title=name, called=name)
    return TakerRecord(f"{name}-{version}-{profile}-lower", tool, profile, "lower")


def table(honours: dict[TakerRecord, set[str]]) -> Readings:
    givens = tuple(GivenRecord(f"key of {name}", name, Source.TRUTH, 2) for name in CASES)
    fields = tuple(
        Field(f"key of {name}", one.key, Came.DIFFERS, findings=(SHOWN,) if name in names else (BACK,))
        for one, names in honours.items()
        for name in CASES
    )
    return Readings(SCHEMA, tuple(honours), givens, fields)


def test_what_does_not_come_back_is_honoured_and_readers_that_honour_the_same_are_one() -> None:
    files = {"file at file", "opaque-file at folder", "opaque-file at root"}
    devices = {"device at file", "xattr-trusted at file"}
    rules = measured(
        table({taker("fuse", "1"): files, taker("fuse", "2"): files, taker("kernel", "6"): devices}), "today"
    )
    assert rules is not None
    fuse, kernel, importer = rules.readers
    assert fuse.name == "fuse 1, 2"
    assert fuse.honours == {Encoding.FILE, Encoding.OPAQUE_FILE}
    assert fuse.opaque_root
    assert kernel.honours == {Encoding.DEVICE, Encoding.XATTR_TRUSTED, Encoding.HOLDS_TRUSTED}
    assert not kernel.opaque_root
    assert importer.name == "an importer of OCI layers"
    assert rules.source.startswith("as measured today")


def test_without_a_truth_table_nothing_is_measured() -> None:
    assert measured(None, "") is None
    assert measured(Readings(SCHEMA), "") is None


def test_what_broke_honours_nothing() -> None:
    one = taker("fuse", "1")
    whole = table({one: {"file at file"}})
    broken = tuple(Field(field.given, field.taker, Came.BROKEN, "why") for field in whole.fields)
    rules = measured(Readings(SCHEMA, whole.takers, whole.givens, broken), "today")
    assert rules is not None
    assert rules.readers[0].honours == frozenset()
