"""Which defects leave what was found where nobody knows who wrote it."""

from __future__ import annotations

from harness.judge.defects.likely import likely
from harness.judge.defects.model import Defect, Effect, Sign
from harness.judge.findings import Finding
from harness.judge.inspected import judge_tree
from harness.runs.decide import known_defects
from tests.entries import file, folder, gone, tree

LOWER = tree([file("d/x"), file("f")])


def defect(name: str, *signs: Sign) -> Defect:
    return Defect(
        schema=1, title=f"{name} happens", program="fuse-overlayfs", versions=("any",), effect=Effect.LITTER, cause="", signs=signs,
        witnesses=("x",), remedy="", name=name,
    )  # fmt: skip


def found() -> list[Finding]:
    upper = [folder("d"), gone("d/.wh..opq"), gone("none"), gone("nothing")]
    return sorted(judge_tree(tree(upper), [LOWER]), key=lambda one: (one.code, one.path))


def named(*defects: Defect) -> list[tuple[str, list[str]]]:
    return [(one.defect.name, [finding.path for finding in one.findings]) for one in likely(found(), defects)]


def test_a_sign_fits_by_code_path_place_and_facts() -> None:
    assert named(defect("a", Sign(codes=("WL103",)))) == [("a", ["none", "nothing"])]
    assert named(defect("a", Sign(codes=("WL103",), paths=("none",)))) == [("a", ["none"])]
    assert named(defect("a", Sign(codes=("WL103",), places=("upper",)))) != []  # type: ignore[arg-type]
    assert named(defect("a", Sign(codes=("WL103",), places=("view",)))) == []  # type: ignore[arg-type]
    assert named(defect("a", Sign(codes=("WL101",), facts={"encoding": "file"}))) == []
    assert named(defect("a", Sign(codes=("WL201",)))) == []


def test_tools_and_profiles_are_left_aside_and_single_scenarios_explain_nothing() -> None:
    assert named(defect("a", Sign(codes=("WL103",), tools=("kernel*",), versions=("<1",)))) != []
    assert named(defect("a", Sign(codes=("WL103",), scenarios=("one",)))) == []


def test_who_explains_most_comes_first_and_each_stands_once() -> None:
    one, other = Sign(codes=("WL101",)), Sign(codes=("WL103",))
    assert named(defect("b", one), defect("a", one, other), defect("c", other)) == [
        ("a", ["d/.wh..opq", "none", "nothing"]),
        ("c", ["none", "nothing"]),
        ("b", ["d/.wh..opq"]),
    ]


def test_the_founding_upper_is_explained_by_what_is_known() -> None:
    names = [one.defect.name for one in likely(found(), known_defects())]
    assert "fuse-overlayfs-ghost-marker" in names
