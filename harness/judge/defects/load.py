"""Reading defect files: strict, every mistake of every file at once, with its place and remedy."""

from __future__ import annotations

import contextlib
import datetime
import fnmatch
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness import places
from harness.judge.codes import CODES
from harness.judge.defects.model import SCHEMA, Defect, Sign
from harness.judge.facts import FACT_NAMES
from harness.scenario.convert import BAD, check_keys, fields_of, read
from harness.scenario.mistakes import Enough, Mistakes, end_all
from harness.scenario.toml import NAME, raw_file, table
from harness.worlds.ranges import ANY, choices, mistake_in, parse_range


@dataclass(frozen=True)
class Words:
    """What a defect may speak of: the tools that there can be, the programs of theirs, the scenarios that there are."""

    tools: Collection[str]
    programs: Collection[str]
    scenarios: Collection[str]


def load_defects(folder: Path, words: Words) -> tuple[Defect, ...]:
    """Every defect of a folder, by name. No folder: none. Raises ScenarioError with the mistakes of all files."""
    defects: list[Defect] = []
    wrong: list[Mistakes] = []
    for path in sorted(folder.glob("*.toml")):
        told = Mistakes(str(path))
        with contextlib.suppress(Enough), told.taken():
            defect = parse(raw_file(path), path.stem, words, told)
            defects += [defect] if defect is not None and not told.found else []
        wrong += [told] if told.found else []
    end_all(wrong)
    return tuple(defects)


def parse(raw: bytes, name: str, words: Words, told: Mistakes) -> Defect | None:
    """The defect that TOML text says, or None where it has mistakes, which are told. Raises ScenarioError, Enough."""
    data = table(raw, told.where, SCHEMA)
    if not NAME.fullmatch(name.replace(".", "-")):
        told.add(
            f"the name {name[:80]!r} is not one for a defect", remedy="use lower-case letters, digits, '.' and '-'"
        )
    if "name" in data:
        told.add("unknown key 'name'", "name", "the file's name is the defect's name")
        del data["name"]
    check_keys(data, Defect, "", told)
    said = {
        field.name: read(data[field.name], field.type, field.name, told)
        for field in fields_of(Defect)
        if field.name in data
    }
    if BAD in said.values() or told.found:
        return None
    defect = msgspec.convert({**data, "name": name}, Defect)
    _check(defect, words, told)
    return None if told.found else defect


def _check(defect: Defect, words: Words, told: Mistakes) -> None:
    """Everything that types do not say."""
    for key in ("title", "cause", "remedy"):
        if len(getattr(defect, key).strip()) < 10:
            told.add("says too little", key, "one sentence that a stranger understands")
    _one_of(defect.program, words.programs, "program", "program", told)
    _ranges(defect.versions, "versions", told)
    for i, link in enumerate(defect.links):
        if not re.fullmatch(r"https://\S+", link):
            told.add(f"{link[:80]!r} is no link", f"links[{i}]", "write https://…")
    if not defect.links and not defect.seen:
        told.add("nobody can read about it", "links", "name where it is reported, or say on which day it was 'seen'")
    if defect.seen and not _is_day(defect.seen):
        told.add(f"{defect.seen[:40]!r} is no day", "seen", "write it as '2026-11-24'")
    for i, scenario in enumerate(defect.witnesses):
        _one_of(scenario, words.scenarios, "scenario", f"witnesses[{i}]", told)
    for i, sign in enumerate(defect.signs):
        _check_sign(sign, f"signs[{i}]", words, told)


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_sign(sign: Sign, key: str, words: Words, told: Mistakes) -> None:
    for i, code in enumerate(sign.codes):
        _one_of(code, CODES, "code", f"{key}.codes[{i}]", told)
    for i, pattern in enumerate(sign.tools):
        if not any(fnmatch.fnmatchcase(name, pattern) for name in words.tools):
            what, remedy = mistake_in(pattern, words.tools)
            what = what or f"{pattern[:80]!r} says versions, which 'versions' says"
            told.add(what, f"{key}.tools[{i}]", remedy)
    for i, place in enumerate(sign.places):
        if places.known(place) is None:
            told.add(f"there is no place {place[:80]!r}", f"{key}.places[{i}]", choices(place, places.NAMES))
    for i, scenario in enumerate(sign.scenarios):
        _one_of(scenario, words.scenarios, "scenario", f"{key}.scenarios[{i}]", told)
    for name in sign.facts:
        for code in sign.codes:
            if name not in FACT_NAMES.get(code, ()):
                told.add(f"{code} has no fact {name[:80]!r}", f"{key}.facts", choices(name, FACT_NAMES.get(code, ())))
    _ranges(sign.versions, f"{key}.versions", told)


def _one_of(said: str, known: Collection[str], what: str, key: str, told: Mistakes) -> None:
    if said not in known:
        told.add(f"there is no {what} {said[:80]!r}", key, choices(said, known))


def _ranges(ranges: Sequence[str], key: str, told: Mistakes) -> None:
    for i, one in enumerate(ranges):
        if parse_range(one) is None:
            told.add(
                f"{one[:80]!r} is no range of versions",
                f"{key}[{i}]",
                f"write bounds, '>=0.7.5,<1.15' or '==0.4', or '{ANY}'",
            )
