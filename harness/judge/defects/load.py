"""Reading defect files: strict, every mistake of every file at once, with its place and remedy."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import places
from harness.judge.codes import CODES
from harness.judge.defects.model import SCHEMA, Defect, Sign
from harness.judge.facts import FACT_NAMES
from harness.scenario.kept import check_links, check_sentences, load_folder, named_table, read_whole
from harness.scenario.mistakes import Mistakes
from harness.worlds.ranges import ANY, choices, mistake_in, parse_range


@dataclass(frozen=True)
class Words:
    """What a defect may speak of: the tools that there can be, the programs of theirs, the scenarios that there are."""

    tools: Collection[str]
    programs: Collection[str]
    scenarios: Collection[str]


def load_defects(folder: Path, words: Words) -> tuple[Defect, ...]:
    """Every defect of a folder, by name. No folder: none. Raises ScenarioError with the mistakes of all files."""
    return load_folder(folder, lambda raw, name, mistakes: parse(raw, name, words, mistakes))


def parse(raw: bytes, name: str, words: Words, mistakes: Mistakes) -> Defect | None:
    """The defect that TOML text says, or None where it has mistakes, which are told. Raises ScenarioError, Enough."""
    data = named_table(raw, name, SCHEMA, "defect", mistakes, dots=True)
    defect = read_whole(data, name, Defect, mistakes)
    if defect is not None:
        _check(defect, words, mistakes)
    return None if mistakes.found else defect


def _check(defect: Defect, words: Words, mistakes: Mistakes) -> None:
    """Everything that types do not say."""
    check_sentences(defect, ("title", "cause", "remedy"), mistakes)
    _one_of(defect.program, words.programs, "program", "program", mistakes)
    _ranges(defect.versions, "versions", mistakes)
    check_links(defect.links, mistakes)
    if not defect.links and not defect.seen:
        mistakes.add(
            "nobody can read about it", "links", "name where it is reported, or say on which day it was 'seen'"
        )
    if defect.seen and not _is_day(defect.seen):
        mistakes.add(f"{defect.seen[:40]!r} is no day", "seen", "write it as '2026-11-24'")
    for i, scenario in enumerate(defect.witnesses):
        _one_of(scenario, words.scenarios, "scenario", f"witnesses[{i}]", mistakes)
    for i, sign in enumerate(defect.signs):
        _check_sign(sign, f"signs[{i}]", words, mistakes)


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_sign(sign: Sign, key: str, words: Words, mistakes: Mistakes) -> None:
    for i, code in enumerate(sign.codes):
        _one_of(code, CODES, "code", f"{key}.codes[{i}]", mistakes)
    for i, pattern in enumerate(sign.tools):
        if not any(fnmatch.fnmatchcase(name, pattern) for name in words.tools):
            what, remedy = mistake_in(pattern, words.tools)
            what = what or f"{pattern[:80]!r} says versions, which 'versions' says"
            mistakes.add(what, f"{key}.tools[{i}]", remedy)
    for i, place in enumerate(sign.places):
        if places.known(place) is None:
            mistakes.add(f"there is no place {place[:80]!r}", f"{key}.places[{i}]", choices(place, places.NAMES))
    for i, scenario in enumerate(sign.scenarios):
        _one_of(scenario, words.scenarios, "scenario", f"{key}.scenarios[{i}]", mistakes)
    for name in sign.facts:
        for code in sign.codes:
            if name not in FACT_NAMES.get(code, ()):
                mistakes.add(
                    f"{code} has no fact {name[:80]!r}", f"{key}.facts", choices(name, FACT_NAMES.get(code, ()))
                )
    _ranges(sign.versions, f"{key}.versions", mistakes)


def _one_of(word: str, known: Collection[str], what: str, key: str, mistakes: Mistakes) -> None:
    if word not in known:
        mistakes.add(f"there is no {what} {word[:80]!r}", key, choices(word, known))


def _ranges(ranges: Sequence[str], key: str, mistakes: Mistakes) -> None:
    for i, one in enumerate(ranges):
        if parse_range(one) is None:
            mistakes.add(
                f"{one[:80]!r} is no range of versions",
                f"{key}[{i}]",
                f"write bounds, '>=0.7.5,<1.15' or '==0.4', or '{ANY}'",
            )
