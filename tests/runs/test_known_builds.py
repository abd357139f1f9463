"""What is known of versions holds for every build of them, whatever tells the build apart."""

from __future__ import annotations

import msgspec
import pytest

from harness.evidence.recording import PartRecord, ToolRecord
from harness.judge.judge import judge
from harness.scenario.steps import Mkdir
from tests.defects import known
from tests.entries import file, folder, gone, tree
from tests.judge.evidence import evidence

UPPER = [folder("a"), folder("a/new", trusted_overlay_opaque="y"), file("a/new/.wh..wh..opq"), gone("a/new/.wh..opq")]
ORACLE = tree([folder("a"), file("a/f", "old"), folder("a/new")])
DIGEST = "b6b56130" + "0" * 56
BUILDS = [
    ("1.14+b6b56130", "1.14"), ("1.14 patched", "1.14"), ("1.14~sid", "1.14"),
    ("1.14+b6b56130", ""), ("1.14~sid", ""),  # of recordings from before the number stood alone
]  # fmt: skip


def new_codes(tool: ToolRecord, *ranges: str) -> list[str]:
    """The founding case's codes that are new on a tool, where they are known in *ranges* of fuse-overlayfs."""
    seen = evidence(
        upper=UPPER, layers=({"a/f": "old"},), view=ORACLE, remount=ORACLE, oracle=ORACLE, steps=(Mkdir(path="a/new"),)
    )
    defects = (known(("WL101", "WL106"), versions=ranges),)
    recording = msgspec.structs.replace(seen.recording, tool=tool)
    return [finding.code for finding in judge(recording, seen.trees, defects=defects).new]


@pytest.mark.parametrize(("shown", "number"), BUILDS)
@pytest.mark.parametrize(("pattern", "holds"), [("==1.14", True), ("<1.14", False), (">=1.14", True), (">1.14", False)])
def test_a_range_sees_the_number_alone(shown: str, number: str, pattern: str, holds: bool) -> None:
    tool = ToolRecord("fuse-overlayfs", shown, "fuse-overlayfs", world="sid", sha256=DIGEST, number=number)
    assert new_codes(tool, pattern) == ([] if holds else ["WL101", "WL106"])


@pytest.mark.parametrize(("shown", "number"), [("1.14+b6b56130", "1.14"), ("1.14~sid", "1.14"), ("1.14+b6b56130", "")])
def test_the_backend_below_a_container_is_seen_by_its_number_too(shown: str, number: str) -> None:
    part = PartRecord("fuse-overlayfs", shown, sha256=DIGEST, number=number)
    tool = ToolRecord("apptainer", "1.4.5", "apptainer", kernel="6.12.3-amd64", parts=(part,))
    assert new_codes(tool, "==1.14") == []
    assert new_codes(tool, "<1.14") == ["WL101", "WL106"]
