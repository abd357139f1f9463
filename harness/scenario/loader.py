"""Reading scenario files: strict, and with the place and the remedy of every mistake."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.errors import ScenarioError, UsageError
from harness.findings import Known
from harness.scenario.check import check_path, check_tree
from harness.scenario.model import SCHEMA, KnownFile, Node, Scenario
from harness.scenario.steps import StepBase

KNOWN = "known.toml"  # beside the scenarios, and none of them
MAX_FILE = 1 << 20  # bytes: a scenario is a page of text, and tomllib reads its file whole
_STRUCTS: tuple[type[msgspec.Struct], ...] = (Scenario, KnownFile, Known, Node, *StepBase.__subclasses__())
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def find(words: Sequence[str], folder: Path) -> list[Path]:
    """Scenario files for words on the command line: paths, folders, or names of files below *folder*. No word: all.

    Raises UsageError for a word that names nothing.
    """
    known = {path.stem: path for path in scenarios_below(folder)}
    if not words:
        return list(known.values())
    found: list[Path] = []
    for word in words:
        path = Path(word)
        if word in known:
            found.append(known[word])
        elif path.is_dir():
            found.extend(scenarios_below(path))
        elif path.is_file() and path.suffix == ".toml":
            found.append(path)
        elif path.exists():
            raise UsageError("is no scenario file", where=word, remedy="name a .toml file, or a folder of them")
        else:
            near = difflib.get_close_matches(word, known, n=3)
            raise UsageError(
                f"no scenario {word!r}", remedy=f"did you mean {', '.join(near)}?" if near else "see: whiteout-lab list"
            )
    return list(dict.fromkeys(found))


def scenarios_below(folder: Path) -> list[Path]:
    """The scenario files of a folder and of those in it."""
    return sorted(path for path in folder.rglob("*.toml") if path.name != KNOWN)


def load_all(paths: Iterable[Path], shared: tuple[Known, ...] = ()) -> list[Scenario]:
    """Load scenarios, and refuse two of one name. *shared*: known findings that each has besides its own."""
    by_name: dict[str, tuple[Scenario, Path]] = {}
    for path in paths:
        scenario = load(path)
        if scenario.name in by_name:
            raise ScenarioError(
                f"a second scenario with the name {scenario.name!r}",
                where=str(path),
                remedy=f"rename it; the first is {by_name[scenario.name][1]}",
            )
        by_name[scenario.name] = (scenario, path)
    return [msgspec.structs.replace(scenario, known=scenario.known + shared) for scenario, _ in by_name.values()]


def load(path: Path) -> Scenario:
    """Read one scenario file. Raises ScenarioError with file, key path and remedy."""
    return parse(_raw(path), where=str(path), name=path.stem)


def load_known(folder: Path) -> tuple[Known, ...]:
    """What ``known.toml`` of a folder says of tools, whatever the scenario: optional, since it is not seen in every one.

    No file: nothing. Raises ScenarioError as for a scenario.
    """
    path = folder / KNOWN
    if not path.exists():
        return ()
    where = str(path)
    data = _toml(_raw(path), where)
    try:
        read = msgspec.convert({**data, "known": _one_each(data.get("known", []))}, KnownFile)
    except msgspec.ValidationError as error:
        raise _validation(str(error), where) from error
    _check_known(read.known, where)
    return tuple(msgspec.structs.replace(known, optional=True) for known in read.known)


def _raw(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(raw) > MAX_FILE:
        raise ScenarioError(
            "larger than 1 MiB", where=str(path), remedy="a scenario is a page of text: is this the right file?"
        )
    return raw


def _toml(raw: bytes, where: str) -> dict[str, Any]:
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"is not UTF-8 (byte {error.start})", where=where, remedy=r"write other bytes of a name as \\xNN"
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"is not TOML: {error}", where=where) from error
    if data.get("schema") != SCHEMA:
        raise ScenarioError(
            f"schema is {data.get('schema', 'missing')!r}",
            where=f"{where}: schema",
            remedy=f"this version reads schema = {SCHEMA}",
        )
    return data


def parse(raw: bytes, *, where: str, name: str) -> Scenario:
    """The scenario that TOML text says. Raises ScenarioError."""
    data = _toml(raw, where)
    if "name" in data:
        raise ScenarioError(
            "unknown key 'name'", where=f"{where}: name", remedy="the file's name is the scenario's name"
        )
    try:
        scenario = msgspec.convert({**data, "known": _one_each(data.get("known", [])), "name": name}, Scenario)
    except msgspec.ValidationError as error:
        raise _in_a_tree(data, where) or _validation(str(error), where) from error
    if not NAME.fullmatch(name):
        raise ScenarioError(
            f"the name {name!r} is not one for a scenario", where=where, remedy="use lower-case letters, digits and '-'"
        )
    _check(scenario, where)
    return scenario


def _one_each(known: Any) -> Any:
    """``code = ["WL203", "WL204"]`` is an entry for each of the codes, alike in everything else."""
    if not isinstance(known, list):
        return known
    return [
        {**entry, "code": code} if isinstance(entry, dict) and isinstance(entry.get("code"), list) else entry
        for entry in known
        for code in (entry["code"] if isinstance(entry, dict) and isinstance(entry.get("code"), list) else [None])
    ]


def _in_a_tree(data: dict[str, Any], where: str) -> ScenarioError | None:
    """The first wrong entry of a tree with its name, which msgspec writes as ``[...]``."""
    layers = data.get("layers", [])
    trees = [(f"layers[{i}]", tree) for i, tree in enumerate(layers if isinstance(layers, list) else [])]
    for key, tree in [*trees, ("upper", data.get("upper"))]:
        for name, value in tree.items() if isinstance(tree, dict) else ():
            try:
                msgspec.convert(value, str | Node)
            except msgspec.ValidationError as error:
                return _validation(str(error), where, f'{key}."{name}"')
    return None


def _validation(text: str, where: str, prefix: str = "") -> ScenarioError:
    what, _, key = text.partition(" - at `$")
    key = prefix + key.rstrip("`") if prefix else key.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `([^`]*)`", what)
    if unknown:
        fields = {f for kind in _STRUCTS for f in kind.__struct_fields__}
        near = difflib.get_close_matches(unknown[1], fields, n=1)
        remedy = f"did you mean {near[0]!r}? " if near else ""
        return ScenarioError(
            f"unknown key {unknown[1]!r}",
            where=f"{where}: {key or '(top)'}",
            remedy=f"{remedy}see: whiteout-lab schema",
        )
    return ScenarioError(what.replace("`", "'"), where=f"{where}: {key or '(top)'}", remedy="see: whiteout-lab schema")


def _check(scenario: Scenario, where: str) -> None:
    if not scenario.steps and not scenario.layers and not scenario.upper:
        raise ScenarioError("nothing to do: neither layers nor steps", where=where)
    trees = [(f"layers[{i}]", tree) for i, tree in enumerate(scenario.layers)] + [("upper", scenario.upper)]
    for key, tree in trees:
        check_tree(tree, f"{where}: {key}")
    for i, step in enumerate(scenario.steps):
        for key, path in step.named():
            check_path(path, f"{where}: steps[{i}].{key}", root_is_fine=True)
        mode = getattr(step, "mode", None)
        if mode is not None and not re.fullmatch("[0-7]{3,4}", mode):
            raise ScenarioError(
                f"{mode!r} is no octal mode", where=f"{where}: steps[{i}].mode", remedy="write it as '0755'"
            )
    _check_known(scenario.known, where)
    handed = scenario.handover
    if handed is not None and handed.profile is None and handed.mode is None:
        raise ScenarioError(
            "hands over to nobody",
            where=f"{where}: handover",
            remedy='say profile = "root" or "user", or mode = "native" or "oci"',
        )
    for key in scenario.env:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            raise ScenarioError(f"{key!r} is no name of a variable", where=f"{where}: env")


def _check_known(every: Iterable[Known], where: str) -> None:
    for i, known in enumerate(every):
        if not re.fullmatch(r"WL\d{3}", known.code):
            raise ScenarioError(
                f"{known.code!r} is no code", where=f"{where}: known[{i}].code", remedy="write WL and three digits"
            )
