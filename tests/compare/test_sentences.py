"""The sentences of the first screen."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.compare.groups import NOT, Group, Status, status_of
from harness.compare.sentences import Rank, counts, not_run, sentences, summary_lines
from harness.compare.words import Column, listing, names, plain, short, who
from harness.evidence.recording import ToolRecord
from harness.judge.defects.model import Effect, Named
from harness.judge.findings import Finding, Outcome
from harness.places import STEPS, VIEW
from harness.profile import Profile
from harness.runs.results import CellResult, Results, read_results
from tests.defects import known
from tests.entries import file, gone
from tests.factory import GHOST_ORACLE, GHOST_UPPER, PLAIN_UPPER, FakeCell, make_run, scenario

LINK = "https://github.com/sylabs/singularity/issues/3176"
KNOWN = (
    known("WL101", "the founding case", LINK, versions=("<2",)),
    known("WL106", "not needed", versions=("<2",)),
)


def results(tmp_path: Path, *cells: FakeCell) -> Results:
    return read_results(make_run(tmp_path / "run", cells))


def test_the_founding_sentence_says_who_and_who_not(tmp_path: Path) -> None:
    run = results(
        tmp_path,
        FakeCell("kernel", "6.18", upper=PLAIN_UPPER),
        *(FakeCell(version=version, profile=profile) for version in ("1.14", "1.4") for profile in Profile),
        FakeCell(version="2.0.0", upper=PLAIN_UPPER),
    )
    first = sentences(run.cells)[0]
    assert (first.code, first.name, first.rank) == ("WL101", "marker-of-a-marker", Rank.NEW)
    assert plain(first.words) == (
        "fuse-overlayfs 1.4, 1.14 leave a character device 0:0 `.wh..opq`, a whiteout of a marker's own name; "
        "kernel 6.18 and fuse-overlayfs 2.0.0 do not."
    )
    assert first.scenarios == ("ghost-marker",)


def test_known_findings_carry_their_link_and_stand_after_new_ones(tmp_path: Path) -> None:
    strange = FakeCell(scenario=scenario("other"), view=(*GHOST_ORACLE, file(b"a/back")))
    run = results(tmp_path, FakeCell(known=KNOWN), strange)
    found = sentences(run.cells)
    assert [(one.code, one.rank) for one in found] == [
        ("WL101", Rank.NEW), ("WL201", Rank.NEW), ("WL106", Rank.NEW), ("WL101", Rank.KNOWN), ("WL106", Rank.KNOWN),
    ]  # fmt: skip
    assert found[3].link == LINK
    assert found[4].reason == "not needed"


def test_a_known_finding_that_does_not_appear_is_told(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(upper=PLAIN_UPPER, known=KNOWN))
    assert {one.rank for one in sentences(run.cells)} == {Rank.GONE}
    assert "fuse-overlayfs 1.14 no longer shows fuse-overlayfs-wl101-<2-the-founding-case" in summary_lines(run)[0]


@pytest.mark.parametrize(("reasons", "ways"), [(("one", "other"), 2), (("one", "one"), 1)])
def test_what_is_known_is_one_by_its_defect(reasons: tuple[str, str], ways: int, tmp_path: Path) -> None:
    here = [known("WL106", reason, LINK, versions=("any",)) for reason in reasons]
    for number, upper in enumerate((GHOST_UPPER, PLAIN_UPPER)):  # it is there, or seems fixed
        cells = [
            FakeCell(version=version, upper=upper, known=(one,))
            for version, one in zip(("1.10", "1.14"), here, strict=True)
        ]
        run = read_results(make_run(tmp_path / str(number), cells))
        assert len([one for one in sentences(run.cells) if one.code == "WL106"]) == ways


def test_a_group_takes_in_what_the_same_tools_have_where_the_others_did_not_run() -> None:
    old, new, third = (Column("x", "x", version, "root") for version in ("1", "2", "3"))
    has = frozenset({Status(Rank.NEW)})
    group = Group("WL101", [], {old: has, third: NOT})
    assert group.takes({old: has})
    assert group.takes({old: has, new: has}), "all that have it here have it there too"
    assert group.takes({old: has, third: NOT})
    assert not group.takes({old: has, third: has})
    assert not group.takes({new: has}), "nobody was seen to have both"
    assert not group.takes({old: NOT})


def test_a_profile_is_named_where_it_alone_has_the_finding(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(profile=Profile.USER), FakeCell(profile=Profile.ROOT, upper=PLAIN_UPPER))
    assert plain(sentences(run.cells)[0].words).startswith("fuse-overlayfs 1.14 (user) leaves ")


def test_cells_that_did_not_run_are_counted_with_reason_and_remedy(tmp_path: Path) -> None:
    run = results(
        tmp_path,
        FakeCell(version="1.4", skipped="no world"),
        FakeCell(version="1.10", skipped="no world"),
        FakeCell(version="2", skipped="not for it", excluded=True),
        FakeCell(broken="it did not mount"),
    )
    assert [(one.kind, len(one.cells)) for one in not_run(run.cells)] == [
        ("broken", 1),
        ("skipped", 2),
        ("excluded", 1),
    ]
    assert counts(run) == {"passed": 0, "known": 0, "finding": 0, "broken": 1, "skipped": 2, "excluded": 1}
    lines = "\n".join(summary_lines(run))
    assert "1 cell broke: it did not mount" in lines
    assert "2 cells did not run: no world → install it" in lines


def test_nothing_found_is_said(tmp_path: Path) -> None:
    assert summary_lines(results(tmp_path, FakeCell("kernel", "6.18", upper=PLAIN_UPPER)))[0].startswith("✓")


def test_one_sentence_for_one_code_over_many_scenarios(tmp_path: Path) -> None:
    run = results(tmp_path, *(FakeCell(scenario=scenario(f"s{number}")) for number in range(35)))
    assert [(one.code, len(one.scenarios)) for one in sentences(run.cells)] == [("WL101", 35), ("WL106", 35)]


def test_versions_that_did_not_run_everywhere_are_counted(tmp_path: Path) -> None:
    one, two = scenario("one"), scenario("two")
    run = results(
        tmp_path,
        FakeCell(version="1.4", scenario=one),
        FakeCell(version="1.4", scenario=two),
        FakeCell(version="1.14", scenario=one),
    )
    assert sentences(run.cells)[0].spread == "1.4 in 2, 1.14 in 1"


def test_each_sentence_has_one_boundary(tmp_path: Path) -> None:
    one, two, three = scenario("one"), scenario("two"), scenario("three")
    run = results(
        tmp_path,
        *(FakeCell(version=version, scenario=each) for version in ("1.4", "1.14") for each in (one, three)),
        FakeCell(version="1.4", scenario=two),
        FakeCell(version="1.14", scenario=two, upper=PLAIN_UPPER),
    )
    said = [(plain(one.words), one.scenarios) for one in sentences(run.cells) if one.code == "WL106"]
    marks = "`a/new` opaque, where nothing lies below to be hidden"
    assert said == [
        (f"fuse-overlayfs 1.4, 1.14 mark {marks}.", ("one", "three")),
        (f"fuse-overlayfs 1.4 marks {marks}; fuse-overlayfs 1.14 does not.", ("two",)),
    ]


def test_a_version_that_has_it_as_known_is_not_said_not_to_have_it(tmp_path: Path) -> None:
    here = known("WL101", "the founding case", LINK, versions=("==1.6",)), known("WL106", "not needed")
    run = results(
        tmp_path,
        *(FakeCell(version=version, known=here) for version in ("1.6", "1.7.1")),
        FakeCell(version="1.8", known=here, upper=PLAIN_UPPER),
    )
    new, old = (one for one in sentences(run.cells) if one.code == "WL101" and one.rank is not Rank.GONE)
    assert plain(new.words).startswith("fuse-overlayfs 1.7.1 leaves")
    assert plain(old.words).startswith("fuse-overlayfs 1.6 leaves")
    assert plain(new.words).endswith("; fuse-overlayfs 1.8 does not.")
    assert plain(old.words).endswith("; fuse-overlayfs 1.8 does not.")


def test_a_cell_that_was_not_seen_to_its_end_is_not_said_not_to_have_it(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(), FakeCell(version="1.4", upper=PLAIN_UPPER))
    died = msgspec.structs.replace(
        run.cells[1], findings=(Finding("WL208", "/", STEPS, "the daemon died of signal 6"),)
    )
    first = sentences([run.cells[0], died])[0]
    assert first.code == "WL101"
    assert "1.4" not in plain(first.words)


_MISSING = st.sampled_from(
    [Named("a", "t", "one", LINK, "WL101"), Named("b", "t", "one", "", "WL101"), Named("c", "t", "two", "", "WL101")]
)
_KNOWN = st.none() | _MISSING
_FINDING = st.builds(
    Finding,
    st.sampled_from(["WL101", "WL201", "WL208"]),
    st.sampled_from(["a/.wh..opq", "b/.wh..opq"]),
    st.just(VIEW),
    st.just("a device deletes it"),
    _KNOWN,
)
_FOLLOWING = st.builds(lambda one, more: msgspec.structs.replace(one, consequences=(more,)), _FINDING, _FINDING)


def _cells(draw: st.DrawFn) -> list[CellResult]:
    found = []
    for name in draw(st.sets(st.sampled_from(["one", "two", "three"]), min_size=1)):
        for version in draw(st.sets(st.sampled_from(["1.4", "1.6", "1.7.1", "1.8"]), min_size=1)):
            for profile in draw(st.sets(st.sampled_from(Profile), min_size=1)):
                outcome = draw(st.sampled_from([Outcome.PASSED, Outcome.PASSED, Outcome.BROKEN, Outcome.SKIPPED]))
                findings = () if outcome is Outcome.SKIPPED else draw(st.lists(_FINDING | _FOLLOWING, max_size=2))
                missing = () if outcome is Outcome.SKIPPED else draw(st.lists(_MISSING, max_size=1))
                tool = ToolRecord("fuse-overlayfs", version, "fuse-overlayfs")
                found.append(
                    CellResult(
                        f"{name}[{version}-{profile}]", name, tool, profile, outcome,
                        findings=tuple(findings), missing=tuple(missing),
                    )
                )  # fmt: skip
    return draw(st.permutations(found))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.composite(_cells)())
def test_no_two_sentences_contradict_each_other_or_the_results(cells: list[CellResult]) -> None:
    at = {(cell.scenario, Column.of(cell.tool, cell.profile)): cell for cell in cells}
    made = sentences(cells)
    has: set[tuple[str, str, str, Column]] = set()
    has_not: set[tuple[str, str, str, Column]] = set()
    for one in made:
        if one.rank is Rank.GONE:
            continue
        has |= {(one.code, *place, column) for place in one.at for column in one.tools}
        has_not |= {(one.code, *place, column) for place in one.at for column in one.without}
    assert not has & has_not
    for (code, name, path, column), said in [*((one, True) for one in has), *((one, False) for one in has_not)]:
        cell = at.get((name, column))
        if cell is not None and cell.outcome is not Outcome.SKIPPED:
            assert any((one.code, one.path) == (code, path) for one in cell.findings) is said
    for cell in cells:  # and nothing is left out
        column = Column.of(cell.tool, cell.profile)
        assert {(one.code, cell.scenario, one.path, column) for one in cell.findings} <= has


def test_a_run_of_broken_cells_did_not_find_nothing(tmp_path: Path) -> None:
    (line,) = summary_lines(results(tmp_path, FakeCell(broken="no loop device")))
    assert line.startswith("!")
    assert "nothing was found" not in line


def test_a_terminal_may_ask_for_the_first_sentences(tmp_path: Path) -> None:
    lines = summary_lines(results(tmp_path, FakeCell()), most=1)
    assert lines[-1].strip() == "1 more sentence in the report"
    assert len(lines) == 3


def test_a_terminal_says_each_known_defect_once_one_of_each_effect_the_worst_first_and_what_is_by_design_last(
    tmp_path: Path,
) -> None:
    """Whatever sentences there are: two groups of paths, one defect. What is new stands before it."""
    ghost, needless = (
        msgspec.structs.replace(known(code, cause, versions=("<2",)), name=name, effect=effect)
        for code, cause, name, effect in (
            ("WL101", "one cause", "ghost", Effect.REFUSED), ("WL106", "other", "needless", Effect.LITTER),
        )
    )  # fmt: skip
    design = msgspec.structs.replace(
        ghost, name="design", kind="limit", signs=known("WL201").signs, witnesses=("ghost-marker",)
    )
    here = (needless, design, ghost)
    run = results(
        tmp_path,
        FakeCell(version="1.4", known=here, view=(*GHOST_ORACLE, file(b"a/back"))),
        FakeCell(version="1.14", known=here, upper=(*GHOST_UPPER, gone(b"a/.wh.x")), scenario=scenario("two")),
        FakeCell(version="2.0", known=here, upper=PLAIN_UPPER),
        FakeCell("kernel", "6.18", view=(*GHOST_ORACLE, file(b"a/other")), upper=PLAIN_UPPER),
    )
    assert len([one for one in sentences(run.cells) if one.defect == "ghost"]) == 2
    lines = summary_lines(run, 8, 2, "reports/one")
    firsts = [line for line in lines if not line.startswith("    ")]
    assert firsts[0].startswith("✗ NEW  kernel 6.18 shows `a/other`")
    assert firsts[1:] == [
        "✗ known  the image is refused: one cause, in words",
        "✗ known  litter: other, in words",
        "   and 1 more known defect: see the report, or whiteout-lab defects reports/one",
    ]
    assert lines[3].strip() == "fuse-overlayfs 1.4, 1.14 show it; fuse-overlayfs 2.0 does not · explain ghost"
    assert [line for line in summary_lines(run) if line.endswith(" · by design · explain design")]
    assert [line.rpartition(" ")[2] for line in summary_lines(run) if " · explain " in line] == [
        "ghost", "design", "needless",
    ]  # fmt: skip


def test_what_is_known_is_not_nothing(tmp_path: Path) -> None:
    run = results(tmp_path, FakeCell(known=(known("WL101", "ghost"), known("WL106", "not needed"))))
    assert [line[:7] for line in summary_lines(run)] == ["✗ known", "       ", "✗ known", "       "]


def test_set_ups_of_one_program_are_named_together() -> None:
    def column(name: str, version: str = "4.5.0", profile: str = "root") -> Column:
        program, _, setup = name.partition("+")
        title = f"SingularityCE with {setup}" if setup else "SingularityCE"
        return Column(program, name, version, profile, called="SingularityCE", titled=title)

    every = [column(n, v) for n in ("singularity-ce", "singularity-ce+ext3") for v in ("4.2.0", "4.5.0")]
    assert who(every, every) == ("SingularityCE 4.2.0, 4.5.0 (plain, with ext3)", True)
    assert who(every[:3], every) == ("SingularityCE 4.2.0, 4.5.0 and SingularityCE with ext3 4.2.0", True)
    assert who(every[3:], every)[0] == "SingularityCE with ext3 4.5.0"
    ran = [*every, *(column(one.name, one.version, "user") for one in every)]
    assert who(every, ran)[0] == "SingularityCE 4.2.0, 4.5.0 (plain, with ext3; root)"


columns = st.builds(
    Column,
    st.just("fuse-overlayfs"),
    st.sampled_from(["fuse-overlayfs", "other"]),
    st.sampled_from(["1.4", "1.10", "2.0.0"]),
    st.sampled_from(["root", "user"]),
)


@given(st.lists(columns, min_size=1), st.lists(columns))
def test_who_names_every_version_and_does_not_mind_the_order(having: list[Column], more: list[Column]) -> None:
    text, many = who(having, having + more)
    assert (text, many) == who(having[::-1], more[::-1] + having)
    assert many == (len({(column.name, column.version) for column in having}) > 1)
    assert all(column.version in text and column.name in text for column in having)


@given(st.lists(st.text("ab,", max_size=3)))
def test_names_are_counted_where_they_are_many(texts: list[str]) -> None:
    said = plain(names(texts, 2))
    assert said.count("`") == 2 * min(2, len(set(texts)))


def test_words() -> None:
    assert [listing(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert len(short("n" * 255)) < 90


def test_a_run_of_a_time_before_facts_has_sentences_too(tmp_path: Path) -> None:
    """Its sentences are not taken apart for what they would say: how the mark looks is not told then."""
    run = results(tmp_path, FakeCell())
    (cell,) = run.cells
    bare = tuple(msgspec.structs.replace(one, facts=None) for one in cell.findings)
    old = msgspec.json.decode(
        msgspec.json.encode([msgspec.structs.replace(cell, findings=bare)]), type=tuple[CellResult, ...]
    )
    assert (
        plain(sentences(old)[0].words)
        == "fuse-overlayfs 1.14 leaves a whiteout `.wh..opq`, a whiteout of a marker's own name."
    )
    assert [one.code for one in sentences(old)] == [one.code for one in sentences(run.cells)]


def test_of_a_defect_with_a_link_the_link_is_told_and_of_one_without_its_cause(tmp_path: Path) -> None:
    linked, bare = known("WL101", "the founding case", LINK), known("WL106", "not needed")
    found = {one.code: one for one in sentences(results(tmp_path, FakeCell(known=(linked, bare))).cells)}
    assert (found["WL101"].link, found["WL106"].link, found["WL106"].reason) == (LINK, "", "not needed")
    assert {
        status_of(finding).reason
        for finding in results(tmp_path / "third", FakeCell(known=(linked, bare))).cells[0].findings
    } == {
        "",
        "not needed",
    }
