"""Reading scenario files: strict, and with the place and the remedy of every mistake."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from harness.errors import UsageError
from harness.profile import Profile
from harness.scenario.archive import FOLDER as CORPUS
from harness.scenario.check import check_path, check_text, check_tree
from harness.scenario.convert import BAD, check_keys, fields_of, read, read_entries, read_list
from harness.scenario.kept import named_table
from harness.scenario.mistakes import Enough, Mistakes, end_all
from harness.scenario.model import KILLED, SCHEMA, FaultAt, Node, Scenario, Tree
from harness.scenario.options import check_env, check_options
from harness.scenario.rehearse import slips
from harness.scenario.steps import StepBase
from harness.scenario.toml import raw_file
from harness.scenario.words import check_names, check_tools

DEFECTS = "defects"  # the folder beside the scenarios, whose files are none of them
_APART = {DEFECTS, CORPUS}


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
        elif path.suffix == ".toml" or os.sep in word:
            raise UsageError("there is no such file", where=word, remedy="see how the path is written")
        else:
            near = difflib.get_close_matches(word, known, n=3)
            raise UsageError(
                f"no scenario {word!r}", remedy=f"did you mean {', '.join(near)}?" if near else "see: whiteout-lab list"
            )
    return list({canonical(path): path for path in found}.values())


def canonical(path: Path) -> Path:
    """The one way to write a scenario file's path: absolute, without ``..`` and links of folders; the file keeps its own name."""
    whole = path.absolute()  # of "." the name is the folder's, and not empty
    return whole.parent.resolve() / whole.name


def scenarios_below(folder: Path) -> list[Path]:
    """The scenario files of a folder and of those in it. Raises UsageError for a folder that may not be read; one that vanishes is gone."""

    def refused(error: OSError) -> None:
        if isinstance(error, PermissionError):
            raise UsageError(
                "cannot be read: Permission denied", where=str(error.filename), remedy="name another folder"
            )

    walked = os.walk(folder, onerror=refused)
    return sorted(
        Path(top, name)
        for top, _, names in walked
        for name in names
        if name.endswith(".toml") and Path(top).name not in _APART
    )


def load_all(paths: Iterable[Path]) -> list[Scenario]:
    """Load scenarios, and refuse two of one name. Raises ScenarioError with the mistakes of all files."""
    by_name: dict[str, tuple[Scenario, Path]] = {}
    wrong: list[Mistakes] = []
    for path in paths:
        mistakes = Mistakes(str(path))
        scenario = _scenario(path, mistakes)
        if scenario is not None and scenario.name in by_name:
            mistakes.add(
                f"a second scenario with the name {scenario.name!r}",
                remedy=f"rename it; the first is {by_name[scenario.name][1]}",
            )
        elif scenario is not None:
            by_name[scenario.name] = (scenario, path)
        wrong += [mistakes] if mistakes.found else []
    end_all(wrong)
    return [scenario for scenario, _ in by_name.values()]


def load(path: Path) -> Scenario:
    """Read one scenario file. Raises ScenarioError with file, key path and remedy of every mistake."""
    mistakes = Mistakes(str(path))
    scenario = _scenario(path, mistakes)
    mistakes.end()
    assert scenario is not None
    return scenario


def parse(raw: bytes, *, where: str, name: str) -> Scenario:
    """The scenario that TOML text says; its steps are not rehearsed. Raises ScenarioError with every mistake in it."""
    mistakes = Mistakes(where)
    scenario = None
    with contextlib.suppress(Enough):
        scenario = _parsed(raw, name, mistakes)
    mistakes.end()
    assert scenario is not None
    return scenario


def _scenario(path: Path, mistakes: Mistakes) -> Scenario | None:
    """The scenario of a file, or None where it has mistakes, or a step that cannot do what it says."""
    with contextlib.suppress(Enough), mistakes.taken():
        scenario = _parsed(raw_file(path), path.stem, mistakes)
        for index, what in _slips(scenario) if scenario else ():
            mistakes.add(what, f"steps[{index}]", "mend the step, what stands before it, or its 'fails'")
        return None if mistakes.found else scenario
    return None


def _slips(scenario: Scenario) -> Iterable[tuple[int, str]]:
    profiles = [Profile(profile) for profile in scenario.profiles] or list(Profile)
    return dict.fromkeys(slip for profile in profiles for slip in slips(scenario, profile))


def _parsed(raw: bytes, name: str, mistakes: Mistakes) -> Scenario | None:
    data = named_table(raw, name, SCHEMA, "scenario", mistakes)
    if data.pop("known", None) is not None:
        mistakes.add(
            "a scenario says nothing of what is known",
            "known",
            "write a file in scenarios/defects: docs/add-a-defect.md",
        )
    check_keys(data, Scenario, "", mistakes)
    fields = {field.name: _field(data, field, mistakes) for field in fields_of(Scenario) if field.name in data}
    _check(fields, mistakes)
    if mistakes.found:
        return None
    return msgspec.convert({**data, "name": name}, Scenario)


def _field(data: dict[str, Any], field: msgspec.structs.FieldInfo, mistakes: Mistakes) -> Any:
    """What a key of the file says, as the model has it: BAD, or with BAD in it, where there are mistakes."""
    value, key = data[field.name], field.name
    if key == "layers" and isinstance(value, list):
        return [_tree(tree, f"{key}[{i}]", mistakes) for i, tree in enumerate(value)]
    if key == "upper":
        return _tree(value, key, mistakes)
    if key == "steps" and isinstance(value, list):
        return read_list(value, get_args(field.type)[0], key, mistakes)
    return read(value, field.type, key, mistakes)


def _tree(value: Any, key: str, mistakes: Mistakes) -> Any:
    return (
        read_entries(value, str | Node, key, mistakes) if isinstance(value, dict) else read(value, Tree, key, mistakes)
    )


def _check(fields: dict[str, Any], mistakes: Mistakes) -> None:
    """Everything that types do not say. *fields*: the file's keys as the model has them; what is BAD has its mistake already."""
    if not any(fields.get(key) for key in ("steps", "layers", "upper")):
        mistakes.add("nothing to do: neither layers nor steps")
    trees = [(f"layers[{i}]", tree) for i, tree in enumerate(_good(fields, "layers", []))]
    for key, tree in [*trees, ("upper", _good(fields, "upper", {}))]:
        if tree is not BAD:
            check_tree(tree, key, mistakes)
    for i, step in enumerate(_good(fields, "steps", [])):
        if step is not BAD:
            _check_step(step, f"steps[{i}]", mistakes)
    check_tools(_good(fields, "on", ()), "on", mistakes)
    check_tools(_good(fields, "refuses", ()), "refuses", mistakes)
    for i, one in enumerate(_good(fields, "faults", ())):
        if one is not BAD:
            _check_fault(one, f"faults[{i}].fault", mistakes)
    check_names(_good(fields, "also", ()), "also", mistakes)
    check_options(_good(fields, "options", {}), "options", mistakes)
    handed = _good(fields, "handover", None)
    if handed is not None and handed.profile is None and handed.mode is None:
        mistakes.add("hands over to nobody", "handover", 'say profile = "root" or "user", or mode = "native" or "oci"')
    check_env(_good(fields, "env", {}), "env", mistakes)


def _check_fault(one: FaultAt, key: str, mistakes: Mistakes) -> None:
    if one.fault != KILLED and one.fault not in errno.errorcode.values():
        mistakes.add(f"there is no fault {one.fault!r}", key, f"{KILLED}, or an error such as EIO, EMFILE, ENOSPC")


def _good(fields: dict[str, Any], key: str, otherwise: Any) -> Any:
    value = fields.get(key, otherwise)
    return otherwise if value is BAD else value


def _check_step(step: StepBase, key: str, mistakes: Mistakes) -> None:
    for name, path in step.named():
        with mistakes.taken():
            check_path(path, f"{mistakes.where}: {key}.{name}", root_is_fine=True)
    mode = getattr(step, "mode", None)
    if mode is not None and not re.fullmatch("[0-7]{3,4}", mode):
        mistakes.add(f"{mode!r} is no octal mode", f"{key}.mode", "write it as '0755'")
    for name in ("text", "target", "value"):  # texts in which a byte may be escaped
        if isinstance(text := getattr(step, name, None), str):
            with mistakes.taken():
                check_text(text, f"{mistakes.where}: {key}.{name}")
    for name, numbers in (("size", 63), ("device", 32), ("owner", 32)):
        value = getattr(step, name, ())
        for number in value if isinstance(value, tuple) else (value,):
            if not 0 <= number < 1 << numbers:
                mistakes.add(f"{number} is no {name}", f"{key}.{name}", f"from 0 to 2^{numbers} - 1")
