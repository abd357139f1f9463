"""The list of mutants: rules, readers, leaks, verdicts, and the few other places where being wrong is not seen at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.mutation.changes import (
    Change,
    Mutant,
    backwards,
    conditions,
    function_of,
    gives,
    in_place,
    negated,
    replaced,
    reversed_pair,
)  # fmt: skip

PROJECT = Path(__file__).resolve().parents[2]


def every() -> list[Mutant]:
    """All of them, in the order in which they are told."""
    return [*_rules(), *_judged(), *_named()]


def _rules() -> Iterator[Mutant]:
    """Every rule silent, and every rule with its first condition the other way round: what a module's ``RULES`` names is a rule."""
    for path in sorted((PROJECT / "harness/whiteouts/rules").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        here = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        tables = [
            one
            for one in tree.body
            if isinstance(one, ast.Assign | ast.AnnAssign) and ast.unparse(one).startswith("RULES")
        ]
        rules = [one.id for table in tables for one in ast.walk(table) if isinstance(one, ast.Name) and one.id in here]
        assert bool(rules) is bool(tables), path
        near = (f"tests/whiteouts/test_rules_{path.stem}.py", "tests/test_judge.py", "tests/whiteouts")
        for name in rules:
            module = str(path.relative_to(PROJECT))
            yield Mutant(module, name, "silent", gives("iter(())"), near)
            if conditions(function_of(tree, name)):
                yield Mutant(module, name, "inverted", negated(), near)


def _judged() -> Iterator[Mutant]:
    """Every condition of the verdict the other way round."""
    module, near = "harness/judge.py", ("tests/test_judge.py",)
    judge = function_of(ast.parse((PROJECT / module).read_text(encoding="utf-8")), "judge")
    for number in range(len(conditions(judge))):
        yield Mutant(module, "judge", f"condition {number + 1} inverted", negated(number), near)


def _named() -> Iterator[Mutant]:
    """What is not found by walking a table."""
    layer, judge, order = "harness/whiteouts/rules/layer.py", "harness/judge.py", "harness/worlds/model.py"
    tar, ext, inode, folder = (f"harness/snapshot/{name}.py" for name in ("tar", "ext", "ext_inode", "folder"))
    lines, mtree, sif = (f"harness/snapshot/{name}.py" for name in ("jsonl", "mtree", "sif"))
    leaks, evidence = "harness/launch/leaks.py", "harness/launch/evidence.py"
    near = {
        layer: ("tests/whiteouts",),
        judge: ("tests/test_judge.py", "tests/test_carried.py"),
        order: ("tests/worlds/test_versions.py", "tests/test_plan.py"),
        leaks: ("tests/launch", "tests/test_run.py", "-k", "leak or loop or foreign or left_behind"),
        evidence: ("tests/launch", "-k", "evidence or room or whole or full or unseen or not_ready or stop"),
        "harness/compare/noise.py": ("tests/compare",),
        "harness/launch/enclosure.py": ("tests/launch/test_enclosure.py",),
        "harness/launch/guarded.py": ("tests/launch/test_guarded.py",),
        "harness/plan.py": ("tests/test_plan.py",),
        "harness/progress.py": ("tests/test_progress.py", "tests/test_run.py", "-k", "leak or exit or progress"),
        "harness/report/load.py": ("tests/report", "-m", "not browser"),
        "harness/results.py": (
            "tests/test_results.py",
            "tests/test_run.py",
            "tests/report/test_load.py",
            "-k",
            "results or whole or in_place",
        ),
        "harness/whiteouts/convert.py": ("tests/whiteouts",),
        "harness/whiteouts/markers.py": ("tests/whiteouts",),
        "harness/whiteouts/union.py": ("tests/whiteouts",),
    }
    rows: tuple[tuple[str, str, str, Change], ...] = (
        (layer, "_duplicates", "silent", gives("iter(())")),
        (layer, "_links_to_markers", "silent", gives("iter(())")),
        (layer, "_not_the_spec", "silent", gives("iter(())")),
        (judge, "carried", "carries nothing", gives("list(findings)")),
        (judge, "_wrong_scenario", "silent", gives("''")),
        (judge, "_named", "knows nothing", gives("finding")),
        (order, "version_order", "as text", gives("((0, 0, version),)")),
        (order, "version_order", "reversed", replaced("int(p)", "-int(p)")),
        ("harness/plan.py", "matches_version", "takes every version", gives("True")),
        ("harness/compare/noise.py", "_normalised", "keeps noise", gives("entry")),
        ("harness/whiteouts/markers.py", "find_markers", "finds none", gives("[]")),
        ("harness/whiteouts/convert.py", "to_oci", "converts nothing", gives("layer")),
        ("harness/whiteouts/union.py", "read_layer", "inverted", negated()),
        (tar, "_entry", "device numbers swapped", replaced("member.devmajor", "member.devminor", swap=True)),
        (tar, "_entry", "owner and group swapped", replaced("member.uid", "member.gid", swap=True)),
        (tar, "_entry", "without setuid", replaced("0o7777", "0o777")),
        (tar, "_entry", "without xattrs", replaced("xattrs", "{}")),
        (tar, "join_links", "joins none", gives("entries")),
        (tar, "clean", "cleans nothing", gives("name")),
        (inode, "Inode.device", "swapped", reversed_pair),
        (inode, "Image.xattrs", "sees none", gives("({}, '')")),
        (ext, "_linked", "joins none", gives("entries")),
        (ext, "_entry", "owner and group swapped", replaced("inode.uid", "inode.gid", swap=True)),
        (folder, "_make", "device numbers swapped", replaced("os.major", "os.minor", swap=True)),
        (folder, "_make", "owner and group swapped", replaced("status.st_uid", "status.st_gid", swap=True)),
        (folder, "_make", "without setuid", replaced("0o7777", "0o777")),
        (folder, "walk", "enters other file systems", replaced("device == root.st_dev", "True")),
        (folder, "unseen_here", "says that all was seen", replaced("('trusted',)", "()")),
        (lines, "from_json", "turns a condition round", negated()),
        (mtree, "_line", "inverted", negated()),
        (sif, "is_sif", "takes all", gives("True")),
        (leaks, "_mounts", "silent", gives("[]")),
        (leaks, "_processes", "silent", gives("[]")),
        (leaks, "_loops", "silent", gives("[]")),
        (leaks, "_folders", "silent", gives("[]")),
        (evidence, "no_space", "silent", gives("''")),
        (evidence, "unseen", "says that all was seen", gives("()")),
        (evidence, "broken", "silent", gives("''")),
        ("harness/progress.py", "Progress.exit_code", "does not look at leaks", replaced("self.run.leaks", "()")),
        ("harness/launch/enclosure.py", "fstab_word", "escapes nothing", gives("str(path)")),
        ("harness/launch/guarded.py", "_remove", "crosses mounts", replaced("here != expected", "False")),
        ("harness/launch/guarded.py", "is_marked", "says that all is ours", gives("True")),
        ("harness/results.py", "write_results", "writes in place", in_place),
        ("harness/report/load.py", "load", "lets the oldest run win", backwards),
    )
    for module, function, what, change in rows:
        yield Mutant(module, function, what, change, near.get(module, ("tests/snapshot",)))
