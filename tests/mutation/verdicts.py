"""What is known, what is missing, what follows from what, and how it is told: a mutant for each way to say it wrongly."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.changes import Mutant, backwards, gives, inverted, made, replaced

_WHITEOUTS = "harness/whiteouts"


def every() -> Iterator[Mutant]:
    """From evidence to a verdict, and from verdicts to sentences."""
    yield from _judge()
    yield from _causes()
    yield from _whiteouts()
    yield from _told()


def _judge() -> Iterator[Mutant]:
    judge = ("tests/judge/test_judge.py", "tests/judge/test_carried.py")
    yield from inverted("harness/judge/judge.py", judge)
    yield from made(
        "harness/judge/judge.py", judge,
        ("carried", "carries nothing", gives("list(findings)")),
        ("together", "counts one run alone", replaced("len(same)", "1")),
        ("_did_the_same", "believes every cell", gives("True")),
        ("_looked", "believes that everybody looked", gives("True")),
    )  # fmt: skip
    refusals, here = "harness/judge/refusals.py", ("tests/judge/test_facts.py", "tests/judge/test_rules_layer.py")
    yield from inverted(refusals, here)
    yield from made(
        refusals, here,
        ("last_lines", "says nothing", gives("[]")),
        ("essence", "says all that changes", gives('" ".join(lines)')),
        ("cause_of", "knows no cause", gives("Cause.OTHER")),
        ("lasting", "keeps what changes", gives("line")),
    )  # fmt: skip
    module, near = (
        "harness/judge/defects/explain.py",
        (*judge, "tests/runs/test_known_builds.py", "tests/judge/test_defects.py"),
    )
    yield from inverted(module, near)
    yield from made(
        module, near,
        ("Explainer.explained", "knows nothing", gives("finding")),
        ("Explainer._mended", "nothing is back", gives("iter(())")),
        ("Explainer.gone", "nothing is gone", gives("()")),
        ("_says", "speaks of all", gives("True")),
        ("_says", "whatever the place", replaced("is_of(finding.place, sign.places)", "True")),
        ("_says", "whatever the path", replaced("_one_fits(sign.paths, finding.path)", "True")),
        ("_says", "whatever the facts", replaced("_facts_fit(sign.facts, finding)", "True")),
        ("_says", "though it is not always there", replaced("finding.times == finding.of", "True")),
        ("_of_tool", "whosever it is", gives("True")),
        ("_covers", "whatever the version", gives("True")),
        ("_is_over", "is always over", gives("True")),
        ("programs", "knows no program", gives("iter(())")),
    )  # fmt: skip
    versions = (
        "tests/judge/test_defects.py",
        "tests/worlds/test_versions.py",
        "tests/cells/test_plan.py",
        "tests/scenario/test_loader.py",
    )
    yield from inverted("harness/worlds/ranges.py", versions)
    yield from made(
        "harness/worlds/ranges.py", versions,
        ("Pattern.fits", "takes every version", replaced("_FITS[sign](mine, version_order(other))", "True")),
        ("Pattern.fits", "takes every name", replaced("fnmatch.fnmatchcase(name, self.name)", "True")),
        ("matches_version", "takes all", gives("True")),
        ("matches_version", "takes none", gives("False")),
        ("in_ranges", "takes every version", gives("True")),
    )  # fmt: skip
    yield from made(
        "harness/worlds/model.py", versions,
        ("version_order", "as text", gives("((0, 0, version),)")),
        ("_weight", "as text", gives("(1, 0, piece)")),
    )  # fmt: skip


def _causes() -> Iterator[Mutant]:
    near = ("tests/judge/test_causes.py", "tests/judge/test_replay.py", "tests/judge/test_judge.py")
    module = "harness/judge/causes.py"
    yield from inverted(module, near)
    yield from made(
        module, near,
        ("under_causes", "puts nothing under a cause", gives("list(findings)")),
        ("_Rerun._trusted", "trusts the model blindly", gives("True")),
        ("_Rerun.as_without", "takes any difference", gives("True")),
        ("_Rerun.entry_as_without", "takes any difference", gives("True")),
        ("_Rerun.made_after_all", "takes any difference", gives("True")),
        ("_Cause.covers", "covers all", gives("True")),
        ("_Cause.listed_in", "is listed everywhere", gives("True")),
    )  # fmt: skip
    steps = ("tests/judge/test_replay.py", "-k", "not plain_directory")  # that one takes long
    yield from inverted("harness/judge/replay.py", steps)


def _whiteouts() -> Iterator[Mutant]:
    own = {name: f"tests/whiteouts/test_{name}.py" for name in ("union", "markers", "convert")}
    near = (*own.values(), "tests/judge/test_rules_upper.py", "tests/judge/test_inspected.py")
    for name, first in own.items():
        yield from inverted(f"{_WHITEOUTS}/{name}.py", (first, *(one for one in near if one != first)))
    yield from inverted("harness/judge/inspected.py", near[::-1])
    yield from made(
        f"{_WHITEOUTS}/markers.py", near[1:],
        ("find_markers", "finds none", gives("[]")),
        ("is_marker_entry", "is none", gives("False")),
    )  # fmt: skip
    yield from made(f"{_WHITEOUTS}/convert.py", near[2:], ("to_oci", "converts nothing", gives("layer")))
    yield from made(f"{_WHITEOUTS}/union.py", near, ("_honoured", "honours all", gives("True")))


def _told() -> Iterator[Mutant]:
    near = ("tests/compare/test_classes.py",)
    yield from inverted("harness/compare/noise.py", near)
    yield from made("harness/compare/noise.py", near, ("_normalised", "keeps noise", gives("entry")))
    near = ("tests/compare/test_sentences.py",)
    yield from inverted("harness/compare/groups.py", near)
    yield from made(
        "harness/compare/groups.py", near,
        ("Group.takes", "takes all", gives("True")),
        ("Group.takes", "takes none", gives("False")),
        ("Group.without", "says of none that it has it not", gives("set()")),
        ("_unseen", "saw all to the end", gives("False")),
    )  # fmt: skip
    yield from inverted("harness/compare/sentences.py", near, ("_sentence", "counts", "not_run"))
    near = ("tests/compare/test_boundary.py",)
    yield from inverted("harness/compare/boundary.py", near, ("_findings",))
    near = ("tests/report/test_load.py",)
    yield from made("harness/report/load.py", near, ("load", "lets the oldest run win", backwards))
    yield from inverted("harness/report/load.py", near, ("_load",))
